package rehearsal

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// hub works the GitHub double as people and GitHub itself do: it opens, pushes
// to and merges pull requests, and looks at what the stages wrote.
type hub struct{ world World }

// comment is a comment as the double recorded it.
type comment struct {
	Number int    `json:"number"` // of the pull request
	Body   string `json:"body"`
	Edits  int    `json:"edits"`
}

// hubState is the double's record of itself.
type hubState struct {
	Comments []comment `json:"comments"`
	Issues   []struct {
		Number int    `json:"number"`
		State  string `json:"state"`
	} `json:"issues"`
}

// open opens pull request number, or pushes commit to the one that is open.
func (h hub) open(ctx context.Context, number int, head, base, commit string) error {
	return h.post(ctx, "/_lab/pulls", map[string]any{
		"number": number, "title": "Change the infrastructure", "head": head, "base": base, "head_sha": commit,
	})
}

func (h hub) merge(ctx context.Context, number int, commit string) error {
	return h.post(ctx, fmt.Sprintf("/_lab/pulls/%d/merge", number), map[string]any{"merge_commit_sha": commit})
}

func (h hub) comments(ctx context.Context, number int) ([]comment, error) {
	state, err := h.state(ctx)
	if err != nil {
		return nil, err
	}
	var comments []comment
	for _, c := range state.Comments {
		if c.Number == number {
			comments = append(comments, c)
		}
	}
	return comments, nil
}

func (h hub) openIssues(ctx context.Context) (int, error) {
	state, err := h.state(ctx)
	if err != nil {
		return 0, err
	}
	open := 0
	for _, issue := range state.Issues {
		if issue.State == "open" {
			open++
		}
	}
	return open, nil
}

func (h hub) state(ctx context.Context) (hubState, error) {
	var state hubState
	body, err := request(ctx, h.world.Authority.Client(), http.MethodGet, h.world.GitHubURL+"/_lab/state", nil, "")
	if err == nil {
		err = json.Unmarshal(body, &state)
	}
	if err != nil {
		return state, fmt.Errorf("asking the GitHub double for its state: %w", err)
	}
	return state, nil
}

func (h hub) post(ctx context.Context, path string, fields map[string]any) error {
	body, err := json.Marshal(fields)
	if err == nil {
		_, err = request(ctx, h.world.Authority.Client(), http.MethodPost, h.world.GitHubURL+path, body, "application/json")
	}
	if err != nil {
		return fmt.Errorf("working the GitHub double: %w", err)
	}
	return nil
}

// request sends one request and returns the body of a 2xx answer.
func request(ctx context.Context, client *http.Client, method, url string, body []byte, contentType string, header ...string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("%s %s: reading the answer: %w", method, url, err)
	}
	if response.StatusCode/100 != 2 {
		return nil, fmt.Errorf("%s %s: %s: %.300s", method, url, response.Status, answer)
	}
	return answer, nil
}
