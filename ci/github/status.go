package github

import (
	"context"
	"fmt"

	gh "github.com/google/go-github/v82/github"
)

// Status is a line beside a commit.
type Status struct {
	State       string // "success" or "failure"
	Context     string // what the line is about; the last one of a context is shown
	Description string // at most 140 characters
	URL         string // where it leads
}

// SetStatus puts a status on a commit.
func (c *Client) SetStatus(ctx context.Context, commit string, s Status) error {
	r := request{
		what:       fmt.Sprintf("writing the status of commit %s in %s/%s", commit, c.owner, c.repo),
		permission: "statuses: write",
		repeatable: true, // a second one is shown in the place of the first
	}
	return c.do(ctx, r, func() (*gh.Response, error) {
		_, response, err := c.api.Repositories.CreateStatus(ctx, c.owner, c.repo, commit, gh.RepoStatus{
			State: &s.State, Context: &s.Context, Description: &s.Description, TargetURL: &s.URL,
		})
		return response, err
	})
}
