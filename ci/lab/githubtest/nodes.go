package githubtest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// query is the root of what GraphQL answers for a token.
func (s *Server) query(r *http.Request, may permissions) *object {
	return &object{"Query", map[string]any{
		// The viewer of an app's token has its suffix; an author has not.
		"viewer": &object{"User", map[string]any{"id": "U_0", "login": s.author.Login}},
		"node": field(func(args map[string]any) (any, string) {
			id, _ := args["id"].(string)
			if !may.allow("pull_requests", "read") {
				return nil, "Resource not accessible by integration"
			}
			return s.node(r, id), ""
		}),
	}}
}

// node finds what a node_id of the REST API names.
func (s *Server) node(r *http.Request, id string) *object {
	kind, rest, _ := strings.Cut(id, "_")
	if kind == "PR" {
		if issue := s.issues[int(number(rest))]; issue != nil && issue.Pull != nil {
			return s.pullObject(r, issue)
		}
		return nil
	}
	if comment := s.find(number(rest)); kind == "IC" && comment != nil {
		return s.commentObject(r, comment)
	}
	return nil
}

func commentNode(id int64) string { return fmt.Sprintf("IC_%d", id) }

func pullNode(number int) string { return fmt.Sprintf("PR_%d", number) }

// actor is a user as GraphQL tells of one: a bot without its suffix. Nobody is null, as
// is somebody whose account was deleted.
func actor(user User) *object {
	if user.Login == "" {
		return nil
	}
	return &object{user.Type, map[string]any{"id": "U_" + user.Login, "login": strings.TrimSuffix(user.Login, "[bot]")}}
}

func (s *Server) commentObject(r *http.Request, comment *Comment) *object {
	issue := s.issues[comment.Number]
	var pull *object
	if issue.Pull != nil {
		pull = s.pullObject(r, issue)
	}
	// The newest first, and the text as it was written among them once there is an edit.
	var edits []*object
	for _, edit := range slices.Backward(comment.history) {
		edits = append(edits, &object{"UserContentEdit", map[string]any{
			"id": "UCE_0", "createdAt": edit.at, "editedAt": edit.at, "editor": actor(edit.by)}})
	}
	fields := map[string]any{
		"id": commentNode(comment.ID), "author": actor(comment.User), "body": comment.Body, "createdAt": comment.CreatedAt,
		"editor": (*object)(nil), "lastEditedAt": nil, "includesCreatedEdit": len(edits) > 0,
		"pullRequest": pull, "updatedAt": comment.UpdatedAt,
		"url":              fmt.Sprintf("%s#issuecomment-%d", s.address(r, issue), comment.ID),
		"userContentEdits": connection("UserContentEditConnection", edits),
	}
	if n := len(comment.history); n > 0 {
		fields["editor"], fields["lastEditedAt"] = actor(comment.history[n-1].by), comment.history[n-1].at
	}
	return &object{"IssueComment", fields}
}

// connection has all of its nodes up to the number that is asked for.
func connection(kind string, nodes []*object) field {
	return func(args map[string]any) (any, string) {
		some := nodes
		if first, ok := args["first"].(int64); ok {
			some = nodes[:min(int(first), len(nodes))]
		}
		return &object{kind, map[string]any{"nodes": some, "totalCount": len(nodes),
			"pageInfo": &object{"PageInfo", map[string]any{"hasNextPage": len(some) < len(nodes), "endCursor": nil}}}}, ""
	}
}

func (s *Server) pullObject(r *http.Request, issue *Issue) *object {
	return &object{"PullRequest", map[string]any{
		"id": pullNode(issue.Number), "author": actor(issue.User), "number": issue.Number, "url": s.address(r, issue),
		"baseRefName": issue.Pull.Base, "headRefOid": issue.Pull.HeadSHA, "merged": issue.Pull.MergedAt != nil,
		"latestOpinionatedReviews": field(func(args map[string]any) (any, string) {
			writers, _ := args["writersOnly"].(bool)
			return connection("PullRequestReviewConnection", s.opinions(r, issue, writers))(args)
		}),
	}}
}

// opinions are the last review of each person that approves, or wants changes, or was
// dismissed.
func (s *Server) opinions(r *http.Request, issue *Issue, writers bool) []*object {
	last := map[string]Review{}
	var order []string
	for _, review := range issue.Pull.reviews {
		if review.State == "COMMENTED" || review.State == "PENDING" || writers && !review.CanPush {
			continue
		}
		if _, known := last[review.User.Login]; !known {
			order = append(order, review.User.Login)
		}
		last[review.User.Login] = review
	}
	var all []*object
	for _, login := range order {
		review := last[login]
		all = append(all, &object{"PullRequestReview", map[string]any{
			"id": "PRR_0", "author": actor(review.User), "authorCanPushToRepository": review.CanPush, "state": review.State,
			"submittedAt": review.SubmittedAt, "url": s.address(r, issue) + "#pullrequestreview-1",
			"commit": &object{"Commit", map[string]any{"id": "C_" + review.Commit, "oid": review.Commit}}}})
	}
	return all
}

// address is where a person would look, also where a request names no repository.
func (s *Server) address(r *http.Request, issue *Issue) string {
	owner, repo, _ := strings.Cut(s.options.Repo, "/")
	if owner == "" {
		owner, repo = "owner", "repo"
	}
	clone := r.Clone(r.Context())
	clone.SetPathValue("owner", owner)
	clone.SetPathValue("repo", repo)
	return htmlURL(clone, issue)
}
