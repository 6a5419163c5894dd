package progress_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"gitops/ci/progress"
)

func TestExitCodes(t *testing.T) {
	for want, err := range map[int]error{
		progress.ExitDone:    nil,
		progress.ExitFailed:  errors.New("no route"),
		progress.ExitInvalid: fmt.Errorf("bumping: %w", progress.Invalid("reading: %w", fs.ErrNotExist)),
		progress.ExitRefused: errors.Join(errors.New("beside"), progress.Refused("not reviewed")),
	} {
		if got := progress.ExitCode(err); got != want {
			t.Errorf("%v: exit %d, want %d", err, got, want)
		}
	}
	if err := progress.Invalid("reading: %w", fs.ErrNotExist); !errors.Is(err, fs.ErrNotExist) || err.Error() != "reading: file does not exist" {
		t.Errorf("the cause is lost: %v", err)
	}
}

func TestProgressTellsBeginningAndEnd(t *testing.T) {
	var out safe
	p := progress.NewProgress(&out)
	p.Start("planning")(nil)
	p.Start("applying")(errors.New("no"))
	p.Say("%d done", 2)
	got := regexp.MustCompile(`\(\d+\.\d s\)`).ReplaceAllString(out.String(), "(took)") // a busy machine takes its time
	want := []string{"planning …", "planning: done (took)", "applying …", "applying: failed (took)", "2 done", ""}
	if got != strings.Join(want, "\n") {
		t.Errorf("got %q", got)
	}
}

// Who gives no place for progress gets none, on the process's own outputs either.
func TestNoProgressIsSilent(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "said"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	stdout, stderr := os.Stdout, os.Stderr
	os.Stdout, os.Stderr = file, file
	for _, silent := range []*progress.Progress{nil, {}, progress.NewProgress(nil)} {
		silent.Say("nobody hears this")
		silent.Start("nor this")(nil)
		silent.Start("nor that")(errors.New("it failed"))
	}
	os.Stdout, os.Stderr = stdout, stderr
	if said, err := os.ReadFile(file.Name()); err != nil || len(said) > 0 {
		t.Errorf("said %q, %v", said, err)
	}
}

func TestSeconds(t *testing.T) {
	if got := progress.Seconds(12345 * time.Millisecond); got != "12.3 s" {
		t.Errorf("got %q", got)
	}
}

// safe is a buffer for several goroutines.
type safe struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *safe) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *safe) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}
