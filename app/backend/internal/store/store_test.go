package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"backend/internal/config"
	"backend/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func open(t *testing.T, p config.Postgres) *Store {
	t.Helper()
	s, err := Open(t.Context(), p, 5*time.Second, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func migrated(t *testing.T) (*Store, config.Postgres) {
	t.Helper()
	p := pgtest.New(t)
	s := open(t, p)
	if err := s.Migrate(t.Context(), slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	return s, p
}

func hash(context.Context) (string, error) { return "hash", nil }

func TestMigrateTwiceChangesNothing(t *testing.T) {
	s, _ := migrated(t)
	var log strings.Builder
	if err := s.Migrate(t.Context(), slog.New(slog.NewTextHandler(&log, nil))); err != nil {
		t.Fatal(err)
	}
	if log.String() != "" {
		t.Errorf("the second migration did something: %s", log.String())
	}
}

func TestMigrateDownAndUpAgain(t *testing.T) {
	s, _ := migrated(t)
	provider, err := s.provider()
	if err != nil {
		t.Fatal(err)
	}
	defer provider.Close()
	if _, err := provider.DownTo(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := provider.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestConcurrentStarts(t *testing.T) {
	p := pgtest.New(t)
	const starts = 6
	var group sync.WaitGroup
	var made atomic.Int32
	for range starts {
		s := open(t, p)
		group.Go(func() {
			if err := s.Migrate(t.Context(), slog.New(slog.DiscardHandler)); err != nil {
				t.Error(err)
				return
			}
			created, err := s.Seed(t.Context(), "admin@example.com", hash)
			if err != nil {
				t.Error(err)
			}
			if created {
				made.Add(1)
			}
		})
	}
	group.Wait()
	if made.Load() != 1 {
		t.Errorf("%d of %d starts made the superuser", made.Load(), starts)
	}
}

func TestAnEarlierReleaseStartsOnALaterSchema(t *testing.T) {
	s, p := migrated(t)
	pgtest.Exec(t, p, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, true)")
	if err := s.Migrate(t.Context(), slog.New(slog.DiscardHandler)); err != nil {
		t.Error(err)
	}
}

func TestMigrationMayOutlastTheStatementTimeout(t *testing.T) {
	s, _ := migrated(t)
	provider, err := s.provider()
	if err != nil {
		t.Fatal(err)
	}
	defer provider.Close()
	db := s.unhurried()
	defer db.Close()
	var timeout string
	if err := db.QueryRowContext(t.Context(), "SHOW statement_timeout").Scan(&timeout); err != nil || timeout != "0" {
		t.Errorf("statement_timeout = %q, %v, want 0", timeout, err)
	}
}

func TestSeedLeavesAnAccountAlone(t *testing.T) {
	s, _ := migrated(t)
	for i, want := range []bool{true, false} {
		created, err := s.Seed(t.Context(), "admin@example.com", func(context.Context) (string, error) { return fmt.Sprint("hash", i), nil })
		if err != nil || created != want {
			t.Errorf("call %d: created %v, %v, want %v", i, created, err, want)
		}
	}
	u, err := s.UserByEmail(t.Context(), "Admin@example.com")
	if err != nil || u.PasswordHash != "hash0" || !u.IsSuperuser {
		t.Errorf("got %+v, %v", u, err)
	}
}

func TestScopes(t *testing.T) {
	s, _ := migrated(t)
	ctx := t.Context()
	owner := func(email string) string {
		u, err := s.CreateUser(ctx, User{Email: email, PasswordHash: "hash"})
		if err != nil {
			t.Fatal(err)
		}
		return u.ID
	}
	ann, bob := owner("ann@example.com"), owner("bob@example.com")
	item, err := s.CreateItem(ctx, Item{OwnerID: ann, Title: "Ann's"})
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		scope Scope
		sees  bool
	}{
		"owner": {OwnedBy(ann), true}, "stranger": {OwnedBy(bob), false}, "superuser": {Everyone(), true}, "zero scope": {Scope{}, false},
	} {
		_, err := s.Item(ctx, test.scope, item.ID)
		if (err == nil) != test.sees || (err != nil && !errors.Is(err, ErrNotFound)) {
			t.Errorf("%s: reading gave %v", name, err)
		}
		_, total, err := s.Items(ctx, test.scope, 0, 10)
		if err != nil || (total == 1) != test.sees {
			t.Errorf("%s: listing counts %d, %v", name, total, err)
		}
		if !test.sees {
			if _, err := s.UpdateItem(ctx, test.scope, Item{ID: item.ID, Title: "x"}); !errors.Is(err, ErrNotFound) {
				t.Errorf("%s: updating gave %v", name, err)
			}
			if err := s.DeleteItem(ctx, test.scope, item.ID); !errors.Is(err, ErrNotFound) {
				t.Errorf("%s: deleting gave %v", name, err)
			}
		}
	}
	if i, err := s.Item(ctx, Everyone(), item.ID); err != nil || i.Title != "Ann's" {
		t.Errorf("strangers changed the item: %+v, %v", i, err)
	}
}

func TestAddressesAreUnique(t *testing.T) {
	s, _ := migrated(t)
	if _, err := s.CreateUser(t.Context(), User{Email: "ann@example.com", PasswordHash: "hash"}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.CreateUser(t.Context(), User{Email: "Ann@Example.com", PasswordHash: "hash"}); !errors.Is(err, ErrTaken) {
		t.Errorf("got %v, want ErrTaken", err)
	}
}

func TestWrongPasswordFailsAtOnce(t *testing.T) {
	p := pgtest.New(t)
	p.Password = "wrong-password-of-this-test"
	begun := time.Now()
	_, err := Open(t.Context(), p, time.Minute, slog.New(slog.DiscardHandler))
	if err == nil || time.Since(begun) > 10*time.Second {
		t.Fatalf("gave %v after %v", err, time.Since(begun))
	}
	if strings.Contains(err.Error(), p.Password.Reveal()) {
		t.Errorf("the error holds the password: %v", err)
	}
}

func TestOpenWaitsForADatabaseThatIsStillStarting(t *testing.T) {
	p := pgtest.New(t)
	p.Port = 1 // nobody listens there
	begun := time.Now()
	_, err := Open(t.Context(), p, 700*time.Millisecond, slog.New(slog.DiscardHandler))
	if err == nil || time.Since(begun) < 700*time.Millisecond {
		t.Errorf("gave up with %v after %v", err, time.Since(begun))
	}
}
