package program

import (
	"maps"
	"os"
	"slices"
	"strings"
)

// Machine are the variables that any program needs to work on this machine.
var Machine = []string{
	"PATH", "HOME", "USER", "LOGNAME", "TMPDIR",
	"LANG", "LANGUAGE", "LC_*", "TZ", // how it writes texts and times
	"LD_LIBRARY_PATH", "DYLD_*", // libraries of programs that are not the system's
}

// Network are the variables that a program needs to reach servers: proxies, in both
// spellings that programs read, and whose certificates to trust.
var Network = []string{
	"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy",
	"SSL_CERT_FILE", "SSL_CERT_DIR",
}

// Environ returns the variables of this process that pass names, and set, which are
// NAME=value and win. A name that ends in "*" is every name that begins so. They are
// sorted by name.
func Environ(pass []string, set ...string) []string {
	chosen := map[string]string{}
	for _, variable := range append(passed(os.Environ(), pass), set...) {
		name, value, _ := strings.Cut(variable, "=")
		chosen[name] = value
	}
	env := make([]string, 0, len(chosen))
	for _, name := range slices.Sorted(maps.Keys(chosen)) {
		env = append(env, name+"="+chosen[name])
	}
	return env
}

func passed(environ, pass []string) []string {
	return slices.DeleteFunc(environ, func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return !slices.ContainsFunc(pass, func(pattern string) bool { return matches(pattern, name) })
	})
}

func matches(pattern, name string) bool {
	if prefix, open := strings.CutSuffix(pattern, "*"); open {
		return strings.HasPrefix(name, prefix)
	}
	return name == pattern
}
