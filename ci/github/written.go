package github

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	gh "github.com/google/go-github/v82/github"
)

// Written is a comment as it is now, and who wrote and changed it.
type Written struct {
	URL     string
	Body    string
	Created time.Time
	Edited  time.Time // the last change; zero where there was none
	// Stranger is who made the last change, where that was not the author; "somebody
	// whose account is gone" where GitHub does not know.
	Stranger string

	id int64
}

// Since returns when the comment got its present text.
func (w Written) Since() time.Time {
	if w.Edited.IsZero() {
		return w.Created
	}
	return w.Edited
}

// Comments returns the comments with marker on pull request pr that author wrote, the
// oldest first: a login such as alice or github-actions[bot], the token's author when
// empty.
func (c *Client) Comments(ctx context.Context, pr int, marker, author string) ([]Written, error) {
	listed, err := c.comments(ctx, pr, marker, author)
	if err != nil {
		return nil, err
	}
	by, err := c.author(ctx, author)
	if err != nil {
		return nil, err
	}
	var all []Written
	for _, comment := range listed {
		written, err := c.written(ctx, comment, by)
		if err != nil {
			return nil, err
		}
		all = append(all, written)
	}
	return all, nil
}

// AuthorName returns who Comments takes an author to be, as GitHub shows the login.
func (c *Client) AuthorName(ctx context.Context, login string) (string, error) {
	by, err := c.author(ctx, login)
	return by.String(), err
}

const writtenQuery = `query($id: ID!) {
  node(id: $id) {
    ... on IssueComment {
      body url createdAt lastEditedAt
      author { __typename login }
      editor { __typename login }
      userContentEdits(first: 10) { nodes { editedAt editor { __typename login } } }
    }
  }
}`

// actor is a user as GraphQL tells of one; nil is somebody whose account is gone.
type actor struct {
	Kind  string `json:"__typename"`
	Login string `json:"login"`
}

// is reports whether the actor is an author. GraphQL's bots have no suffix.
func (a *actor) is(by author) bool {
	return a != nil && strings.EqualFold(strings.TrimSuffix(a.Login, botSuffix), by.login) && by.bot == (a.Kind == "Bot")
}

func (a *actor) String() string {
	if a == nil {
		return "somebody whose account is gone"
	}
	return author{a.Login, a.Kind == "Bot"}.String()
}

// commentNode is what writtenQuery answers.
type commentNode struct {
	Body, URL        string
	CreatedAt        time.Time
	LastEditedAt     *time.Time
	Author, Editor   *actor
	UserContentEdits struct {
		Nodes []struct {
			EditedAt time.Time
			Editor   *actor
		}
	}
}

// written asks who wrote and changed a comment. Its text is that of the same answer: it
// may have changed since it was listed.
func (c *Client) written(ctx context.Context, listed *gh.IssueComment, by author) (Written, error) {
	var answer struct{ Node *commentNode }
	r := request{
		what:       fmt.Sprintf("asking who edited comment %d in %s/%s", listed.GetID(), c.owner, c.repo),
		permission: "pull-requests: read",
	}
	if err := c.query(ctx, r, writtenQuery, map[string]any{"id": listed.GetNodeID()}, &answer); err != nil {
		return Written{}, err
	}
	if answer.Node == nil || !answer.Node.Author.is(by) {
		return Written{}, &Error{What: r.what, Status: 200, Message: "there is no such comment by " + by.String(), Remedy: "it may be deleted: run this again"}
	}
	node := answer.Node
	w := Written{id: listed.GetID(), URL: node.URL, Body: node.Body, Created: node.CreatedAt}
	if node.LastEditedAt != nil {
		w.Edited, w.Stranger = *node.LastEditedAt, node.stranger(by)
	}
	return w, nil
}

// stranger returns who made the last change, empty where that was by. Both what the
// comment and what its history say must be that.
func (n *commentNode) stranger(by author) string {
	if !n.Editor.is(by) {
		return n.Editor.String()
	}
	for _, edit := range slices.Backward(n.UserContentEdits.Nodes) {
		if !edit.EditedAt.Before(*n.LastEditedAt) && !edit.Editor.is(by) {
			return edit.Editor.String()
		}
	}
	return ""
}

// Rewrite writes body into a comment that Comments returned. Only its author may.
func (c *Client) Rewrite(ctx context.Context, comment Written, body string) error {
	r := request{
		what:       fmt.Sprintf("writing comment %d in %s/%s", comment.id, c.owner, c.repo),
		permission: "pull-requests: write",
		repeatable: true,
	}
	return c.do(ctx, r, func() (*gh.Response, error) {
		_, response, err := c.api.Issues.EditComment(ctx, c.owner, c.repo, comment.id, &gh.IssueComment{Body: &body})
		return response, err
	})
}
