package github

import (
	"context"
	"errors"
	"net/http"
	"strings"

	gh "github.com/google/go-github/v82/github"
)

// author is whom the token writes as.
type author struct {
	login string // without the suffix [bot]
	bot   bool
}

// actionsBot is whom the token of a workflow writes as.
const actionsBot = "github-actions[bot]"

const botSuffix = "[bot]"

// wrote reports whether user is this author. A person may have the name of a bot
// without its suffix, so that the type must agree as well.
func (a author) wrote(user *gh.User) bool {
	return strings.EqualFold(strings.TrimSuffix(user.GetLogin(), botSuffix), a.login) &&
		a.bot == (user.GetType() == "Bot")
}

// self finds out, once, whom the token writes as.
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
		// An app's token, a workflow's among them, is nobody to this endpoint.
		return author{strings.TrimSuffix(c.viewer(ctx), botSuffix), true}, nil
	}
	return author{}, err
}

// viewer asks GraphQL, which does answer an app, who it is. Where there is no
// GraphQL it is the bot of GitHub Actions.
func (c *Client) viewer(ctx context.Context) string {
	var answer struct {
		Data struct {
			Viewer struct {
				Login string `json:"login"`
			} `json:"viewer"`
		} `json:"data"`
	}
	err := c.do(ctx, request{what: "asking which app the GitHub token belongs to", repeatable: true},
		func() (*gh.Response, error) {
			query := map[string]string{"query": "query { viewer { login } }"}
			post, err := c.api.NewRequest(http.MethodPost, c.graphqlURL(), query)
			if err != nil {
				return nil, err
			}
			return c.api.Do(ctx, post, &answer)
		})
	if err != nil || answer.Data.Viewer.Login == "" {
		return actionsBot
	}
	return answer.Data.Viewer.Login
}

// graphqlURL is /graphql on github.com, and /api/graphql beside /api/v3 on an
// enterprise server.
func (c *Client) graphqlURL() string {
	address := *c.api.BaseURL
	address.Path = strings.TrimSuffix(address.Path, "v3/") + "graphql"
	return address.String()
}
