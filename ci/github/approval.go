package github

import (
	"context"
	"fmt"
	"time"
)

// Opinion is the last word of somebody who may push on a pull request.
type Opinion struct {
	By       string
	Approved bool // else the person wants changes
	Commit   string
	At       time.Time
}

const opinionsQuery = `query($id: ID!) {
  node(id: $id) {
    ... on PullRequest {
      latestOpinionatedReviews(first: 100, writersOnly: true) {
        nodes { state submittedAt commit { oid } author { __typename login } }
      }
    }
  }
}`

// Opinions returns what the people who may push think of a pull request: of each the
// last review that approves or wants changes. Those of bots, which any workflow may
// write, and dismissed ones are left out.
func (c *Client) Opinions(ctx context.Context, pull Merged) ([]Opinion, error) {
	var answer struct {
		Node struct {
			LatestOpinionatedReviews struct {
				Nodes []struct {
					State       string
					SubmittedAt time.Time
					Commit      struct{ OID string }
					Author      *actor
				}
			}
		}
	}
	r := request{
		what:       fmt.Sprintf("reading the reviews of pull request %d of %s/%s", pull.Number, c.owner, c.repo),
		permission: "pull-requests: read",
	}
	if err := c.query(ctx, r, opinionsQuery, map[string]any{"id": pull.id}, &answer); err != nil {
		return nil, err
	}
	var all []Opinion
	for _, node := range answer.Node.LatestOpinionatedReviews.Nodes {
		if node.Author != nil && node.Author.Kind == "User" && (node.State == "APPROVED" || node.State == "CHANGES_REQUESTED") {
			all = append(all, Opinion{By: node.Author.String(), Approved: node.State == "APPROVED", Commit: node.Commit.OID, At: node.SubmittedAt})
		}
	}
	return all, nil
}
