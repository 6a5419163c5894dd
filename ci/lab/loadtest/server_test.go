package loadtest_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gitops/ci/lab/loadtest"
)

// server is a real HTTP server that can be stopped and started on its address.
type server struct {
	t       *testing.T
	address string
	web     *http.Server
	// going is closed when streams have to end in order.
	going chan struct{}
	// version is what the server says that it is.
	version string
	// stall holds every answer back while it is locked.
	stall sync.RWMutex
	// connections counts those that were opened.
	connections atomic.Int32
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{t: t, address: "127.0.0.1:0", version: "1"}
	s.start()
	t.Cleanup(func() { s.web.Close() })
	return s
}

func (s *server) start() {
	s.t.Helper()
	listener, err := net.Listen("tcp", s.address)
	if err != nil {
		s.t.Fatal(err)
	}
	s.address, s.going = listener.Addr().String(), make(chan struct{})
	mux := http.NewServeMux()
	s.web = &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute, ConnState: func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.connections.Add(1)
		}
	}}
	going, version := s.going, s.version
	mux.HandleFunc("GET /page", func(w http.ResponseWriter, _ *http.Request) {
		s.stall.RLock()
		defer s.stall.RUnlock()
		w.Header().Set("X-Version", version)
		fmt.Fprintln(w, "the page")
	})
	mux.HandleFunc("GET /broken", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	mux.HandleFunc("GET /slow", func(_ http.ResponseWriter, _ *http.Request) { time.Sleep(300 * time.Millisecond) })
	mux.HandleFunc("GET /hangs", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mux.HandleFunc("GET /half", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		fmt.Fprintln(w, "half")
	})
	mux.HandleFunc("POST /upload", func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		fmt.Fprintf(w, "%s %d", r.Header.Get("Authorization"), n)
	})
	mux.HandleFunc("GET /events", func(w http.ResponseWriter, r *http.Request) { events(w, r, going) })
	mux.HandleFunc("GET /silent", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "data: one\n\n")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	go s.web.Serve(listener)
}

func events(w http.ResponseWriter, r *http.Request, going chan struct{}) {
	w.Header().Set("Content-Type", "text/event-stream")
	for {
		fmt.Fprintf(w, "data: tick\n\n")
		w.(http.Flusher).Flush()
		select {
		case <-going:
			return
		case <-r.Context().Done():
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (s *server) begin(l loadtest.Load) *loadtest.Run {
	s.t.Helper()
	l.URL, l.VersionHeader = "http://"+s.address, "X-Version"
	run, err := loadtest.Start(context.Background(), l)
	if err != nil {
		s.t.Fatal(err)
	}
	return run
}
