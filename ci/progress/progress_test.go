package progress_test

import (
	"errors"
	"fmt"
	"io/fs"
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
	want := []string{"planning …", "planning: done (0.0 s)", "applying …", "applying: failed (0.0 s)", "2 done", ""}
	if got := out.String(); got != strings.Join(want, "\n") {
		t.Errorf("got %q", got)
	}
}

func TestNoProgressIsSilent(t *testing.T) {
	var none *progress.Progress
	none.Say("nobody hears this")
	none.Start("nor this")(nil)
	new(progress.Progress).Start("nor this")(nil)
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
