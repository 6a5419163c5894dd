package auth

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

func TestPasswords(t *testing.T) {
	h, err := NewHasher(1)
	if err != nil {
		t.Fatal(err)
	}
	hash, err := h.Hash(t.Context(), "correct horse")
	if err != nil || !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Fatalf("hash %q, %v", hash, err)
	}
	for _, test := range []struct {
		password, hash string
		want           bool
	}{
		{"correct horse", hash, true},
		{"correct horse ", hash, false},
		{"", hash, false},
		{"decoy", "", false}, // the decoy's own password opens no account
	} {
		if got, err := h.Check(t.Context(), test.password, test.hash); err != nil || got != test.want {
			t.Errorf("Check(%q) = %v, %v, want %v", test.password, got, err, test.want)
		}
	}
}

func TestUnknownAccountTakesAsLong(t *testing.T) {
	h, err := NewHasher(1)
	if err != nil {
		t.Fatal(err)
	}
	hash, _ := h.Hash(t.Context(), "x")
	fastest := func(hash string) time.Duration {
		best := time.Hour
		for range 5 {
			begun := time.Now()
			_, _ = h.Check(t.Context(), "wrong", hash)
			best = min(best, time.Since(begun))
		}
		return best
	}
	if known, unknown := fastest(hash), fastest(""); unknown < known/2 {
		t.Errorf("unknown account answered in %v, known in %v", unknown, known)
	}
}

func TestHasherWaitsForASlotOnlyAsLongAsTheRequest(t *testing.T) {
	h, err := NewHasher(1)
	if err != nil {
		t.Fatal(err)
	}
	h.slots <- struct{}{}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := h.Check(ctx, "x", ""); err == nil || ctx.Err() == nil {
		t.Errorf("hashed beside another one: %v", err)
	}
}

func TestTokens(t *testing.T) {
	key := strings.Repeat("k", 32)
	tokens := NewTokens(key, "app", time.Minute)
	now := time.Now()
	sign := func(method jwt.SigningMethod, key any, claims jwt.RegisteredClaims) string {
		token, err := jwt.NewWithClaims(method, claims).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	future := jwt.NewNumericDate(now.Add(time.Minute))
	valid := jwt.RegisteredClaims{Issuer: "app", Subject: "me", ExpiresAt: future}
	issued, err := tokens.Issue("me", now)
	if err != nil {
		t.Fatal(err)
	}
	expired, _ := tokens.Issue("me", now.Add(-2*time.Minute))
	for name, test := range map[string]struct {
		token string
		want  string
	}{
		"issued":         {issued, "me"},
		"expired":        {expired, ""},
		"tampered":       {issued[:len(issued)-2] + "AA", ""},
		"other key":      {sign(jwt.SigningMethodHS256, []byte("other"), valid), ""},
		"other method":   {sign(jwt.SigningMethodHS512, []byte(key), valid), ""},
		"unsigned":       {sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, valid), ""},
		"other issuer":   {sign(jwt.SigningMethodHS256, []byte(key), jwt.RegisteredClaims{Issuer: "x", Subject: "me", ExpiresAt: future}), ""},
		"without expiry": {sign(jwt.SigningMethodHS256, []byte(key), jwt.RegisteredClaims{Issuer: "app", Subject: "me"}), ""},
		"garbage":        {"a.b.c", ""},
	} {
		if got, err := tokens.Subject(test.token); (err == nil && got != test.want) || (test.want == "") != (err != nil) {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
}

func TestThrottle(t *testing.T) {
	now := time.Now()
	throttle := NewThrottle(2, 10*time.Second)
	take := func(key string, at time.Duration) bool {
		_, ok := throttle.Take(key, now.Add(at))
		return ok
	}
	got := fmt.Sprint(take("a", 0), take("a", 0), take("a", 0), take("b", 0), take("a", 9*time.Second), take("a", 10*time.Second), take("a", 11*time.Second))
	if want := "true true false true false true false"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if wait, _ := throttle.Take("a", now.Add(15*time.Second)); wait != 5*time.Second {
		t.Errorf("wait %v, want 5s", wait)
	}
	throttle.GiveBack("b", now)
	if _, remembered := throttle.buckets["b"]; remembered {
		t.Error("a key whose only attempt was fine is still remembered")
	}
}

func TestThrottleForgets(t *testing.T) {
	now := time.Now()
	throttle := NewThrottle(1, time.Hour)
	for i := range maxBuckets + 100 {
		throttle.Take(fmt.Sprint(i), now)
	}
	if n := len(throttle.buckets); n > maxBuckets {
		t.Errorf("remembers %d keys", n)
	}
}
