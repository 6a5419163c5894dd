// Package server runs the listeners from start to a stop that loses no request.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 30 * time.Second
	writeTimeout      = 60 * time.Second
	// idleTimeout is longer than Traefik keeps idle connections (90 s), so that it is never the server who closes one
	// that the proxy is about to use.
	idleTimeout    = 2 * time.Minute
	maxHeaderBytes = 32 << 10
)

// Options say what to serve where, and how to stop.
type Options struct {
	Listen, MetricsListen string
	API, Metrics          http.Handler
	BeginDrain            func()        // called once, when the stop begins
	Drain                 time.Duration // how long to serve on after that, while the proxy looks away
	Shutdown              time.Duration // how long requests in flight may take in the end
	Log                   *slog.Logger
}

// Run serves until ctx ends, then drains and shuts down. Its error is nil when every request was answered.
func Run(ctx context.Context, o Options) error {
	api, err := listen(ctx, o.Listen, o.API, o.Log)
	if err != nil {
		return err
	}
	metrics, err := listen(ctx, o.MetricsListen, o.Metrics, o.Log)
	if err != nil {
		_ = api.Close()
		return err
	}
	defer metrics.Close()
	o.Log.Info("serving", "api", api.address, "metrics", metrics.address)
	select {
	case <-ctx.Done():
	case err := <-api.failed:
		return err
	case err := <-metrics.failed:
		return err
	}
	return o.stop(api)
}

func (o Options) stop(api *running) error {
	o.Log.Info("draining", "seconds", o.Drain.Seconds())
	o.BeginDrain()
	select {
	case <-time.After(o.Drain):
	case err := <-api.failed:
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), o.Shutdown)
	defer cancel()
	if err := api.Shutdown(ctx); err != nil {
		api.abandon()
		return fmt.Errorf("waiting for requests in flight: %w", err)
	}
	o.Log.Info("stopped")
	return nil
}

// running is a server that has its listener.
type running struct {
	*http.Server
	address string
	failed  chan error
	abandon context.CancelFunc // ends the context of every request
}

func listen(ctx context.Context, address string, h http.Handler, log *slog.Logger) (*running, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w", address, err)
	}
	requests, abandon := context.WithCancel(context.WithoutCancel(ctx))
	r := &running{address: l.Addr().String(), failed: make(chan error, 1), abandon: abandon, Server: &http.Server{
		BaseContext:       func(net.Listener) context.Context { return requests },
		Handler:           h,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}}
	go func() {
		if err := r.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			r.failed <- fmt.Errorf("serving on %s: %w", address, err)
		}
	}()
	return r, nil
}
