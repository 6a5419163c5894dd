package githubtest

import (
	"net/http"
	"slices"
)

// createStatus adds a status to a commit. GitHub shows the last one of each context.
func (s *Server) createStatus(w http.ResponseWriter, r *http.Request) {
	var status Status
	if !read(w, r, &status) {
		return
	}
	if !slices.Contains([]string{"error", "failure", "pending", "success"}, status.State) {
		invalid(w, problem{Resource: "Status", Code: "custom", Field: "state", Message: "state must be one of: error, failure, pending, success"})
		return
	}
	if len([]rune(status.Description)) > 140 {
		invalid(w, problem{Resource: "Status", Code: "custom", Field: "description", Message: "description is too long (maximum is 140 characters)"})
		return
	}
	if status.Context == "" {
		status.Context = "default"
	}
	status.SHA, status.CreatedAt = r.PathValue("sha"), s.now()
	s.statuses = append(s.statuses, status)
	answer(w, http.StatusCreated, status)
}
