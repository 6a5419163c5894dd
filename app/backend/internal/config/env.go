package config

import (
	"fmt"
	"log/slog"
	"net"
	"net/mail"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
)

// Error lists what is wrong with the environment, a line for each variable.
type Error struct {
	Problems []string
}

func (e *Error) Error() string {
	return "reading the environment:\n  " + strings.Join(e.Problems, "\n  ")
}

// env reads variables and collects what is wrong with them. It never repeats a value, which may be a secret.
type env struct {
	get      func(string) string
	problems []string
}

func (e *env) bad(name, format string, args ...any) {
	e.problems = append(e.problems, name+": "+fmt.Sprintf(format, args...))
}

func (e *env) text(name, fallback string) string {
	if v := strings.TrimSpace(e.get(name)); v != "" {
		return v
	}
	return fallback
}

func (e *env) required(name string) string {
	v := e.text(name, "")
	if v == "" {
		e.bad(name, "is not set")
	}
	return v
}

func (e *env) secret(name string) Secret {
	file := e.get(name + "_FILE")
	switch {
	case file == "":
		return Secret(e.required(name))
	case e.get(name) != "":
		e.bad(name, "is set beside %s_FILE; set one of them", name)
		return ""
	}
	content, err := os.ReadFile(file)
	if err != nil {
		e.bad(name+"_FILE", "%v", err)
		return ""
	}
	v := strings.TrimRight(string(content), "\r\n")
	if v == "" {
		e.bad(name+"_FILE", "names an empty file")
	}
	return Secret(v)
}

func (e *env) email(name string) string {
	v := e.required(name)
	if v == "" {
		return ""
	}
	if a, err := mail.ParseAddress(v); err != nil || a.Address != v {
		e.bad(name, "is not an e-mail address such as admin@example.com")
	}
	return strings.ToLower(v)
}

func (e *env) number(name string, fallback, least, most int) int {
	v := e.text(name, "")
	if v == "" {
		return fallback
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < least || n > most {
		e.bad(name, "must be a whole number from %d to %d", least, most)
	}
	return n
}

func (e *env) boolean(name string, fallback bool) bool {
	v, err := strconv.ParseBool(e.text(name, strconv.FormatBool(fallback)))
	if err != nil {
		e.bad(name, "must be true or false")
	}
	return v
}

func (e *env) oneOf(name, fallback string, allowed ...string) string {
	v := e.text(name, fallback)
	if !slices.Contains(allowed, v) {
		e.bad(name, "must be one of %s", strings.Join(allowed, ", "))
	}
	return v
}

func (e *env) level(name string) slog.Level {
	var l slog.Level
	if err := l.UnmarshalText([]byte(e.text(name, "info"))); err != nil {
		e.bad(name, "must be debug, info, warn or error")
	}
	return l
}

func (e *env) host(name, fallback string) string {
	v := e.text(name, fallback)
	u, err := url.Parse("http://" + v)
	if err != nil || u.Host != v || u.Hostname() == "" {
		e.bad(name, "must be a host name or address, without scheme or path")
	}
	return v
}

func (e *env) path(name, fallback string) string {
	v := strings.TrimRight(e.text(name, fallback), "/")
	if !strings.HasPrefix(v, "/") || strings.ContainsAny(v, " ?#{}") {
		e.bad(name, "must be a path such as /api/v1")
	}
	return v
}

func (e *env) address(name, fallback string) string {
	v := e.text(name, fallback)
	if _, port, err := net.SplitHostPort(v); err != nil || port == "" {
		e.bad(name, "must be host:port or :port")
	}
	return v
}

func (e *env) origins(name string) []string {
	var origins []string
	for v := range strings.SplitSeq(e.get(name), ",") {
		v = strings.TrimRight(strings.TrimSpace(v), "/")
		if v == "" {
			continue
		}
		u, err := url.Parse(v)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.Scheme+"://"+u.Host != v {
			e.bad(name, "must be origins such as https://example.com, separated by commas")
			return nil
		}
		origins = append(origins, v)
	}
	return origins
}
