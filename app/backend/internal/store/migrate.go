package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrations embed.FS

// How long a migration waits for another one that holds the advisory lock: period seconds, that many times.
const (
	lockPeriod   = 1
	lockAttempts = 120
)

const lockTimeout = "30s" // for a table's lock

// Migrate brings the schema up to this release's version. Several containers may call it at once: a PostgreSQL
// advisory lock lets one work while the others wait. A schema of a later release is left as it is, so that
// going back to an earlier release starts; hence migrations must keep the release before them working.
func (s *Store) Migrate(ctx context.Context, log *slog.Logger) error {
	provider, err := s.provider()
	if err != nil {
		return fmt.Errorf("preparing migrations: %w", err)
	}
	defer provider.Close()
	results, err := provider.Up(ctx)
	for _, r := range results {
		log.Info("migrated", "migration", r.Source.Path, "duration_ms", r.Duration.Milliseconds())
	}
	if err != nil {
		return fmt.Errorf("migrating: %w", err)
	}
	return nil
}

func (s *Store) provider() (*goose.Provider, error) {
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(lockPeriod, lockAttempts))
	if err != nil {
		return nil, err
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectPostgres, s.unhurried(), files, goose.WithSessionLocker(locker), goose.WithDisableGlobalRegistry(true))
}

// unhurried opens the database without the pool's statement timeout, which a migration may well exceed. Waiting for a
// table stays bounded, since everyone else would queue behind that.
func (s *Store) unhurried() *sql.DB {
	settings := s.pool.Config().ConnConfig.Copy()
	delete(settings.RuntimeParams, "statement_timeout")
	settings.RuntimeParams["lock_timeout"] = lockTimeout
	return stdlib.OpenDB(*settings)
}
