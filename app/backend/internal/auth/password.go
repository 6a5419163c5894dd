// Package auth holds what login needs: password hashes, signed tokens and a brake on guessing.
package auth

import (
	"context"
	"fmt"

	"github.com/alexedwards/argon2id"
)

// cost is OWASP's argon2id minimum: 19 MiB, two passes, one lane. It fits beside the app on a 1 GiB host.
var cost = &argon2id.Params{Memory: 19 * 1024, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// Hasher hashes and checks passwords, a few at a time so that a burst of logins cannot use up the memory.
type Hasher struct {
	slots chan struct{}
	decoy string
}

// NewHasher returns a Hasher that runs at most parallel hashes at once.
func NewHasher(parallel int) (*Hasher, error) {
	decoy, err := argon2id.CreateHash("decoy", cost)
	if err != nil {
		return nil, fmt.Errorf("hashing the decoy password: %w", err)
	}
	return &Hasher{slots: make(chan struct{}, parallel), decoy: decoy}, nil
}

// Hash returns the password's hash in PHC format.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	if err := h.enter(ctx); err != nil {
		return "", err
	}
	defer h.leave()
	hash, err := argon2id.CreateHash(password, cost)
	if err != nil {
		return "", fmt.Errorf("hashing password: %w", err)
	}
	return hash, nil
}

// Check tells whether password belongs to hash. An empty hash stands for an account that does not exist:
// it takes as long as a wrong password, so that the answer's time does not tell which accounts do.
func (h *Hasher) Check(ctx context.Context, password, hash string) (bool, error) {
	if err := h.enter(ctx); err != nil {
		return false, err
	}
	defer h.leave()
	exists := hash != ""
	if !exists {
		hash = h.decoy
	}
	match, err := argon2id.ComparePasswordAndHash(password, hash)
	if err != nil {
		return false, fmt.Errorf("checking password: %w", err)
	}
	return match && exists, nil
}

func (h *Hasher) enter(ctx context.Context) error {
	select {
	case h.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting to hash a password: %w", context.Cause(ctx))
	}
}

func (h *Hasher) leave() { <-h.slots }
