package githubtest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

func (s *Server) issueBody(r *http.Request, issue *Issue) map[string]any {
	body := map[string]any{
		"number":     issue.Number,
		"title":      issue.Title,
		"body":       issue.Body,
		"state":      issue.State,
		"user":       issue.User,
		"labels":     issue.Labels,
		"created_at": issue.CreatedAt,
		"updated_at": issue.UpdatedAt,
		"url":        apiURL(r, fmt.Sprintf("/issues/%d", issue.Number)),
		"html_url":   htmlURL(r, issue),
	}
	if issue.Pull != nil {
		body["pull_request"] = map[string]any{"url": apiURL(r, fmt.Sprintf("/pulls/%d", issue.Number))}
	}
	return body
}

// listIssues lists the newest first, pull requests among them.
func (s *Server) listIssues(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	state := query.Get("state")
	if state == "" {
		state = "open"
	}
	var labels []string
	if given := query.Get("labels"); given != "" {
		labels = strings.Split(given, ",")
	}
	all := []any{}
	issues := s.sortedIssues()
	slices.Reverse(issues)
	for _, issue := range issues {
		if (state == "all" || state == issue.State) && issue.hasAll(labels) {
			all = append(all, s.issueBody(r, issue))
		}
	}
	from, to := page(w, r, len(all))
	answer(w, http.StatusOK, all[from:to])
}

func (issue *Issue) hasAll(labels []string) bool {
	for _, label := range labels {
		if !slices.Contains(issue.Labels, Label{Name: label}) {
			return false
		}
	}
	return true
}

func (s *Server) getIssue(w http.ResponseWriter, r *http.Request) {
	if issue := s.issueOf(w, r); issue != nil {
		answer(w, http.StatusOK, s.issueBody(r, issue))
	}
}

// issueRequest is what an issue is made of or changed by. Nil leaves a field.
type issueRequest struct {
	Title  *string   `json:"title"`
	Body   *string   `json:"body"`
	State  *string   `json:"state"`
	Labels *[]string `json:"labels"`
}

func (s *Server) createIssue(w http.ResponseWriter, r *http.Request) {
	var given issueRequest
	if !read(w, r, &given) || !given.valid(w) {
		return
	}
	if given.Title == nil {
		invalid(w, problem{Resource: "Issue", Code: "missing_field", Field: "title"})
		return
	}
	issue := s.open(0, *given.Title, "", s.author)
	issue.apply(given)
	answer(w, http.StatusCreated, s.issueBody(r, issue))
}

func (s *Server) editIssue(w http.ResponseWriter, r *http.Request) {
	issue := s.issueOf(w, r)
	if issue == nil {
		return
	}
	var given issueRequest
	if !read(w, r, &given) || !given.valid(w) {
		return
	}
	issue.apply(given)
	issue.UpdatedAt = s.now()
	issue.Edits++
	answer(w, http.StatusOK, s.issueBody(r, issue))
}

func (given issueRequest) valid(w http.ResponseWriter) bool {
	var problems []problem
	if given.Title != nil && utf8.RuneCountInString(*given.Title) > 256 {
		problems = append(problems, problem{Resource: "Issue", Code: "custom", Field: "title", Message: "title is too long (maximum is 256 characters)"})
	}
	if given.Body != nil && tooLong(*given.Body) {
		problems = append(problems, problem{Resource: "Issue", Code: "custom", Field: "body", Message: "body is too long (maximum is 65536 characters)"})
	}
	if given.State != nil && *given.State != "open" && *given.State != "closed" {
		problems = append(problems, problem{Resource: "Issue", Code: "invalid", Field: "state"})
	}
	if len(problems) > 0 {
		invalid(w, problems...)
	}
	return len(problems) == 0
}

func (issue *Issue) apply(given issueRequest) {
	if given.Title != nil {
		issue.Title = *given.Title
	}
	if given.Body != nil {
		issue.Body = *given.Body
	}
	if given.State != nil {
		issue.State = *given.State
	}
	if given.Labels != nil {
		issue.Labels = []Label{}
		for _, name := range *given.Labels {
			issue.Labels = append(issue.Labels, Label{Name: name})
		}
	}
}
