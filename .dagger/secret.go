package main

import (
	"context"
	"strings"

	"gitops/.dagger/internal/dagger"
)

// exists reports whether a secret has a value. A default of the constructor may name a
// variable that is not set, or is empty as GitHub Actions makes those of unset secrets:
// that is no secret, and no mistake of a stage that can do without.
func exists(ctx context.Context, secret *dagger.Secret) (bool, error) {
	if secret == nil {
		return false, nil
	}
	value, err := secret.Plaintext(ctx)
	if err != nil && strings.Contains(err.Error(), "secret env var not found") {
		return false, nil
	}
	return strings.TrimSpace(value) != "", err
}

// orDefault returns the secret that was given to a function, or else the constructor's
// if it has a value.
func orDefault(ctx context.Context, given, fallback *dagger.Secret) (*dagger.Secret, error) {
	if given != nil {
		return given, nil
	}
	there, err := exists(ctx, fallback)
	if !there {
		return nil, err
	}
	return fallback, nil
}
