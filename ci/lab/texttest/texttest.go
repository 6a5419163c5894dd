// Package texttest edits the texts that tests work with.
package texttest

import (
	"strings"
	"testing"
)

// Replace returns text with the first old replaced by new. A text without old ends
// the test: an edit that changes nothing makes a test that proves nothing.
func Replace(t testing.TB, text, old, new string) string {
	t.Helper()
	before, after, found := strings.Cut(text, old)
	if !found || old == new {
		t.Fatalf("replacing %q by %q changes nothing in:\n%s", old, new, text)
	}
	return before + new + after
}
