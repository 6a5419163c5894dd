package web

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
)

const requestIDHeader = "X-Request-Id"

// A foreign id must look like one before it gets into the log.
var plausibleID = regexp.MustCompile(`^[A-Za-z0-9._-]{8,64}$`)

type identityKey struct{}

type identity struct {
	request string
	address string
}

// identified gives each request an id, its own where it brought one, and finds out where it came from.
func identified(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get(requestIDHeader)
		if !plausibleID.MatchString(id) {
			id = rand.Text()
		}
		w.Header().Set(requestIDHeader, id)
		who := identity{request: id, address: clientAddress(r)}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), identityKey{}, who)))
	})
}

// ClientAddress returns the address of the client that a request's context belongs to.
func ClientAddress(ctx context.Context) string {
	who, _ := ctx.Value(identityKey{}).(identity)
	return who.address
}

// clientAddress believes a proxy only in a private network, and then what it appended last.
func clientAddress(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	peer, err := netip.ParseAddr(host)
	if err != nil || (!peer.IsPrivate() && !peer.IsLoopback()) {
		return host
	}
	chain := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	if client, err := netip.ParseAddr(strings.TrimSpace(chain[len(chain)-1])); err == nil {
		return client.String()
	}
	return host
}

// LogHandler adds the request's id to every record that is logged with its context.
func LogHandler(h slog.Handler) slog.Handler { return logHandler{h} }

type logHandler struct{ slog.Handler }

func (h logHandler) Handle(ctx context.Context, r slog.Record) error {
	if who, ok := ctx.Value(identityKey{}).(identity); ok {
		r.AddAttrs(slog.String("request_id", who.request))
	}
	return h.Handler.Handle(ctx, r)
}

func (h logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return logHandler{h.Handler.WithAttrs(attrs)}
}

func (h logHandler) WithGroup(name string) slog.Handler { return logHandler{h.Handler.WithGroup(name)} }
