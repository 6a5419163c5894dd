package githubtest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Run is a run of GitHub Actions.
type Run struct {
	ID         int64
	Name       string
	Status     string // "queued", "in_progress" or "completed"
	Conclusion string // of a completed one
	Started    time.Time
	Updated    time.Time
}

// AddRun makes a run known.
func (s *Server) AddRun(run Run) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.runs = append(s.runs, run)
}

// listRuns lists the newest first; created is a range, FROM..TO.
func (s *Server) listRuns(w http.ResponseWriter, r *http.Request) {
	all := []any{}
	from, to, _ := strings.Cut(r.URL.Query().Get("created"), "..")
	for _, run := range slices.Backward(s.runs) {
		at := run.Started.UTC().Format(time.RFC3339)
		if from != "" && at < from || to != "" && at > to {
			continue
		}
		body := map[string]any{
			"id": run.ID, "name": run.Name, "status": run.Status, "conclusion": nil,
			"created_at": run.Started, "run_started_at": run.Started, "updated_at": run.Updated,
			"html_url": fmt.Sprintf("%s://%s/%s/%s/actions/runs/%d", scheme(r), r.Host, r.PathValue("owner"), r.PathValue("repo"), run.ID),
		}
		if run.Conclusion != "" {
			body["conclusion"] = run.Conclusion
		}
		all = append(all, body)
	}
	start, end := page(w, r, len(all))
	answer(w, http.StatusOK, map[string]any{"total_count": len(all), "workflow_runs": all[start:end]})
}
