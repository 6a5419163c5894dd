package githubtest

import (
	"net/http"
	"regexp"
	"strings"
)

// A repository's address may lack ".git", as it does in actions/checkout.
var gitPath = regexp.MustCompile(`^/([^/]+/[^/]+?)(?:\.git)?/(info/refs|HEAD|objects/.*|git-upload-pack|git-receive-pack)$`)

// git answers a request that belongs to the git side and reports whether it was one.
func (s *Server) git(w http.ResponseWriter, r *http.Request) bool {
	if s.options.Git == nil {
		return false
	}
	if strings.HasPrefix(r.URL.Path, "/_lab/repos/") {
		s.options.Git.ServeHTTP(w, r)
		return true
	}
	match := gitPath.FindStringSubmatch(r.URL.Path)
	if match == nil {
		return false
	}
	w.Header().Del("Content-Type")
	push := match[2] == "git-receive-pack" || r.URL.Query().Get("service") == "git-receive-pack"
	if s.admitsGit(w, r, match[1], push) {
		clone := r.Clone(r.Context())
		clone.URL.Path, clone.URL.RawPath = "/"+match[1]+".git/"+match[2], ""
		s.options.Git.ServeGit(w, clone)
	}
	return true
}

// admitsGit reports whether git's login may do what it asks for, or answers as
// GitHub does. Developers have their login; a token is the password of any user.
func (s *Server) admitsGit(w http.ResponseWriter, r *http.Request, repository string, push bool) bool {
	user, password, _ := r.BasicAuth()
	permissions, known := s.permissionsOf(password)
	needed := "read"
	if push {
		needed = "write"
	}
	switch {
	case s.options.Git.Admits(user, password), known && permissions.allow("contents", needed):
		return true
	case known && permissions.allow("contents", "read"):
		http.Error(w, "Permission to "+repository+".git denied to "+s.author.Login+".", http.StatusForbidden)
	case known:
		http.Error(w, "Repository not found.", http.StatusNotFound)
	default:
		w.Header().Set("WWW-Authenticate", `Basic realm="GitHub"`)
		http.Error(w, "Invalid username or token.", http.StatusUnauthorized)
	}
	return false
}
