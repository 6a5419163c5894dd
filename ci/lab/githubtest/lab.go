package githubtest

import (
	"net/http"
	"strconv"
)

// labRoutes adds what GitHub does not have.
func (s *Server) labRoutes(mux *http.ServeMux) {
	mux.HandleFunc("POST /_lab/pulls", s.labOpenPull)
	mux.HandleFunc("POST /_lab/pulls/{number}/merge", s.labMergePull)
	mux.HandleFunc("POST /_lab/comments", s.labComment)
	mux.HandleFunc("POST /_lab/faults", s.labFault)
	mux.HandleFunc("POST /_lab/tokens", s.labToken)
	mux.HandleFunc("GET /_lab/state", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, s.State())
	})
	mux.HandleFunc("GET /_lab/requests", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, s.Requests())
	})
}

func (s *Server) labOpenPull(w http.ResponseWriter, r *http.Request) {
	var given struct {
		Number  int    `json:"number"`
		Title   string `json:"title"`
		Head    string `json:"head"`
		Base    string `json:"base"`
		HeadSHA string `json:"head_sha"`
	}
	if read(w, r, &given) {
		number := s.OpenPull(given.Number, given.Title, given.Head, given.Base, given.HeadSHA)
		answer(w, http.StatusCreated, map[string]any{"number": number})
	}
}

func (s *Server) labMergePull(w http.ResponseWriter, r *http.Request) {
	var given struct {
		MergeCommit string `json:"merge_commit_sha"`
	}
	if !read(w, r, &given) {
		return
	}
	number, _ := strconv.Atoi(r.PathValue("number"))
	if !s.MergePull(number, given.MergeCommit) {
		notFound(w)
		return
	}
	answer(w, http.StatusOK, map[string]any{"merged": true, "sha": given.MergeCommit})
}

func (s *Server) labComment(w http.ResponseWriter, r *http.Request) {
	var given struct {
		Number int    `json:"number"`
		Login  string `json:"login"`
		Type   string `json:"type"`
		Body   string `json:"body"`
	}
	if !read(w, r, &given) {
		return
	}
	if given.Type == "" {
		given.Type = "User"
	}
	id := s.AddComment(given.Number, User{Login: given.Login, Type: given.Type}, given.Body)
	if id == 0 {
		notFound(w)
		return
	}
	answer(w, http.StatusCreated, map[string]any{"id": id})
}

func (s *Server) labFault(w http.ResponseWriter, r *http.Request) {
	var fault Fault
	if read(w, r, &fault) {
		s.Inject(fault)
		answer(w, http.StatusCreated, fault)
	}
}
