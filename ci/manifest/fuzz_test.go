package manifest

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"gitops/ci/progress"
)

// FuzzBump gives arbitrary bytes as the manifest: it is refused with exit 2, or
// only the asked scalar changes.
func FuzzBump(f *testing.F) {
	seeds, err := filepath.Glob("testdata/bump/*/original.yml")
	if err != nil || len(seeds) == 0 {
		f.Fatal("no manifests to begin with", err)
	}
	for _, seed := range seeds {
		data, err := os.ReadFile(seed)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, "owner/backend:new", false)
		f.Add(data, "[::1]:5000/owner/backend:new", true)
	}
	f.Fuzz(func(t *testing.T, original []byte, ref string, force bool) {
		// A manifest that takes this long is a finding too.
		defer time.AfterFunc(10*time.Second, func() { panic("bump takes too long") }).Stop()
		images := map[string]string{"backend": ref}
		rewritten, changes, err := Bump(original, images, Options{Force: force})
		switch {
		case err != nil && progress.ExitCode(err) != progress.ExitInvalid:
			t.Fatalf("not refused as bad input: %v", err)
		case err != nil:
			return
		case len(changes) == 0:
			if !bytes.Equal(original, rewritten) {
				t.Fatal("no change was reported but the text differs")
			}
			return
		}
		onlyScalar(t, original, rewritten, changes[0])
		before, after := string(original), string(rewritten)
		sameButFor(t, before, after, images)
	})
}

// onlyScalar checks that the difference is one stretch of one line, where the
// change says.
func onlyScalar(t *testing.T, before, after []byte, c Change) {
	t.Helper()
	head := 0
	for head < len(before) && head < len(after) && before[head] == after[head] {
		head++
	}
	tail := 0
	for tail < len(before)-head && tail < len(after)-head && before[len(before)-1-tail] == after[len(after)-1-tail] {
		tail++
	}
	at := offset(before, c.Line, c.Column)
	if at < 0 || head < at {
		t.Fatalf("the text differs from byte %d on, the change is said to be at %d (%d:%d)", head, at, c.Line, c.Column)
	}
	if hasBreak(before[at : len(before)-tail]) {
		t.Fatalf("more than a line changed: %q", before[at:len(before)-tail])
	}
}
