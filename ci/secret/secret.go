// Package secret keeps secrets out of everything that is printed: a Value shows
// itself as [REDACTED], and a Redactor takes known secrets out of other text.
package secret

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// Redacted is what stands where a secret was.
const Redacted = "[REDACTED]"

// Value is a secret. Printing, formatting or marshalling it yields Redacted;
// only Reveal gives the secret itself.
type Value struct{ text string }

// New returns text as a secret.
func New(text string) Value { return Value{text: text} }

// FromEnv returns the secret in the environment variable name; empty when unset.
func FromEnv(name string) Value { return New(os.Getenv(name)) }

// FromFile returns the secret in the file at path, without its final newline
// unless the secret is a PEM block, which keeps it.
func FromFile(path string) (Value, error) {
	if strings.Contains(path, "-----BEGIN ") {
		return Value{}, errors.New("reading secret: this is a key and not the path of a file with one: write it into a file, or give it in the environment")
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return Value{}, fmt.Errorf("reading secret: %w", err)
	}
	text := string(data)
	if !strings.HasPrefix(text, "-----BEGIN ") {
		text = strings.TrimRight(text, "\r\n")
	}
	return New(text), nil
}

// Reveal returns the secret. Call it only where the secret is used.
func (v Value) Reveal() string { return v.text }

// Empty reports whether there is no secret.
func (v Value) Empty() bool { return v.text == "" }

// String implements fmt.Stringer.
func (v Value) String() string {
	if v.Empty() {
		return ""
	}
	return Redacted
}

// GoString implements fmt.GoStringer.
func (v Value) GoString() string { return v.String() }

// Format implements fmt.Formatter, so that no verb prints the secret.
func (v Value) Format(f fmt.State, _ rune) { fmt.Fprint(f, v.String()) }

// MarshalText implements encoding.TextMarshaler.
func (v Value) MarshalText() ([]byte, error) { return []byte(v.String()), nil }
