package stages

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gitops/ci/github"
	"gitops/ci/infra"
	"gitops/ci/progress"
)

// maxRuns is how many runs an error about a lock names.
const maxRuns = 5

// explainLock adds to an error about a state's lock which runs on GitHub may hold it,
// and whether they still run. Terraform writes into a lock who holds it and since when,
// and nothing of a run's, so that they are found by time. The token needs actions: read.
func (g GitHubOptions) explainLock(ctx context.Context, out Output, err error) error {
	var locked *infra.LockedError
	if !errors.As(err, &locked) || g.Repo == "" || g.Token.Empty() {
		return err
	}
	since, known := locked.Lock.Since()
	if !known {
		return err
	}
	client, clientErr := g.client(out)
	if clientErr != nil {
		return err
	}
	runs, listErr := client.RunsAt(ctx, since)
	if listErr != nil {
		out.Progress.Say("looking for the run that holds the lock: %v", listErr)
		return err
	}
	return fmt.Errorf("%w\n%s", err, g.holders(runs))
}

// holders says of the runs at the time of a lock whether one of them can still hold it.
func (g GitHubOptions) holders(runs []github.Run) string {
	if len(runs) == 0 {
		return "No run of " + g.Repo + " on GitHub ran then: somebody holds it from another machine, or another repository."
	}
	text, running := "On GitHub these ran then:", false
	for i, run := range runs {
		running = running || run.Running
		switch {
		case i > maxRuns:
		case i == maxRuns:
			text += fmt.Sprintf("\n  and %d more", len(runs)-maxRuns)
		case run.URL == g.Run:
			text += fmt.Sprintf("\n  %s, this run", run.Name)
		case run.Running:
			text += fmt.Sprintf("\n  %s, which still runs: %s", run.Name, run.URL)
		default:
			text += fmt.Sprintf("\n  %s, which ended %s (%s): %s", run.Name, run.Ended.UTC().Format(time.RFC3339), run.Conclusion, run.URL)
		}
	}
	if running {
		return text + "\nWait for the one that still runs."
	}
	return text + "\nNone of them runs any more. If nobody works from another machine, the lock is left behind, and is safe to remove."
}

// UnlockStateOptions say which lock is removed.
type UnlockStateOptions struct {
	Terraform TerraformOptions `json:"terraform"`
	// Lock is the ID of the lock, which the error about it names.
	Lock   string `json:"lock"`
	Output Output `json:"-"`
}

// UnlockStateResult is the lock that was removed.
type UnlockStateResult struct {
	Lock string `json:"lock"`
}

// UnlockState removes a lock that was left behind. A lock with another ID stays: it is
// somebody else's.
func UnlockState(ctx context.Context, o UnlockStateOptions) (UnlockStateResult, error) {
	if o.Lock == "" {
		return UnlockStateResult{}, progress.Invalid("removing a state's lock: there is no --lock: give the ID that the error about the lock names")
	}
	workspace, err := o.Terraform.open(ctx, o.Output)
	if err != nil {
		return UnlockStateResult{}, err
	}
	defer workspace.Close()
	return UnlockStateResult{o.Lock}, workspace.Unlock(ctx, o.Lock)
}
