package githubtest

import (
	"net/http"
	"slices"
	"strings"
)

func (s *Server) pullBody(r *http.Request, issue *Issue) map[string]any {
	pull := issue.Pull
	body := map[string]any{
		"number":           issue.Number,
		"node_id":          pullNode(issue.Number),
		"title":            issue.Title,
		"body":             issue.Body,
		"state":            issue.State,
		"user":             issue.User,
		"html_url":         htmlURL(r, issue),
		"head":             branch(r, pull.Head, pull.HeadSHA),
		"base":             branch(r, pull.Base, ""),
		"merged_at":        pull.MergedAt,
		"merge_commit_sha": nil,
		"labels":           issue.Labels,
		"created_at":       issue.CreatedAt,
		"updated_at":       issue.UpdatedAt,
	}
	if pull.MergeCommit != "" {
		body["merge_commit_sha"] = pull.MergeCommit
	}
	return body
}

func branch(r *http.Request, name, sha string) map[string]any {
	owner := r.PathValue("owner")
	return map[string]any{"ref": name, "sha": sha, "label": owner + ":" + name,
		"repo": map[string]any{"full_name": owner + "/" + r.PathValue("repo")}}
}

// listPulls lists the newest first; head is "owner:branch".
func (s *Server) listPulls(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	state := query.Get("state")
	if state == "" {
		state = "open"
	}
	_, head, _ := strings.Cut(query.Get("head"), ":")
	all := s.pulls(r, func(issue *Issue) bool {
		return (state == "all" || state == issue.State) &&
			(head == "" || head == issue.Pull.Head) &&
			(query.Get("base") == "" || query.Get("base") == issue.Pull.Base)
	})
	from, to := page(w, r, len(all))
	answer(w, http.StatusOK, all[from:to])
}

func (s *Server) pulls(r *http.Request, wanted func(*Issue) bool) []any {
	all := []any{}
	issues := s.sortedIssues()
	slices.Reverse(issues)
	for _, issue := range issues {
		if issue.Pull != nil && wanted(issue) {
			all = append(all, s.pullBody(r, issue))
		}
	}
	return all
}

func (s *Server) getPull(w http.ResponseWriter, r *http.Request) {
	issue := s.issueOf(w, r)
	if issue == nil {
		return
	}
	if issue.Pull == nil {
		notFound(w)
		return
	}
	body := s.pullBody(r, issue)
	body["merged"] = issue.Pull.MergedAt != nil
	answer(w, http.StatusOK, body)
}

func (s *Server) createPull(w http.ResponseWriter, r *http.Request) {
	var given struct{ Title, Body, Head, Base string }
	if !read(w, r, &given) {
		return
	}
	for field, value := range map[string]string{"title": given.Title, "head": given.Head, "base": given.Base} {
		if value == "" {
			invalid(w, problem{Resource: "PullRequest", Code: "missing_field", Field: field})
			return
		}
	}
	_, head, found := strings.Cut(given.Head, ":")
	if !found {
		head = given.Head
	}
	for _, issue := range s.issues {
		if pull := issue.Pull; pull != nil && issue.State == "open" && pull.Head == head && pull.Base == given.Base {
			invalid(w, problem{Resource: "PullRequest", Code: "custom",
				Message: "A pull request already exists for " + r.PathValue("owner") + ":" + head + "."})
			return
		}
	}
	issue := s.open(0, given.Title, given.Body, s.author)
	issue.Pull = &Pull{Head: head, Base: given.Base, HeadSHA: s.branches[head]}
	answer(w, http.StatusCreated, s.pullBody(r, issue))
}

// pullsOfCommit lists the pull requests that a commit belongs to. The double knows
// the heads that a pull request has had and its merge commit, no other commits.
func (s *Server) pullsOfCommit(w http.ResponseWriter, r *http.Request) {
	sha := r.PathValue("sha")
	all := s.pulls(r, func(issue *Issue) bool {
		return issue.Pull.MergeCommit == sha || slices.Contains(issue.Pull.commits, sha)
	})
	from, to := page(w, r, len(all))
	answer(w, http.StatusOK, all[from:to])
}
