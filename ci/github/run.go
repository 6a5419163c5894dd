package github

import (
	"context"
	"fmt"
	"time"

	gh "github.com/google/go-github/v82/github"
)

// Run is a run of GitHub Actions.
type Run struct {
	ID         int64
	Name       string // of its workflow
	URL        string
	Running    bool
	Conclusion string    // "cancelled", "failure", "success" …; empty while it runs
	Ended      time.Time // zero while it runs
}

// longestRun is how long a run may wait and work: GitHub ends it after 35 days, and
// nobody waits for one of more than a week.
const longestRun = 7 * 24 * time.Hour

// RunsAt returns the runs of the repository that ran at a time, the newest first.
func (c *Client) RunsAt(ctx context.Context, at time.Time) ([]Run, error) {
	r := request{
		what:       fmt.Sprintf("listing the runs of %s/%s", c.owner, c.repo),
		permission: "actions: read",
		repeatable: true,
	}
	options := &gh.ListWorkflowRunsOptions{
		Created:     at.Add(-longestRun).UTC().Format(time.RFC3339) + ".." + at.UTC().Format(time.RFC3339),
		ListOptions: gh.ListOptions{PerPage: pageSize},
	}
	var all []Run
	err := c.pages(ctx, r, &options.ListOptions, func() (*gh.Response, error) {
		page, response, err := c.api.Actions.ListRepositoryWorkflowRuns(ctx, c.owner, c.repo, options)
		if err != nil {
			return response, err
		}
		for _, run := range page.WorkflowRuns {
			running := run.GetStatus() != "completed"
			// A minute for clocks that differ.
			if run.GetRunStartedAt().After(at.Add(time.Minute)) || !running && run.GetUpdatedAt().Before(at.Add(-time.Minute)) {
				continue
			}
			found := Run{ID: run.GetID(), Name: run.GetName(), URL: run.GetHTMLURL(), Running: running}
			if !running {
				found.Conclusion, found.Ended = run.GetConclusion(), run.GetUpdatedAt().Time
			}
			all = append(all, found)
		}
		return response, nil
	})
	return all, err
}
