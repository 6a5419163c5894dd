package github

import (
	"context"
	"errors"
	"net/http"
	"strings"

	gh "github.com/google/go-github/v82/github"
)

// author is the user that comments by the token belong to.
type author struct {
	login string // without the suffix [bot]
	bot   bool
}

// actionsBot is the author of what a workflow's token writes.
const actionsBot = "github-actions[bot]"

const botSuffix = "[bot]"

// wrote reports whether user is this author. A person may have a bot's name without
// its suffix, so the type must be the same too.
func (a author) wrote(user *gh.User) bool {
	return strings.EqualFold(strings.TrimSuffix(user.GetLogin(), botSuffix), a.login) &&
		a.bot == (user.GetType() == "Bot")
}

// self asks once who the token's author is.
func (c *Client) self(ctx context.Context) (author, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.me != nil {
		return *c.me, nil
	}
	me, err := c.askSelf(ctx)
	if err == nil {
		c.me = &me
	}
	return me, err
}

func (c *Client) askSelf(ctx context.Context) (author, error) {
	var user *gh.User
	err := c.do(ctx, request{what: "asking who the GitHub token belongs to", repeatable: true},
		func() (response *gh.Response, err error) {
			user, response, err = c.api.Users.Get(ctx, "")
			return response, err
		})
	var failed *Error
	switch {
	case err == nil:
		return author{strings.TrimSuffix(user.GetLogin(), botSuffix), user.GetType() == "Bot"}, nil
	case errors.As(err, &failed) && !failed.limited && (failed.Status == http.StatusForbidden || failed.Status == http.StatusNotFound):
		// This endpoint knows no user for the token of an app or a workflow.
		return author{strings.TrimSuffix(c.viewer(ctx), botSuffix), true}, nil
	}
	return author{}, err
}

// viewer asks GraphQL, which answers apps too. Without GraphQL the author is the bot
// of GitHub Actions.
func (c *Client) viewer(ctx context.Context) string {
	var answer struct {
		Viewer struct {
			Login string `json:"login"`
		} `json:"viewer"`
	}
	err := c.query(ctx, request{what: "asking which app the GitHub token belongs to"}, "query { viewer { login } }", nil, &answer)
	if err != nil || answer.Viewer.Login == "" {
		return actionsBot
	}
	return answer.Viewer.Login
}

// namedAuthor returns the author that a person or an app's bot is as, such as alice or
// github-actions[bot].
func namedAuthor(login string) author {
	name, bot := strings.CutSuffix(login, botSuffix)
	return author{name, bot}
}

// String returns the login as GitHub shows it.
func (a author) String() string {
	if a.bot {
		return a.login + botSuffix
	}
	return a.login
}

// author returns who is named by login, else who the token belongs to.
func (c *Client) author(ctx context.Context, login string) (author, error) {
	if login != "" {
		return namedAuthor(login), nil
	}
	return c.self(ctx)
}
