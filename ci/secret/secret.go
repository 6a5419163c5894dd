// Package secret keeps secrets out of everything that is printed: a Value shows
// itself as [REDACTED], and a Redactor takes known secrets out of other text.
package secret

import (
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"sort"
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

// minLength is the shortest text a Redactor replaces: shorter ones would blank
// out ordinary words.
const minLength = 5

// Redactor replaces known secrets in text.
type Redactor struct{ replacer *strings.Replacer }

// NewRedactor returns a Redactor for values, their base64 forms, and each line
// of values with several lines.
func NewRedactor(values ...Value) *Redactor {
	var known []string
	for _, value := range values {
		known = append(known, value.text, strings.TrimSpace(value.text),
			base64.StdEncoding.EncodeToString([]byte(value.text)))
		if lines := strings.Split(value.text, "\n"); len(lines) > 1 {
			known = append(known, lines...)
		}
	}
	// Longest first: a secret may contain another one.
	sort.SliceStable(known, func(i, j int) bool { return len(known[i]) > len(known[j]) })
	var pairs []string
	for _, text := range known {
		if len(text) >= minLength && !strings.HasPrefix(text, "-----") {
			pairs = append(pairs, text, Redacted)
		}
	}
	return &Redactor{replacer: strings.NewReplacer(pairs...)}
}

// Redact returns text with every known secret replaced.
func (r *Redactor) Redact(text string) string {
	if r == nil {
		return text
	}
	return r.replacer.Replace(text)
}

// Writer returns a writer that redacts what is written to w. It looks at each
// write by itself, so writers must not split a line.
func (r *Redactor) Writer(w io.Writer) io.Writer { return &redactingWriter{r: r, w: w} }

type redactingWriter struct {
	r *Redactor
	w io.Writer
}

func (rw *redactingWriter) Write(p []byte) (int, error) {
	if _, err := io.WriteString(rw.w, rw.r.Redact(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}
