package githubtest

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// bodyLimit is how many characters GitHub takes as a body.
const bodyLimit = 65536

func (s *Server) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { notFound(w) })
	mux.HandleFunc("GET /user", s.getUser)
	mux.HandleFunc("POST /graphql", s.graphql)
	repo := func(pattern string, sets accepted, handler http.HandlerFunc) {
		method, path, _ := strings.Cut(pattern, " ")
		mux.HandleFunc(method+" /repos/{owner}/{repo}"+path, s.needing(sets, s.inRepo(handler)))
	}
	// The permissions are those of docs.github.com, "Permissions required for GitHub
	// Apps" (github/docs, src/github-apps/data/ghes-3.21-2022-11-28/server-to-server-permissions.json).
	repo("GET /issues", "issues=read", s.listIssues)
	repo("POST /issues", "issues=write", s.createIssue)
	repo("GET /issues/{number}", "issues=read; pull_requests=read", s.getIssue)
	repo("PATCH /issues/{number}", "issues=write; pull_requests=write", s.editIssue)
	// Two of GitHub's paths, of which neither is the narrower pattern.
	repo("GET /issues/{number}/{id}", "issues=read; pull_requests=read", s.listCommentsOrGetOne)
	repo("POST /issues/{number}/comments", "issues=write; pull_requests=write", s.createComment)
	repo("PATCH /issues/comments/{id}", "issues=write; pull_requests=write", s.editComment)
	repo("DELETE /issues/comments/{id}", "issues=write; pull_requests=write", s.deleteComment)
	repo("GET /pulls", "pull_requests=read", s.listPulls)
	repo("POST /pulls", "pull_requests=write", s.createPull)
	repo("GET /pulls/{number}", "pull_requests=read", s.getPull)
	repo("POST /statuses/{sha}", "statuses=write", s.createStatus)
	repo("GET /commits/{sha}/pulls", "pull_requests=read,contents=read", s.pullsOfCommit)
	repo("GET /git/ref/heads/{branch...}", "contents=read", s.getRef)
	repo("POST /git/refs", "contents=write", s.createRef)
	repo("PATCH /git/refs/heads/{branch...}", "contents=write", s.updateRef)
	repo("GET /git/commits/{sha}", "contents=read", s.getCommit)
	repo("POST /git/commits", "contents=write", s.createCommit)
	repo("POST /actions/workflows/{file}/dispatches", "actions=write", s.dispatch)
	repo("GET /actions/runs", "actions=read", s.listRuns)
	repo("GET /actions/runs/{run}/artifacts", "actions=read", s.listArtifacts)
	s.labRoutes(mux)
	return mux
}

func (s *Server) listCommentsOrGetOne(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.PathValue("number") == "comments":
		s.getComment(w, r)
	case r.PathValue("id") == "comments":
		s.listComments(w, r)
	default:
		notFound(w)
	}
}

// inRepo answers 404 for any repository but the one there is.
func (s *Server) inRepo(handler http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		name := r.PathValue("owner") + "/" + r.PathValue("repo")
		if s.options.Repo != "" && !strings.EqualFold(name, s.options.Repo) {
			notFound(w)
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		handler(w, r)
	}
}

func (s *Server) getUser(w http.ResponseWriter, _ *http.Request) {
	if s.author.Type == "Bot" {
		fail(w, http.StatusForbidden, "Resource not accessible by integration")
		return
	}
	answer(w, http.StatusOK, s.author)
}

// listArtifacts knows of no artifacts: those of a rehearsal are folders on its
// machine. Whoever wants one asks here whether he may.
func (s *Server) listArtifacts(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{"total_count": 0, "artifacts": []any{}})
}

// number returns the number that text is, 0 if it is none.
func number(text string) int64 {
	n, _ := strconv.ParseInt(text, 10, 64)
	return n
}

// issueOf finds the issue or pull request of a request, or answers 404.
func (s *Server) issueOf(w http.ResponseWriter, r *http.Request) *Issue {
	number, _ := strconv.Atoi(r.PathValue("number"))
	issue := s.issues[number]
	if issue == nil {
		notFound(w)
	}
	return issue
}

func tooLong(body string) bool { return utf8.RuneCountInString(body) > bodyLimit }

// page cuts the page that a request asks for out of count items, and links the
// others the way GitHub does.
func page(w http.ResponseWriter, r *http.Request, count int) (from, to int) {
	query := r.URL.Query()
	size := positive(query.Get("per_page"), 30)
	size = min(size, 100)
	number := positive(query.Get("page"), 1)
	last := max(1, (count+size-1)/size)
	var links []string
	link := func(page int, rel string) {
		links = append(links, fmt.Sprintf(`<%s>; rel="%s"`, pageURL(r, page), rel))
	}
	if number > 1 {
		link(min(number-1, last), "prev")
	}
	if number < last {
		link(number+1, "next")
		link(last, "last")
	}
	if number > 1 {
		link(1, "first")
	}
	if len(links) > 0 {
		w.Header().Set("Link", strings.Join(links, ", "))
	}
	return min((number-1)*size, count), min(number*size, count)
}

func positive(text string, otherwise int) int {
	if n, err := strconv.Atoi(text); err == nil && n > 0 {
		return n
	}
	return otherwise
}

func scheme(r *http.Request) string {
	if r.TLS != nil {
		return "https"
	}
	return "http"
}

func pageURL(r *http.Request, page int) string {
	query := r.URL.Query()
	query.Set("page", strconv.Itoa(page))
	address := url.URL{Scheme: scheme(r), Host: r.Host, Path: r.URL.Path, RawQuery: query.Encode()}
	return address.String()
}

// htmlURL is where a person would look at an issue or pull request.
func htmlURL(r *http.Request, issue *Issue) string {
	kind := "issues"
	if issue.Pull != nil {
		kind = "pull"
	}
	return fmt.Sprintf("%s://%s/%s/%s/%s/%d", scheme(r), r.Host, r.PathValue("owner"), r.PathValue("repo"), kind, issue.Number)
}

func apiURL(r *http.Request, path string) string {
	return fmt.Sprintf("%s://%s/repos/%s/%s%s", scheme(r), r.Host, r.PathValue("owner"), r.PathValue("repo"), path)
}
