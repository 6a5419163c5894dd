package main

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// mostUpload is the largest upload that is read.
const mostUpload = 64 << 20

// app answers requests.
type app struct {
	version string
	// going is closed when the program has to end.
	going chan struct{}
}

func newApp(version string) *app { return &app{version: version, going: make(chan struct{})} }

// goes makes the app unhealthy and ends its streams in order.
func (a *app) goes() { close(a.going) }

func (a *app) isGoing() bool {
	select {
	case <-a.going:
		return true
	default:
		return false
	}
}

// routes returns what the app answers below base. Its health is below / too, where the
// container's own check asks.
func (a *app) routes(base string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", a.health)
	if base != "" {
		mux.HandleFunc("GET "+base+"/healthz", a.health)
	}
	mux.HandleFunc("GET "+base+"/", a.page)
	mux.HandleFunc("GET "+base+"/version", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, a.version) })
	mux.HandleFunc("GET "+base+"/slow", a.slow)
	mux.HandleFunc("GET "+base+"/events", a.events)
	mux.HandleFunc("POST "+base+"/upload", a.upload)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Version", a.version)
		mux.ServeHTTP(w, r)
	})
}

func (a *app) health(w http.ResponseWriter, _ *http.Request) {
	if a.isGoing() {
		http.Error(w, "going", http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
}

func (a *app) page(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprintf(w, "<!doctype html><title>app</title><p>this is %q\n", a.version)
}

// slow answers after ?seconds=, a second when there is none.
func (a *app) slow(w http.ResponseWriter, r *http.Request) {
	seconds := 1.0
	if text := r.URL.Query().Get("seconds"); text != "" {
		var err error
		if seconds, err = strconv.ParseFloat(text, 64); err != nil || seconds < 0 || seconds > 600 {
			http.Error(w, "seconds is no number from 0 to 600", http.StatusBadRequest)
			return
		}
	}
	select {
	case <-r.Context().Done():
	case <-time.After(time.Duration(seconds * float64(time.Second))):
		fmt.Fprintln(w, "slow")
	}
}

// events sends an event each second until the app goes.
func (a *app) events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	control := http.NewResponseController(w)
	for number := 0; ; number++ {
		fmt.Fprintf(w, "data: %d\n\n", number)
		if control.Flush() != nil {
			return
		}
		select {
		case <-a.going:
			return
		case <-r.Context().Done():
			return
		case <-time.After(time.Second):
		}
	}
}

// upload reads the request and tells its size.
func (a *app) upload(w http.ResponseWriter, r *http.Request) {
	size, err := io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, mostUpload))
	if err != nil {
		http.Error(w, "the upload did not arrive", http.StatusBadRequest)
		return
	}
	fmt.Fprintf(w, "%d bytes\n", size)
}
