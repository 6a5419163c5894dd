package store

import (
	"context"
	"errors"
	"fmt"
)

// Seed makes the first superuser unless the address has an account already, whose password then stays as it is.
// Called by several containers at once, one makes the account and the others find it.
func (s *Store) Seed(ctx context.Context, email string, hash func(context.Context) (string, error)) (created bool, err error) {
	if _, err := s.UserByEmail(ctx, email); !errors.Is(err, ErrNotFound) {
		return false, err
	}
	passwordHash, err := hash(ctx)
	if err != nil {
		return false, fmt.Errorf("seeding: %w", err)
	}
	_, err = s.CreateUser(ctx, User{Email: email, PasswordHash: passwordHash, IsSuperuser: true})
	if errors.Is(err, ErrTaken) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("seeding: %w", err)
	}
	return true, nil
}
