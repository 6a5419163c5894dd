package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// User is an account.
type User struct {
	ID           string    `db:"id"`
	Email        string    `db:"email"` // lower case
	FullName     string    `db:"full_name"`
	PasswordHash string    `db:"password_hash"`
	IsSuperuser  bool      `db:"is_superuser"`
	IsActive     bool      `db:"is_active"`
	CreatedAt    time.Time `db:"created_at"`
}

const (
	userColumns     = `id::text, email, full_name, password_hash, is_superuser, is_active, created_at`
	uniqueViolation = "23505"
)

// UserByEmail finds an account by its address, in any case; ErrNotFound where there is none.
func (s *Store) UserByEmail(ctx context.Context, email string) (User, error) {
	return s.user(ctx, `SELECT `+userColumns+` FROM users WHERE email = $1`, strings.ToLower(email))
}

// UserByID finds an account by its id; ErrNotFound where there is none.
func (s *Store) UserByID(ctx context.Context, id string) (User, error) {
	return s.user(ctx, `SELECT `+userColumns+` FROM users WHERE id = $1`, id)
}

// CreateUser makes an account from what is set in u; ErrTaken where the address has one.
func (s *Store) CreateUser(ctx context.Context, u User) (User, error) {
	created, err := s.user(ctx,
		`INSERT INTO users (email, full_name, password_hash, is_superuser) VALUES ($1, $2, $3, $4) RETURNING `+userColumns,
		strings.ToLower(u.Email), u.FullName, u.PasswordHash, u.IsSuperuser)
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Code == uniqueViolation {
		return User{}, fmt.Errorf("creating user: %w", ErrTaken)
	}
	return created, err
}

func (s *Store) user(ctx context.Context, sql string, args ...any) (User, error) {
	u, err := one[User](ctx, s, sql, args...)
	if err != nil {
		return User{}, fmt.Errorf("reading user: %w", err)
	}
	return u, nil
}

// one runs a query for a single row and turns its absence into ErrNotFound.
func one[T any](ctx context.Context, s *Store, sql string, args ...any) (T, error) {
	rows, err := s.pool.Query(ctx, sql, args...)
	if err != nil {
		var none T
		return none, err
	}
	row, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[T])
	if errors.Is(err, pgx.ErrNoRows) {
		return row, ErrNotFound
	}
	return row, err
}
