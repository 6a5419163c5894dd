package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"backend/internal/api"
	"backend/internal/auth"
	"backend/internal/config"
	"backend/internal/server"
	"backend/internal/store"
	"backend/internal/web"
)

const (
	databasePatience = time.Minute
	healthTimeout    = 3 * time.Second
	parallelHashes   = 2
)

func newLog(w io.Writer, c config.Config) *slog.Logger {
	h := web.LogHandler(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: c.LogLevel}))
	return slog.New(h).With("release", c.Release)
}

func serve(ctx context.Context, c config.Config, log *slog.Logger) error {
	return withStore(ctx, c, log, func(s *store.Store) error {
		hasher, err := auth.NewHasher(parallelHashes)
		if err != nil {
			return err
		}
		if c.MigrateOnStart {
			if err := prepare(ctx, c, s, hasher, log); err != nil {
				return err
			}
		}
		return server.Run(ctx, serverOptions(c, s, hasher, log))
	})
}

func serverOptions(c config.Config, s *store.Store, hasher *auth.Hasher, log *slog.Logger) server.Options {
	health := &api.Health{}
	metrics := web.NewMetrics(c.Release)
	metrics.WatchPool(s.Stat)
	handler := api.New(api.Options{
		Config: c, Store: s, Hasher: hasher, Health: health, Log: log, LoginOutcome: metrics.Login,
	})
	numbers := http.NewServeMux()
	numbers.Handle("GET /metrics", metrics.Handler())
	return server.Options{
		Listen: c.Listen, MetricsListen: c.MetricsListen,
		API:        web.Wrap(handler, web.Options{Log: log, Metrics: metrics, CORSOrigins: c.CORSOrigins, Draining: health.Draining}),
		Metrics:    numbers,
		BeginDrain: health.Drain, Drain: c.Drain, Shutdown: c.Shutdown,
		Log: log,
	}
}

// prepare is what the article's container does before it serves.
func prepare(ctx context.Context, c config.Config, s *store.Store, hasher *auth.Hasher, log *slog.Logger) error {
	if err := s.Migrate(ctx, log); err != nil {
		return err
	}
	return seedWith(ctx, c, s, hasher, log)
}

func migrate(ctx context.Context, c config.Config, log *slog.Logger) error {
	return withStore(ctx, c, log, func(s *store.Store) error { return s.Migrate(ctx, log) })
}

func seed(ctx context.Context, c config.Config, log *slog.Logger) error {
	return withStore(ctx, c, log, func(s *store.Store) error {
		hasher, err := auth.NewHasher(parallelHashes)
		if err != nil {
			return err
		}
		return seedWith(ctx, c, s, hasher, log)
	})
}

func seedWith(ctx context.Context, c config.Config, s *store.Store, hasher *auth.Hasher, log *slog.Logger) error {
	created, err := s.Seed(ctx, c.Superuser, func(ctx context.Context) (string, error) {
		return hasher.Hash(ctx, c.SuperuserPassword.Reveal())
	})
	if err != nil {
		return err
	}
	log.Info("first superuser", "email", c.Superuser, "created", created)
	return nil
}

func withStore(ctx context.Context, c config.Config, log *slog.Logger, use func(*store.Store) error) error {
	s, err := store.Open(ctx, c.Postgres, databasePatience, log)
	if err != nil {
		return err
	}
	defer s.Close()
	return use(s)
}

// checkHealth is the container's health check. It reads only the variables it needs, as they were good enough to start.
func checkHealth(ctx context.Context, getenv func(string) string) error {
	value := func(name, fallback string) string {
		if v := getenv(name); v != "" {
			return v
		}
		return fallback
	}
	host, port, err := net.SplitHostPort(value("LISTEN", config.DefaultListen))
	if err != nil {
		return fmt.Errorf("reading LISTEN: %w", err)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	url := "http://" + net.JoinHostPort(host, port) + value("API_V1_STR", "/api/v1") + "/health/ready"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("asking for health: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("asking for health: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("asking for health: the server answered %s", response.Status)
	}
	return nil
}
