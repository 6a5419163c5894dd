package githubtest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"gitops/ci/secret"
)

// permissions are what a token may do: "contents" → "read". Nil may do everything.
type permissions map[string]string

// allow reports whether access, "read" or "write", is allowed.
func (p permissions) allow(name, access string) bool {
	return p == nil || p[name] == access || p[name] == "write" && access == "read"
}

// accepted are the permissions of which a call needs one set: "a=read,b=read; c=write".
type accepted string

// by reports whether p has all permissions of one set.
func (a accepted) by(p permissions) bool {
	for set := range strings.SplitSeq(string(a), "; ") {
		met := true
		for needed := range strings.SplitSeq(set, ",") {
			name, access, _ := strings.Cut(needed, "=")
			met = met && p.allow(name, access)
		}
		if met {
			return true
		}
	}
	return false
}

// AddToken makes a token as GitHub Actions makes one for a job: it may do what
// permissions, named as in a workflow, say, and nothing else.
func (s *Server) AddToken(given map[string]string) secret.Value {
	token, may := "ghs_"+rand.Text(), permissions{}
	for name, access := range given {
		may[strings.ReplaceAll(name, "-", "_")] = access
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[token] = may
	return secret.New(token)
}

// permissionsOf returns what token may do, and whether there is such a token.
func (s *Server) permissionsOf(token string) (permissions, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if may, made := s.tokens[token]; made {
		return may, true
	}
	return nil, s.options.Token == "" || token == s.options.Token
}

// bearer returns the token of a request to the API.
func bearer(r *http.Request) string {
	given := r.Header.Get("Authorization")
	for _, scheme := range []string{"Bearer ", "bearer ", "token "} {
		if token, found := strings.CutPrefix(given, scheme); found {
			return token
		}
	}
	return ""
}

// needing answers 403 to tokens that lack the permissions of a call. Sets that the
// call's own issue or pull request decides about are told by of.
func (s *Server) needing(sets accepted, handler http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		may, _ := s.permissionsOf(bearer(r))
		if may != nil {
			w.Header().Set("X-Accepted-GitHub-Permissions", string(sets))
		}
		if !sets.by(may) || !s.reaches(may, r) {
			fail(w, http.StatusForbidden, "Resource not accessible by integration")
			return
		}
		handler(w, r)
	}
}

// reaches reports whether a token may reach the issue or pull request of a call to
// an endpoint for both: a token for one kind is restricted to that kind, as
// docs.github.com has it in "Permissions required for GitHub Apps".
func (s *Server) reaches(may permissions, r *http.Request) bool {
	issue := s.addressed(r)
	if issue == nil {
		return true
	}
	access := "write"
	if r.Method == http.MethodGet {
		access = "read"
	}
	if issue.Pull != nil {
		return may.allow("pull_requests", access)
	}
	return may.allow("issues", access)
}

// addressed returns the issue or pull request that a request is about, nil for none.
func (s *Server) addressed(r *http.Request) *Issue {
	s.mu.Lock()
	defer s.mu.Unlock()
	if comment := s.find(number(r.PathValue("id"))); comment != nil {
		return s.issues[comment.Number]
	}
	return s.issues[int(number(r.PathValue("number")))]
}

// labToken makes a token for who has the token that may do everything: a workflow,
// which reaches this endpoint too, has not.
func (s *Server) labToken(w http.ResponseWriter, r *http.Request) {
	if may, known := s.permissionsOf(bearer(r)); !known || may != nil {
		fail(w, http.StatusUnauthorized, "Bad credentials")
		return
	}
	var given struct {
		Permissions map[string]string `json:"permissions"`
	}
	if !read(w, r, &given) {
		return
	}
	for name, access := range given.Permissions {
		if access != "read" && access != "write" && access != "none" {
			fail(w, http.StatusUnprocessableEntity, fmt.Sprintf("permission %s is %q: want read, write or none", name, access))
			return
		}
	}
	answer(w, http.StatusCreated, map[string]any{"token": s.AddToken(given.Permissions).Reveal()})
}

// NewToken asks the double at base, such as https://github.local:8080, for a token
// that has permissions, named as in a workflow. Driver is the token that may do
// everything.
func NewToken(ctx context.Context, client *http.Client, base string, driver secret.Value, permissions map[string]string) (secret.Value, error) {
	body, err := json.Marshal(map[string]any{"permissions": permissions})
	if err != nil {
		return secret.Value{}, fmt.Errorf("asking the GitHub double for a token: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(base, "/")+"/_lab/tokens", bytes.NewReader(body))
	if err != nil {
		return secret.Value{}, fmt.Errorf("asking the GitHub double for a token: %w", err)
	}
	request.Header.Set("Authorization", "Bearer "+driver.Reveal())
	response, err := client.Do(request)
	if err != nil {
		return secret.Value{}, fmt.Errorf("asking the GitHub double for a token: %w", err)
	}
	defer response.Body.Close()
	said, err := io.ReadAll(io.LimitReader(response.Body, 10_000))
	var made struct{ Token string }
	if err == nil {
		err = json.Unmarshal(said, &made)
	}
	if err != nil || made.Token == "" {
		return secret.Value{}, fmt.Errorf("asking the GitHub double for a token: it answered %s: %.300s", response.Status, said)
	}
	return secret.New(made.Token), nil
}
