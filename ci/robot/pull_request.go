package robot

import (
	"context"
	"fmt"
	"strings"
)

// PullRequest is what the robot proposes when it may not push.
type PullRequest struct {
	Head   string // the branch with the robot's commit
	Base   string // the branch that it shall go to
	Title  string
	Body   string
	Commit string // the robot's commit
}

// propose pushes the commit to its own branch. The branch is named after
// the intent, so that a second run finds what the first one left.
func (j *job) propose(ctx context.Context) (done bool, err error) {
	j.target = fmt.Sprintf("gitops/%s-%s", j.Branch, j.Commit[:12])
	if err := j.push(ctx, j.mine); err != nil {
		return false, err // the branch is there already: the next attempt builds on it
	}
	return true, j.finish(ctx, j.mine)
}

func (j *job) openPullRequest(ctx context.Context, commit string) error {
	message, err := j.message(j.result.Changes)
	if err != nil {
		return err
	}
	title, body, _ := strings.Cut(message, "\n")
	address, err := j.PullRequest(ctx, PullRequest{j.target, j.Branch, title, strings.TrimSpace(body), commit})
	if err != nil {
		return fmt.Errorf("opening a pull request for branch %s, which is pushed: %w", j.target, err)
	}
	j.result.PullRequest = address
	return nil
}
