package robot

import (
	"context"
	"fmt"
	"time"

	"gitops/ci/progress"
)

// CommitTime returns when o.Commit was made. It fetches commits of the branch
// without their content, only as deep as it must; o.Images is not needed. A
// commit that the branch does not have is refused.
func CommitTime(ctx context.Context, o Options) (time.Time, error) {
	if err := o.Check(); err != nil {
		return time.Time{}, err
	}
	g, err := newGit(o)
	if err != nil {
		return time.Time{}, err
	}
	defer g.close()
	repo, err := g.initBare(ctx, "history.git", o.Commit)
	if err != nil {
		return time.Time{}, err
	}
	h := &history{git: g, local: g.offline(), repo: repo, url: o.HistoryURL, branch: o.HistoryBranch}
	found, err := h.order(ctx, o.Commit, "")
	if err != nil {
		return time.Time{}, err
	}
	if found.relation == gone {
		return time.Time{}, progress.Refused("%s of %s does not have commit %s: push it first, or name the branch that has it", o.HistoryBranch, o.HistoryURL, o.Commit)
	}
	text, err := h.local.text(ctx, repo, nil, "show", "--no-patch", "--format=%cI", o.Commit)
	if err != nil {
		return time.Time{}, err
	}
	when, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return when, fmt.Errorf("reading the time of commit %s: %w", o.Commit, err)
	}
	return when.UTC(), nil
}
