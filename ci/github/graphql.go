package github

import (
	"context"
	"net/http"
	"strings"

	gh "github.com/google/go-github/v82/github"
)

// query asks GraphQL, which tells who edited a comment, as the REST API does not. What
// GitHub answers with errors is an error, also where it has data beside them.
func (c *Client) query(ctx context.Context, r request, query string, variables map[string]any, data any) error {
	r.repeatable = true // it only reads
	answer := struct {
		Data   any `json:"data"`
		Errors []struct {
			Type    string `json:"type"`
			Message string `json:"message"`
		} `json:"errors"`
	}{Data: data}
	err := c.do(ctx, r, func() (*gh.Response, error) {
		post, err := c.api.NewRequest(http.MethodPost, c.graphqlURL(), map[string]any{"query": query, "variables": variables})
		if err != nil {
			return nil, err
		}
		return c.api.Do(ctx, post, &answer)
	})
	if err != nil || len(answer.Errors) == 0 {
		return err
	}
	failed := &Error{What: r.what, Status: http.StatusOK}
	for _, problem := range answer.Errors {
		failed.Message = strings.TrimPrefix(failed.Message+"; "+problem.Message, "; ")
		if problem.Type == "FORBIDDEN" {
			failed.Status = http.StatusForbidden
		}
	}
	failed.Remedy = remedy(r, failed, nil)
	return failed
}

// graphqlURL is /graphql on github.com, and /api/graphql on an enterprise server,
// whose API is /api/v3.
func (c *Client) graphqlURL() string {
	address := *c.api.BaseURL
	address.Path = strings.TrimSuffix(address.Path, "v3/") + "graphql"
	return address.String()
}
