package githubtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"gitops/ci/lab/gitserver"
)

// Options are what a Server can be told. The zero value is a double that takes
// any token and, like GitHub does to the token of a workflow, tells nobody who
// they are.
type Options struct {
	Token string // the one that is let in; any when empty
	Repo  string // "owner/name"; any when empty
	// Author is whom the token belongs to: github-actions[bot] when empty. A bot
	// is answered 403 when it asks who it is, as an app's token is.
	Author User
	Limit  int // requests in an hour, 5000 when 0
	// Now is the time; the machine's when nil.
	Now func() time.Time
	// Git has the repositories that are served beside the API; none when nil.
	Git *gitserver.Server
}

// Server is the double. It is safe for concurrent use.
type Server struct {
	options Options
	author  User
	mux     *http.ServeMux

	mu          sync.Mutex
	issues      map[int]*Issue
	comments    []*Comment
	faults      []*Fault
	requests    map[string]int
	tokens      map[string]permissions
	statuses    []Status
	runs        []Run
	branches    map[string]string // to commits
	commits     map[string]Commit
	dispatches  []Dispatch
	lastNumber  int
	lastComment int64
	remaining   int
	reset       time.Time
}

// ActionsBot is who the token of a GitHub Actions workflow belongs to.
var ActionsBot = User{Login: "github-actions[bot]", ID: 41898282, Type: "Bot"}

// New returns an empty double.
func New(options Options) *Server {
	s := &Server{options: options, author: options.Author,
		issues: map[int]*Issue{}, requests: map[string]int{}, tokens: map[string]permissions{},
		branches: map[string]string{}, commits: map[string]Commit{}}
	if s.author.Login == "" {
		s.author = ActionsBot
	}
	if s.options.Now == nil {
		s.options.Now = time.Now
	}
	if s.options.Limit == 0 {
		s.options.Limit = 5000
	}
	s.remaining, s.reset = s.options.Limit, s.now().Add(time.Hour)
	s.mux = s.routes()
	return s
}

// Serve runs a double at listener until ctx ends.
func Serve(ctx context.Context, listener net.Listener, options Options) error {
	server := &http.Server{Handler: New(options), ReadHeaderTimeout: 10 * time.Second}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		server.Shutdown(grace)
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving the GitHub double: %w", err)
	}
	<-stopped
	return nil
}

// now is the time in whole seconds, as GitHub tells it.
func (s *Server) now() time.Time { return s.options.Now().UTC().Truncate(time.Second) }

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	if s.git(w, r) {
		return
	}
	if strings.HasPrefix(r.URL.Path, "/_lab/") {
		s.mux.ServeHTTP(w, r)
		return
	}
	r = withoutPrefix(r)
	s.count(r)
	s.limits(w)
	switch {
	case !s.admits(r):
		fail(w, http.StatusUnauthorized, "Bad credentials")
		return
	case s.exhausted():
		fail(w, http.StatusForbidden, "API rate limit exceeded for "+s.author.Login+".")
		return
	}
	fault := s.fault(r)
	if fault != nil && fault.After {
		s.mux.ServeHTTP(httptest.NewRecorder(), r)
	}
	if fault != nil {
		fault.serve(w)
		return
	}
	s.mux.ServeHTTP(w, r)
}

// withoutPrefix makes a request of an enterprise server's API look like one of
// GitHub's: /api/v3/user is /user.
func withoutPrefix(r *http.Request) *http.Request {
	path, found := strings.CutPrefix(r.URL.Path, "/api/v3")
	if !found {
		path, found = strings.CutPrefix(r.URL.Path, "/api")
	}
	if !found {
		return r
	}
	clone := r.Clone(r.Context())
	clone.URL.Path = path
	return clone
}

var repoPath = regexp.MustCompile(`^/repos/[^/]+/[^/]+`)

func (s *Server) count(r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests[r.Method+" "+repoPath.ReplaceAllString(r.URL.Path, "")]++
	if s.now().After(s.reset) {
		s.remaining, s.reset = s.options.Limit, s.now().Add(time.Hour)
	}
	s.remaining--
}

// limits writes the rate limit headers that every answer has.
func (s *Server) limits(w http.ResponseWriter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	header := w.Header()
	header.Set("X-RateLimit-Limit", strconv.Itoa(s.options.Limit))
	header.Set("X-RateLimit-Remaining", strconv.Itoa(max(0, s.remaining)))
	header.Set("X-RateLimit-Used", strconv.Itoa(s.options.Limit-max(0, s.remaining)))
	header.Set("X-RateLimit-Reset", strconv.FormatInt(s.reset.Unix(), 10))
	header.Set("X-RateLimit-Resource", "core")
}

func (s *Server) exhausted() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.remaining < 0
}

func (s *Server) admits(r *http.Request) bool {
	_, known := s.permissionsOf(bearer(r))
	return known
}

// fail writes an error in GitHub's shape.
func fail(w http.ResponseWriter, status int, message string, problems ...problem) {
	body := map[string]any{
		"message":           message,
		"documentation_url": "https://docs.github.com/rest",
		"status":            strconv.Itoa(status),
	}
	if len(problems) > 0 {
		body["errors"] = problems
	}
	answer(w, status, body)
}

// problem is one of the errors of a 422.
type problem struct {
	Resource string `json:"resource"`
	Field    string `json:"field,omitempty"`
	Code     string `json:"code"`
	Message  string `json:"message,omitempty"`
}

func invalid(w http.ResponseWriter, problems ...problem) {
	fail(w, http.StatusUnprocessableEntity, "Validation Failed", problems...)
}

func notFound(w http.ResponseWriter) { fail(w, http.StatusNotFound, "Not Found") }

func answer(w http.ResponseWriter, status int, body any) {
	w.WriteHeader(status)
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.Encode(body)
}

// read decodes a request's body, or answers 400 as GitHub does.
func read(w http.ResponseWriter, r *http.Request, into any) bool {
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 8<<20)).Decode(into); err != nil {
		fail(w, http.StatusBadRequest, "Problems parsing JSON")
		return false
	}
	return true
}
