package auth

import (
	"fmt"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Tokens signs and checks access tokens with HS256.
type Tokens struct {
	key      []byte
	issuer   string
	lifetime time.Duration
	parser   *jwt.Parser
}

// NewTokens returns the Tokens of an issuer.
func NewTokens(key, issuer string, lifetime time.Duration) *Tokens {
	return &Tokens{
		key: []byte(key), issuer: issuer, lifetime: lifetime,
		parser: jwt.NewParser(
			jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
			jwt.WithIssuer(issuer),
			jwt.WithExpirationRequired(),
		),
	}
}

// Issue returns a token that names the user until its lifetime is over.
func (t *Tokens) Issue(userID string, now time.Time) (string, error) {
	claims := jwt.RegisteredClaims{
		Issuer:    t.issuer,
		Subject:   userID,
		IssuedAt:  jwt.NewNumericDate(now),
		ExpiresAt: jwt.NewNumericDate(now.Add(t.lifetime)),
	}
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(t.key)
	if err != nil {
		return "", fmt.Errorf("signing token: %w", err)
	}
	return token, nil
}

// Subject returns the user that a valid token names.
func (t *Tokens) Subject(token string) (string, error) {
	var claims jwt.RegisteredClaims
	if _, err := t.parser.ParseWithClaims(token, &claims, func(*jwt.Token) (any, error) { return t.key, nil }); err != nil {
		return "", fmt.Errorf("checking token: %w", err)
	}
	return claims.Subject, nil
}
