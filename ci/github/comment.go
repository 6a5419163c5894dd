package github

import (
	"context"
	"fmt"
	"strings"

	gh "github.com/google/go-github/v82/github"
)

// pageSize is the most that GitHub lists at once.
const pageSize = 100

// maxPages bounds a listing; a pull request has no more comments than that.
const maxPages = 200

// UpsertComment writes body as our comment with marker on pull request pr: it edits
// the comment that exists, or makes one. A comment is ours if it begins with marker
// and the token's author wrote it. Of several, the oldest stays. A body that does not
// begin with marker gets it as its first line.
func (c *Client) UpsertComment(ctx context.Context, pr int, marker, body string) (url string, created bool, err error) {
	body = marked(marker, body)
	for attempt := 1; ; attempt++ {
		ours, err := c.comments(ctx, pr, marker, "")
		if err != nil {
			return "", false, err
		}
		if len(ours) > 0 {
			url, err := c.update(ctx, pr, ours, body)
			if gone(err) && attempt < attempts {
				continue // deleted since it was listed
			}
			return url, false, err
		}
		url, err := c.create(ctx, pr, body)
		failed, maybe := unsure(err)
		if !maybe || attempt == attempts {
			return url, err == nil, err
		}
		// GitHub may have made it: look before writing it a second time.
		if err := c.pause(ctx, failed, backoff(attempt)); err != nil {
			return "", false, err
		}
	}
}

// FindComment returns our comment with marker on pull request pr; of several, the
// one that was written last. Comments tells who edited it.
func (c *Client) FindComment(ctx context.Context, pr int, marker string) (body string, found bool, err error) {
	ours, err := c.comments(ctx, pr, marker, "")
	if err != nil || len(ours) == 0 {
		return "", false, err
	}
	latest := ours[0]
	for _, comment := range ours[1:] {
		if comment.GetUpdatedAt().After(latest.GetUpdatedAt().Time) {
			latest = comment
		}
	}
	return latest.GetBody(), true, nil
}

func marked(marker, body string) string {
	if isMarked(marker, body) {
		return body
	}
	return marker + "\n" + body
}

// isMarked looks only at the first line, so that a quoted marker does not count.
func isMarked(marker, body string) bool {
	first, _, _ := strings.Cut(body, "\n")
	return strings.TrimRight(first, "\r ") == marker
}

// comments lists the comments with marker that login wrote, the oldest first. An empty
// login is the token's author.
func (c *Client) comments(ctx context.Context, pr int, marker, login string) ([]*gh.IssueComment, error) {
	me, err := c.author(ctx, login)
	if err != nil {
		return nil, err
	}
	r := request{
		what:       fmt.Sprintf("listing the comments on pull request %d of %s/%s", pr, c.owner, c.repo),
		permission: "pull-requests: read",
		repeatable: true,
	}
	var ours []*gh.IssueComment
	options := &gh.IssueListCommentsOptions{ListOptions: gh.ListOptions{PerPage: pageSize}}
	err = c.pages(ctx, r, &options.ListOptions, func() (*gh.Response, error) {
		page, response, err := c.api.Issues.ListComments(ctx, c.owner, c.repo, pr, options)
		for _, comment := range page {
			if err == nil && me.wrote(comment.User) && isMarked(marker, comment.GetBody()) {
				ours = append(ours, comment)
			}
		}
		return response, err
	})
	return ours, err
}

// pages calls list for every page; options is what list reads the page from.
func (c *Client) pages(ctx context.Context, r request, options *gh.ListOptions, list func() (*gh.Response, error)) error {
	for range maxPages {
		next := 0
		err := c.do(ctx, r, func() (*gh.Response, error) {
			response, err := list()
			if err == nil {
				next = response.NextPage
			}
			return response, err
		})
		if err != nil || next == 0 {
			return err
		}
		options.Page = next
	}
	return &Error{What: r.what, Cause: fmt.Errorf("there are more than %d pages", maxPages)}
}

func (c *Client) create(ctx context.Context, pr int, body string) (url string, err error) {
	var comment *gh.IssueComment
	err = c.do(ctx, c.writing(pr), func() (response *gh.Response, err error) {
		comment, response, err = c.api.Issues.CreateComment(ctx, c.owner, c.repo, pr, &gh.IssueComment{Body: &body})
		return response, err
	})
	return comment.GetHTMLURL(), err
}

func (c *Client) writing(pr int) request {
	return request{
		what:       fmt.Sprintf("writing the comment on pull request %d of %s/%s", pr, c.owner, c.repo),
		permission: "pull-requests: write",
	}
}

// update writes body into the first of ours and deletes the others, which two runs
// at once may have made.
func (c *Client) update(ctx context.Context, pr int, ours []*gh.IssueComment, body string) (url string, err error) {
	r := c.writing(pr)
	r.repeatable = true
	var comment *gh.IssueComment
	err = c.do(ctx, r, func() (response *gh.Response, err error) {
		comment, response, err = c.api.Issues.EditComment(ctx, c.owner, c.repo, ours[0].GetID(), &gh.IssueComment{Body: &body})
		return response, err
	})
	if err != nil {
		return "", err
	}
	for _, duplicate := range ours[1:] {
		r.what = fmt.Sprintf("deleting a second comment on pull request %d of %s/%s", pr, c.owner, c.repo)
		err := c.do(ctx, r, func() (*gh.Response, error) {
			return c.api.Issues.DeleteComment(ctx, c.owner, c.repo, duplicate.GetID())
		})
		if err != nil && !gone(err) {
			return "", err
		}
	}
	return comment.GetHTMLURL(), nil
}
