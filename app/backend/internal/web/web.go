// Package web wraps a handler in what every request gets: an id, a log line, metrics, limits and headers.
package web

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/rs/cors"
)

// requestTimeout bounds what a request may keep busy behind it. Each operation bounds its own body.
const requestTimeout = 15 * time.Second

// Options are what the wrapping needs to know.
type Options struct {
	Log         *slog.Logger
	Metrics     *Metrics
	CORSOrigins []string
	// Draining tells whether connections should end after their next answer.
	Draining func() bool
}

// Wrap puts the layers around next, the outermost first in the log and last here.
func Wrap(next http.Handler, o Options) http.Handler {
	h := timed(next)
	h = withCORS(h, o.CORSOrigins)
	h = withHeaders(h, o.Draining)
	h = observed(h, o.Log, o.Metrics)
	return identified(h)
}

func timed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
		defer cancel()
		inner := r.WithContext(ctx)
		defer func() { r.Pattern = inner.Pattern }() // for the layers outside, which hold another copy
		next.ServeHTTP(w, inner)
	})
}

// withHeaders sets the safe defaults. While draining it asks clients to close their connections, so that the end of
// the process finds none that is about to be used again.
func withHeaders(next http.Handler, draining func() bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("X-Frame-Options", "DENY")
		w.Header().Set("Referrer-Policy", "no-referrer")
		w.Header().Set("Cache-Control", "no-store")
		if draining() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

func withCORS(next http.Handler, origins []string) http.Handler {
	if len(origins) == 0 {
		return next // the library would take an empty list for "everybody"
	}
	return cors.New(cors.Options{
		AllowedOrigins: origins,
		AllowedMethods: []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete},
		AllowedHeaders: []string{"Authorization", "Content-Type", requestIDHeader},
		ExposedHeaders: []string{requestIDHeader, "Retry-After"},
		MaxAge:         int((10 * time.Minute).Seconds()),
	}).Handler(next)
}
