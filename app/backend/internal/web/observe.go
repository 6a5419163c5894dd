package web

import (
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"
)

// recorder remembers what was answered.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(b)
	r.bytes += n
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// observed logs and counts each request, and turns a panic into a 500.
func observed(next http.Handler, log *slog.Logger, m *Metrics) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun := time.Now()
		rec := &recorder{ResponseWriter: w}
		m.inFlight.Inc()
		defer m.inFlight.Dec()
		defer func() {
			if cause := recover(); cause != nil {
				log.ErrorContext(r.Context(), "panic", "cause", cause, "stack", string(debug.Stack()))
				if rec.status == 0 {
					http.Error(rec, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
				}
			}
			took := time.Since(begun)
			m.observe(r, rec.status, took)
			logRequest(log, r, rec, took)
		}()
		next.ServeHTTP(rec, r)
	})
}

// logRequest leaves out the query, which may hold what nobody should read later.
func logRequest(log *slog.Logger, r *http.Request, rec *recorder, took time.Duration) {
	level := slog.LevelInfo
	if strings.Contains(r.Pattern, "/health") && rec.status < http.StatusInternalServerError {
		level = slog.LevelDebug
	}
	log.Log(r.Context(), level, "request",
		"method", r.Method, "path", r.URL.Path, "status", rec.status, "bytes", rec.bytes,
		"duration_ms", float64(took.Microseconds())/1000, "client", ClientAddress(r.Context()))
}
