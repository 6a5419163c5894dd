package githubtest

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

func (s *Server) commentBody(r *http.Request, comment *Comment) map[string]any {
	return map[string]any{
		"id":                 comment.ID,
		"node_id":            commentNode(comment.ID),
		"url":                apiURL(r, fmt.Sprintf("/issues/comments/%d", comment.ID)),
		"html_url":           fmt.Sprintf("%s#issuecomment-%d", htmlURL(r, s.issues[comment.Number]), comment.ID),
		"issue_url":          apiURL(r, fmt.Sprintf("/issues/%d", comment.Number)),
		"body":               comment.Body,
		"user":               comment.User,
		"created_at":         comment.CreatedAt,
		"updated_at":         comment.UpdatedAt,
		"author_association": "NONE",
	}
}

// listComments lists the oldest first, as GitHub does whatever it is asked.
func (s *Server) listComments(w http.ResponseWriter, r *http.Request) {
	issue := s.issueOf(w, r)
	if issue == nil {
		return
	}
	all := []any{}
	for _, comment := range s.comments {
		if comment.Number == issue.Number {
			all = append(all, s.commentBody(r, comment))
		}
	}
	from, to := page(w, r, len(all))
	answer(w, http.StatusOK, all[from:to])
}

func (s *Server) createComment(w http.ResponseWriter, r *http.Request) {
	issue := s.issueOf(w, r)
	if issue == nil {
		return
	}
	if body, ok := readComment(w, r); ok {
		comment := s.comment(issue.Number, s.author, body)
		answer(w, http.StatusCreated, s.commentBody(r, comment))
	}
}

func (s *Server) getComment(w http.ResponseWriter, r *http.Request) {
	if comment := s.commentOf(w, r); comment != nil {
		answer(w, http.StatusOK, s.commentBody(r, comment))
	}
}

func (s *Server) editComment(w http.ResponseWriter, r *http.Request) {
	comment := s.commentOf(w, r)
	if comment == nil {
		return
	}
	if comment.User.Login != s.author.Login && s.author.Type == "Bot" {
		fail(w, http.StatusForbidden, "Resource not accessible by integration")
		return
	}
	if body, ok := readComment(w, r); ok {
		s.edit(comment, s.author, body)
		comment.Edits++
		answer(w, http.StatusOK, s.commentBody(r, comment))
	}
}

func (s *Server) deleteComment(w http.ResponseWriter, r *http.Request) {
	comment := s.commentOf(w, r)
	if comment == nil {
		return
	}
	s.remove(comment.ID)
	w.WriteHeader(http.StatusNoContent)
}

func (s *Server) commentOf(w http.ResponseWriter, r *http.Request) *Comment {
	id, _ := strconv.ParseInt(r.PathValue("id"), 10, 64)
	comment := s.find(id)
	if comment == nil {
		notFound(w)
	}
	return comment
}

func readComment(w http.ResponseWriter, r *http.Request) (body string, ok bool) {
	var given struct {
		Body string `json:"body"`
	}
	if !read(w, r, &given) {
		return "", false
	}
	switch {
	case strings.TrimSpace(given.Body) == "":
		invalid(w, problem{Resource: "IssueComment", Code: "unprocessable", Field: "data", Message: "Body cannot be blank"})
	case tooLong(given.Body):
		invalid(w, problem{Resource: "IssueComment", Code: "unprocessable", Field: "data",
			Message: "Body is too long (maximum is 65536 characters)"})
	default:
		return given.Body, true
	}
	return "", false
}
