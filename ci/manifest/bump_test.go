package manifest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gitops/ci/lab/golden"
	"gitops/ci/progress"
)

// TestGolden runs every folder of testdata/bump: original.yml is bumped as
// ask says, which gives expected.yml and the report, or is refused with error.
func TestGolden(t *testing.T) {
	folders, err := filepath.Glob("testdata/bump/*")
	if err != nil || len(folders) == 0 {
		t.Fatal("no golden folders", err)
	}
	for _, folder := range folders {
		t.Run(filepath.Base(folder), func(t *testing.T) { bumpFolder(t, folder) })
	}
}

func bumpFolder(t *testing.T, folder string) {
	original := read(t, folder, "original.yml")
	images, options := parseAsk(t, read(t, folder, "ask"))
	rewritten, changes, err := Bump([]byte(original), images, options)
	if err != nil {
		if code := progress.ExitCode(err); code != progress.ExitInvalid {
			t.Errorf("exit code %d for %v", code, err)
		}
		golden.Compare(t, filepath.Join(folder, "error"), err.Error()+"\n")
		return
	}
	if len(changes) == 0 && string(rewritten) != original {
		t.Error("no change is reported but the text differs")
	}
	golden.Compare(t, filepath.Join(folder, "report"), report(changes))
	if len(changes) > 0 {
		golden.Compare(t, filepath.Join(folder, "expected.yml"), string(rewritten))
		idempotent(t, rewritten, images, options)
	}
}

// idempotent bumps again: nothing may be left to do.
func idempotent(t *testing.T, rewritten []byte, images map[string]string, o Options) {
	t.Helper()
	again, changes, err := Bump(rewritten, images, o)
	if err != nil || len(changes) != 0 || string(again) != string(rewritten) {
		t.Errorf("bumping again: changes %v, error %v", changes, err)
	}
}

func report(changes []Change) string {
	var b strings.Builder
	for _, c := range changes {
		fmt.Fprintf(&b, "%d:%d %s\n", c.Line, c.Column, c)
	}
	return b.String()
}

// parseAsk reads lines of SERVICE=REF, --force, --pin and --no-pin.
func parseAsk(t *testing.T, text string) (map[string]string, Options) {
	images, options := map[string]string{}, Options{File: "compose.yml"}
	pin, noPin := true, false
	for _, line := range strings.Fields(text) {
		switch line {
		case "--force":
			options.Force = true
		case "--pin":
			options.Pin = &pin
		case "--no-pin":
			options.Pin = &noPin
		default:
			service, ref, found := strings.Cut(line, "=")
			if !found {
				t.Fatalf("ask: %q is not SERVICE=REF", line)
			}
			images[service] = ref
		}
	}
	return images, options
}

func read(t *testing.T, folder, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return string(data)
}
