package github

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	gh "github.com/google/go-github/v82/github"
)

// ProposeAgain opens a pull request to base that changes no file, or finds the open one
// from the same branch. Its one commit has base's tree; the pull request leads to a
// review and an apply. The token needs contents: write and pull-requests:
// write.
func (c *Client) ProposeAgain(ctx context.Context, pull PullRequest) (url string, err error) {
	if url, err := c.OpenPullRequest(ctx, pull.Head, pull.Base); err != nil || url != "" {
		return url, err
	}
	if err := c.emptyCommit(ctx, pull); err != nil {
		return "", err
	}
	_, url, _, err = c.CreatePullRequest(ctx, pull)
	return url, err
}

// emptyCommit puts the branch of pull one commit with no change before its base.
func (c *Client) emptyCommit(ctx context.Context, pull PullRequest) error {
	r := request{
		what:       fmt.Sprintf("making branch %s of %s in %s/%s", pull.Head, pull.Base, c.owner, c.repo),
		permission: "contents: write",
		repeatable: true, // a commit that no branch has does no harm
	}
	var base *gh.Reference
	var parent, made *gh.Commit
	steps := []func() (*gh.Response, error){
		func() (response *gh.Response, err error) {
			base, response, err = c.api.Git.GetRef(ctx, c.owner, c.repo, "heads/"+pull.Base)
			return response, err
		},
		func() (response *gh.Response, err error) {
			parent, response, err = c.api.Git.GetCommit(ctx, c.owner, c.repo, base.GetObject().GetSHA())
			return response, err
		},
		func() (response *gh.Response, err error) {
			made, response, err = c.api.Git.CreateCommit(ctx, c.owner, c.repo,
				gh.Commit{Message: &pull.Title, Tree: parent.Tree, Parents: []*gh.Commit{{SHA: base.GetObject().SHA}}}, nil)
			return response, err
		},
		func() (*gh.Response, error) { return c.setBranch(ctx, pull.Head, made.GetSHA()) },
	}
	for _, step := range steps {
		if err := c.do(ctx, r, step); err != nil {
			return err
		}
	}
	return nil
}

// setBranch makes a branch, or moves the one that an earlier pull request left.
func (c *Client) setBranch(ctx context.Context, branch, commit string) (*gh.Response, error) {
	_, response, err := c.api.Git.CreateRef(ctx, c.owner, c.repo, gh.CreateRef{Ref: "refs/heads/" + branch, SHA: commit})
	var refused *gh.ErrorResponse
	if errors.As(err, &refused) && refused.Response.StatusCode == http.StatusUnprocessableEntity && strings.Contains(refused.Message, "already exists") {
		_, response, err = c.api.Git.UpdateRef(ctx, c.owner, c.repo, "heads/"+branch, gh.UpdateRef{SHA: commit, Force: gh.Ptr(true)})
	}
	return response, err
}

// Dispatch starts a workflow, named by its file, on a branch. The token needs actions:
// write.
func (c *Client) Dispatch(ctx context.Context, workflow, branch string) error {
	r := request{
		what:       fmt.Sprintf("starting workflow %s on %s in %s/%s", workflow, branch, c.owner, c.repo),
		permission: "actions: write",
	}
	return c.do(ctx, r, func() (*gh.Response, error) {
		return c.api.Actions.CreateWorkflowDispatchEventByFileName(ctx, c.owner, c.repo, workflow, gh.CreateWorkflowDispatchEventRequest{Ref: branch})
	})
}
