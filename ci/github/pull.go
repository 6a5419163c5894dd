package github

import (
	"context"
	"fmt"
	"strings"

	gh "github.com/google/go-github/v82/github"
)

// MergedPullRequest returns the number of the pull request that merged commit, 0 if
// there is none. Of several it returns the one whose merge commit this is, else the
// one that was merged last.
func (c *Client) MergedPullRequest(ctx context.Context, commit string) (number int, err error) {
	r := request{
		what:       fmt.Sprintf("finding the pull request of commit %s in %s/%s", commit, c.owner, c.repo),
		permission: "pull-requests: read",
		repeatable: true,
	}
	var merged *gh.PullRequest
	options := &gh.ListOptions{PerPage: pageSize}
	err = c.pages(ctx, r, options, func() (*gh.Response, error) {
		page, response, err := c.api.PullRequests.ListPullRequestsWithCommit(ctx, c.owner, c.repo, commit, options)
		for _, pull := range page {
			if err == nil && pull.MergedAt != nil && closer(pull, merged, commit) {
				merged = pull
			}
		}
		return response, err
	})
	if err != nil || merged == nil {
		return 0, err
	}
	return merged.GetNumber(), nil
}

// closer reports whether a is a better answer for commit than b.
func closer(a, b *gh.PullRequest, commit string) bool {
	if b == nil {
		return true
	}
	aIsIt, bIsIt := a.GetMergeCommitSHA() == commit, b.GetMergeCommitSHA() == commit
	if aIsIt != bIsIt {
		return aIsIt
	}
	return a.GetMergedAt().After(b.GetMergedAt().Time)
}

// PullRequest is a pull request to open.
type PullRequest struct {
	Title string
	Body  string
	Head  string // the branch with the changes
	Base  string // the branch that shall get them
}

// CreatePullRequest opens pull, or finds the open one from the same branch to the
// same branch, whose title and body it leaves as they are.
func (c *Client) CreatePullRequest(ctx context.Context, pull PullRequest) (number int, url string, created bool, err error) {
	for attempt := 1; ; attempt++ {
		found, err := c.openPull(ctx, pull)
		if err != nil || found != nil {
			return found.GetNumber(), found.GetHTMLURL(), false, err
		}
		made, err := c.createPull(ctx, pull)
		if err == nil {
			return made.GetNumber(), made.GetHTMLURL(), true, nil
		}
		failed, maybe := unsure(err)
		if !maybe && !strings.Contains(err.Error(), "already exists") || attempt == attempts {
			return 0, "", false, err
		}
		if maybe {
			if err := c.pause(ctx, failed, backoff(attempt)); err != nil {
				return 0, "", false, err
			}
		}
	}
}

func (c *Client) openPull(ctx context.Context, pull PullRequest) (*gh.PullRequest, error) {
	r := request{
		what:       fmt.Sprintf("looking for a pull request from %s to %s in %s/%s", pull.Head, pull.Base, c.owner, c.repo),
		permission: "pull-requests: read",
		repeatable: true,
	}
	options := &gh.PullRequestListOptions{State: "open", Head: c.owner + ":" + pull.Head, Base: pull.Base}
	var found *gh.PullRequest
	err := c.do(ctx, r, func() (*gh.Response, error) {
		page, response, err := c.api.PullRequests.List(ctx, c.owner, c.repo, options)
		if err == nil && len(page) > 0 {
			found = page[0]
		}
		return response, err
	})
	return found, err
}

func (c *Client) createPull(ctx context.Context, pull PullRequest) (made *gh.PullRequest, err error) {
	r := request{
		what:       fmt.Sprintf("opening a pull request from %s to %s in %s/%s", pull.Head, pull.Base, c.owner, c.repo),
		permission: "pull-requests: write",
	}
	err = c.do(ctx, r, func() (response *gh.Response, err error) {
		made, response, err = c.api.PullRequests.Create(ctx, c.owner, c.repo, &gh.NewPullRequest{
			Title: &pull.Title, Body: &pull.Body, Head: &pull.Head, Base: &pull.Base,
		})
		return response, err
	})
	return made, err
}
