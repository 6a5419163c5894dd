package robot

import (
	"strings"
	"testing"
	"time"

	"gitops/ci/progress"
)

func TestCommitTimeIsThatOfTheCommit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	shas := w.long(50)
	o := w.local(shas[20])
	o.Images = nil
	when, err := CommitTime(t.Context(), o)
	if want := time.Unix(1700000020, 0).UTC(); err != nil || when != want {
		t.Errorf("got %s, %v; want %s", when, err, want)
	}
	o.Commit = strings.Repeat("1", 40)
	if _, err := CommitTime(t.Context(), o); progress.ExitCode(err) != progress.ExitRefused || !strings.Contains(err.Error(), "push it first") {
		t.Errorf("a commit that is not there: %v", err)
	}
	o.Commit = "short"
	if _, err := CommitTime(t.Context(), o); progress.ExitCode(err) != progress.ExitInvalid {
		t.Errorf("no commit: %v", err)
	}
}
