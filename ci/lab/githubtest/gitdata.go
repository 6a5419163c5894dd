package githubtest

import (
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"net/http"
)

// Commit is a commit that the API was asked for.
type Commit struct {
	Message string   `json:"message"`
	Tree    string   `json:"tree"`
	Parents []string `json:"parents"`
}

// Dispatch is a workflow that was started through the API.
type Dispatch struct {
	File string `json:"file"`
	Ref  string `json:"ref"`
}

// SetBranch puts a branch at a new commit with a tree, and returns the commit.
func (s *Server) SetBranch(name, tree string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	sha := s.addCommit(Commit{Message: "a change", Tree: tree})
	s.branches[name] = sha
	return sha
}

// addCommit keeps a commit under a hash of what it is.
func (s *Server) addCommit(commit Commit) string {
	text, _ := json.Marshal(commit)
	sum := sha1.Sum(text)
	sha := hex.EncodeToString(sum[:])
	s.commits[sha] = commit
	return sha
}

func refBody(branch, sha string) map[string]any {
	return map[string]any{"ref": "refs/heads/" + branch, "object": map[string]any{"type": "commit", "sha": sha}}
}

func (s *Server) getRef(w http.ResponseWriter, r *http.Request) {
	branch := r.PathValue("branch")
	if s.branches[branch] == "" {
		notFound(w)
		return
	}
	answer(w, http.StatusOK, refBody(branch, s.branches[branch]))
}

func (s *Server) createRef(w http.ResponseWriter, r *http.Request) {
	var given struct{ Ref, SHA string }
	if !read(w, r, &given) {
		return
	}
	const prefix = "refs/heads/"
	branch := given.Ref[min(len(prefix), len(given.Ref)):]
	if s.branches[branch] != "" {
		fail(w, http.StatusUnprocessableEntity, "Reference already exists")
		return
	}
	s.setRef(w, http.StatusCreated, branch, given.SHA)
}

// updateRef moves a branch wherever it is asked to: the double does not know which
// commit follows from which.
func (s *Server) updateRef(w http.ResponseWriter, r *http.Request) {
	var given struct{ SHA string }
	if !read(w, r, &given) {
		return
	}
	if s.branches[r.PathValue("branch")] == "" {
		fail(w, http.StatusUnprocessableEntity, "Reference does not exist")
		return
	}
	s.setRef(w, http.StatusOK, r.PathValue("branch"), given.SHA)
}

func (s *Server) setRef(w http.ResponseWriter, status int, branch, sha string) {
	if _, known := s.commits[sha]; !known {
		fail(w, http.StatusUnprocessableEntity, "Object does not exist")
		return
	}
	s.branches[branch] = sha
	answer(w, status, refBody(branch, sha))
}

func commitBody(sha string, commit Commit) map[string]any {
	return map[string]any{"sha": sha, "message": commit.Message, "tree": map[string]any{"sha": commit.Tree}}
}

func (s *Server) getCommit(w http.ResponseWriter, r *http.Request) {
	commit, known := s.commits[r.PathValue("sha")]
	if !known {
		notFound(w)
		return
	}
	answer(w, http.StatusOK, commitBody(r.PathValue("sha"), commit))
}

func (s *Server) createCommit(w http.ResponseWriter, r *http.Request) {
	var given Commit
	if read(w, r, &given) {
		answer(w, http.StatusCreated, commitBody(s.addCommit(given), given))
	}
}

// dispatch starts nothing: the double has no runners.
func (s *Server) dispatch(w http.ResponseWriter, r *http.Request) {
	var given struct{ Ref string }
	if !read(w, r, &given) {
		return
	}
	s.dispatches = append(s.dispatches, Dispatch{File: r.PathValue("file"), Ref: given.Ref})
	w.WriteHeader(http.StatusNoContent)
}
