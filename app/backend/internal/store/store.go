// Package store keeps users and items in PostgreSQL.
package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"backend/internal/config"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// ErrNotFound says that no row matches, or none that the asker may see.
var ErrNotFound = errors.New("not found")

// ErrTaken says that a unique value is in use.
var ErrTaken = errors.New("already taken")

const (
	maxConnections   = 10
	connectTimeout   = 5 * time.Second
	statementTimeout = "10s"
	retryPause       = 500 * time.Millisecond
)

// Store is a pool of connections to one database.
type Store struct {
	pool *pgxpool.Pool
}

// Open connects to the database and waits up to patience for it to answer, as it may still be starting.
func Open(ctx context.Context, p config.Postgres, patience time.Duration, log *slog.Logger) (*Store, error) {
	settings, err := pgxpool.ParseConfig(dsn(p))
	if err != nil {
		return nil, fmt.Errorf("reading database settings: %w", err)
	}
	settings.MaxConns = maxConnections
	settings.MaxConnLifetime = time.Hour
	settings.ConnConfig.ConnectTimeout = connectTimeout
	settings.ConnConfig.RuntimeParams["application_name"] = "backend"
	settings.ConnConfig.RuntimeParams["statement_timeout"] = statementTimeout
	pool, err := pgxpool.NewWithConfig(ctx, settings)
	if err != nil {
		return nil, fmt.Errorf("opening database pool: %w", err)
	}
	s := &Store{pool: pool}
	if err := s.await(ctx, patience, log); err != nil {
		pool.Close()
		return nil, fmt.Errorf("connecting to database %s at %s: %w", p.DB, p.Address(), err)
	}
	return s, nil
}

// dsn leaves the TLS settings to PGSSLMODE and PGSSLROOTCERT.
func dsn(p config.Postgres) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(p.User, p.Password.Reveal()), Host: p.Address(), Path: p.DB}
	return u.String()
}

func (s *Store) await(ctx context.Context, patience time.Duration, log *slog.Logger) error {
	deadline := time.Now().Add(patience)
	for {
		err := s.Ping(ctx)
		if err == nil || hopeless(err) || time.Now().After(deadline) {
			return err
		}
		log.Info("waiting for the database", "error", err)
		select {
		case <-time.After(retryPause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// hopeless tells a refusal that no waiting mends from a server that is not there yet.
func hopeless(err error) bool {
	var refused *pgconn.PgError
	if !errors.As(err, &refused) {
		return false
	}
	switch refused.Code {
	case "28P01", "28000", "3D000": // wrong password, no such login, no such database
		return true
	}
	return false
}

// Ping asks the database for a sign of life.
func (s *Store) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	return s.pool.Ping(ctx)
}

// Stat returns what the pool does at the moment.
func (s *Store) Stat() *pgxpool.Stat { return s.pool.Stat() }

// Close waits for connections in use and closes them all.
func (s *Store) Close() { s.pool.Close() }
