package golden

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// recorder is a test that notes its first failure.
type recorder struct {
	testing.TB
	failure string
}

func (r *recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	if r.failure == "" {
		r.failure = fmt.Sprintf(format, args...)
	}
}

func (r *recorder) Fatalf(format string, args ...any) { r.Errorf(format, args...) }

func TestCompareShowsTheFirstDifference(t *testing.T) {
	t.Setenv(UpdateVariable, "")
	path := filepath.Join(t.TempDir(), "want")
	os.WriteFile(path, []byte("one\ntwo\n"), 0o644)
	for got, want := range map[string]string{
		"one\ntwo\n":        "",
		"one\n2\n":          "line 2:\n got \"2\\n\"\nwant \"two\\n\"",
		"one\ntwo":          "line 2:\n got \"two\"\nwant \"two\\n\"",
		"one\ntwo\nthree\n": "line 3:\n got \"three\\n\"\nwant \"\"",
		"":                  "line 1:\n got \"\"\nwant \"one\\n\"",
	} {
		r := &recorder{TB: t}
		Compare(r, path, got)
		if (want == "") != (r.failure == "") || !strings.Contains(r.failure, want) {
			t.Errorf("comparing %q: %q, want %q", got, r.failure, want)
		}
	}
}

func TestCompareFailsWithoutAFile(t *testing.T) {
	t.Setenv(UpdateVariable, "")
	r := &recorder{TB: t}
	Compare(r, filepath.Join(t.TempDir(), "none"), "what was made")
	if !strings.Contains(r.failure, "no such file") || !strings.Contains(r.failure, "what was made") {
		t.Errorf("%q", r.failure)
	}
}

func TestUpdatingWrites(t *testing.T) {
	t.Setenv(UpdateVariable, "1")
	path := filepath.Join(t.TempDir(), "want")
	Compare(t, path, "new\n")
	if content, err := os.ReadFile(path); err != nil || string(content) != "new\n" {
		t.Errorf("%q, %v", content, err)
	}
}
