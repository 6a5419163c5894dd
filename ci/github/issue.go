package github

import (
	"context"
	"fmt"

	gh "github.com/google/go-github/v82/github"
)

// UpsertIssue makes sure that one open issue with marker has title and body. It edits
// the open one, or reopens the one that was closed last, or opens a new one. It finds
// issues by label and marker, and an open one that lost its label by its marker.
func (c *Client) UpsertIssue(ctx context.Context, marker, title, body string) (url string, created bool, err error) {
	body = marked(marker, body)
	for attempt := 1; ; attempt++ {
		ours, err := c.issues(ctx, marker, "all")
		if err != nil {
			return "", false, err
		}
		if issue := current(ours); issue != nil {
			state, labels := "open", labelled(issue)
			url, err := c.editIssue(ctx, issue, &gh.IssueRequest{Title: &title, Body: &body, State: &state, Labels: &labels})
			return url, false, err
		}
		url, err := c.createIssue(ctx, title, body)
		failed, maybe := unsure(err)
		if !maybe || attempt == attempts {
			return url, err == nil, err
		}
		if err := c.pause(ctx, failed, backoff(attempt)); err != nil {
			return "", false, err
		}
	}
}

// CloseIssue closes the open issues with marker with a last word, a comment. Their text
// stays, as what was wrong. It returns the address of the last one, and whether there was
// one.
func (c *Client) CloseIssue(ctx context.Context, marker, lastWord string) (url string, closed bool, err error) {
	ours, err := c.issues(ctx, marker, "open")
	if err != nil {
		return "", false, err
	}
	for _, issue := range ours {
		if err := c.comment(ctx, issue, lastWord); err != nil {
			return "", false, err
		}
		state, reason := "closed", "completed"
		url, err = c.editIssue(ctx, issue, &gh.IssueRequest{State: &state, StateReason: &reason})
		if err != nil {
			return "", false, err
		}
	}
	return url, len(ours) > 0, nil
}

// comment writes a comment on an issue.
func (c *Client) comment(ctx context.Context, issue *gh.Issue, body string) error {
	r := request{what: fmt.Sprintf("commenting on issue %d of %s/%s", issue.GetNumber(), c.owner, c.repo), permission: "issues: write"}
	return c.do(ctx, r, func() (*gh.Response, error) {
		_, response, err := c.api.Issues.CreateComment(ctx, c.owner, c.repo, issue.GetNumber(), &gh.IssueComment{Body: &body})
		return response, err
	})
}

// labelled returns the labels of an issue, and ours.
func labelled(issue *gh.Issue) []string {
	names := []string{label}
	for _, l := range issue.Labels {
		if l.GetName() != label {
			names = append(names, l.GetName())
		}
	}
	return names
}

// current returns the issue to go on with: the oldest open one, else the newest
// closed one. The issues come newest first.
func current(issues []*gh.Issue) *gh.Issue {
	for i := len(issues) - 1; i >= 0; i-- {
		if issues[i].GetState() == "open" {
			return issues[i]
		}
	}
	if len(issues) > 0 {
		return issues[0]
	}
	return nil
}

// strayPages is how many pages of open issues are searched for one without its label.
const strayPages = 10

// issues lists our issues with marker, the newest first: those with our label, and if
// there are none, the open ones without it.
func (c *Client) issues(ctx context.Context, marker, state string) ([]*gh.Issue, error) {
	ours, err := c.issuesWith(ctx, marker, state, []string{label}, maxPages)
	if err != nil || len(ours) > 0 {
		return ours, err
	}
	return c.issuesWith(ctx, marker, "open", nil, strayPages)
}

func (c *Client) issuesWith(ctx context.Context, marker, state string, labels []string, most int) ([]*gh.Issue, error) {
	me, err := c.self(ctx)
	if err != nil {
		return nil, err
	}
	r := request{
		what:       fmt.Sprintf("listing the issues of %s/%s", c.owner, c.repo),
		permission: "issues: read",
		repeatable: true,
	}
	var ours []*gh.Issue
	options := &gh.IssueListByRepoOptions{State: state, Labels: labels,
		Sort: "created", Direction: "desc", ListOptions: gh.ListOptions{PerPage: pageSize}}
	err = c.pages(ctx, r, &options.ListOptions, func() (*gh.Response, error) {
		page, response, err := c.api.Issues.ListByRepo(ctx, c.owner, c.repo, options)
		for _, issue := range page {
			if err == nil && !issue.IsPullRequest() && me.wrote(issue.User) && isMarked(marker, issue.GetBody()) {
				ours = append(ours, issue)
			}
		}
		if most--; most == 0 && err == nil {
			response.NextPage = 0
		}
		return response, err
	})
	return ours, err
}

func (c *Client) createIssue(ctx context.Context, title, body string) (url string, err error) {
	r := request{what: fmt.Sprintf("opening an issue in %s/%s", c.owner, c.repo), permission: "issues: write"}
	labels := []string{label}
	var issue *gh.Issue
	err = c.do(ctx, r, func() (response *gh.Response, err error) {
		issue, response, err = c.api.Issues.Create(ctx, c.owner, c.repo, &gh.IssueRequest{Title: &title, Body: &body, Labels: &labels})
		return response, err
	})
	return issue.GetHTMLURL(), err
}

func (c *Client) editIssue(ctx context.Context, issue *gh.Issue, change *gh.IssueRequest) (url string, err error) {
	r := request{
		what:       fmt.Sprintf("writing issue %d of %s/%s", issue.GetNumber(), c.owner, c.repo),
		permission: "issues: write",
		repeatable: true,
	}
	var edited *gh.Issue
	err = c.do(ctx, r, func() (response *gh.Response, err error) {
		edited, response, err = c.api.Issues.Edit(ctx, c.owner, c.repo, issue.GetNumber(), change)
		return response, err
	})
	return edited.GetHTMLURL(), err
}
