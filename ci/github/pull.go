package github

import (
	"context"
	"fmt"
	"strings"
	"time"

	gh "github.com/google/go-github/v82/github"
)

// Merged is a pull request that was merged.
type Merged struct {
	Number      int
	Head        string // the commit that was merged
	Base        string // the branch that got it
	MergeCommit string // what the branch was at then: of a rebase, the last new commit

	id string
	at time.Time
}

// MergedPullRequest returns the pull request that merged commit, and whether there is
// one. Of several it returns the one whose merge commit this is, in branch before
// others, else the one that was merged last.
func (c *Client) MergedPullRequest(ctx context.Context, commit, branch string) (merged Merged, found bool, err error) {
	r := request{
		what:       fmt.Sprintf("finding the pull request of commit %s in %s/%s", commit, c.owner, c.repo),
		permission: "pull-requests: read",
		repeatable: true,
	}
	options := &gh.ListOptions{PerPage: pageSize}
	err = c.pages(ctx, r, options, func() (*gh.Response, error) {
		page, response, err := c.api.PullRequests.ListPullRequestsWithCommit(ctx, c.owner, c.repo, commit, options)
		for _, pull := range page {
			if err != nil || pull.MergedAt == nil {
				continue
			}
			if one := mergedOf(pull); !found || one.closeness(commit, branch) > merged.closeness(commit, branch) ||
				one.closeness(commit, branch) == merged.closeness(commit, branch) && one.at.After(merged.at) {
				merged, found = one, true
			}
		}
		return response, err
	})
	return merged, found, err
}

func mergedOf(pull *gh.PullRequest) Merged {
	return Merged{
		Number: pull.GetNumber(), Head: pull.GetHead().GetSHA(), Base: pull.GetBase().GetRef(),
		MergeCommit: pull.GetMergeCommitSHA(), id: pull.GetNodeID(), at: pull.GetMergedAt().Time,
	}
}

// closeness says how well a pull request fits a commit of a branch.
func (m Merged) closeness(commit, branch string) int {
	switch {
	case m.MergeCommit == commit && m.Base == branch:
		return 2
	case m.MergeCommit == commit:
		return 1
	}
	return 0
}

// OpenPullRequest returns the address of the open pull request from one branch to
// another, empty where there is none.
func (c *Client) OpenPullRequest(ctx context.Context, head, base string) (url string, err error) {
	found, err := c.openPull(ctx, PullRequest{Head: head, Base: base})
	return found.GetHTMLURL(), err
}

// Head returns the head of pull request pr, and the commit of its merge: before it is
// merged, the one that GitHub tries it with.
func (c *Client) Head(ctx context.Context, pr int) (head, merge string, err error) {
	pull, err := c.pull(ctx, pr)
	return pull.GetHead().GetSHA(), pull.GetMergeCommitSHA(), err
}

// Facts returns the labels of pull request pr, and the logins of the people who may push
// and approve its head.
func (c *Client) Facts(ctx context.Context, pr int) (labels, approvals []string, err error) {
	pull, err := c.pull(ctx, pr)
	if err != nil {
		return nil, nil, err
	}
	for _, label := range pull.Labels {
		labels = append(labels, label.GetName())
	}
	opinions, err := c.Opinions(ctx, Merged{Number: pr, id: pull.GetNodeID()})
	for _, opinion := range opinions {
		if opinion.Approved && opinion.Commit == pull.GetHead().GetSHA() {
			approvals = append(approvals, opinion.By)
		}
	}
	return labels, approvals, err
}

func (c *Client) pull(ctx context.Context, pr int) (pull *gh.PullRequest, err error) {
	r := request{
		what:       fmt.Sprintf("reading pull request %d of %s/%s", pr, c.owner, c.repo),
		permission: "pull-requests: read",
		repeatable: true,
	}
	err = c.do(ctx, r, func() (response *gh.Response, err error) {
		pull, response, err = c.api.PullRequests.Get(ctx, c.owner, c.repo, pr)
		return response, err
	})
	return pull, err
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
