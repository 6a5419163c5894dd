// Package gitserver is a git server over HTTP with basic authentication: git's
// own http-backend behind net/http. It takes the place of a git host in tests; in
// rehearsals it is the git side of the GitHub double, which has its own logins.
package gitserver

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/http/cgi" //nolint:gosec // Go has had the fix for CVE-2016-5386 since 1.6.3
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"gitops/ci/secret"
)

// DefaultBranch is the branch that HEAD of a new repository names.
const DefaultBranch = "infra_main"

// adminPath is where repositories are made over HTTP: PUT /_lab/repos/<name>.
const adminPath = "/_lab/repos/"

// Server serves the bare repositories of one folder. It is an http.Handler.
type Server struct {
	dir      string
	git      string
	program  string // git-http-backend, without git in between: one process less for each request
	user     string
	password secret.Value
	mux      *http.ServeMux
}

// New returns a server for the repositories in dir, which is made if need be.
// Every request must carry user and password.
func New(dir, user string, password secret.Value) (*Server, error) {
	git, err := exec.LookPath("git")
	if err != nil {
		return nil, fmt.Errorf("starting the git server: %w: install git", err)
	}
	if user == "" || password.Empty() {
		return nil, errors.New("starting the git server: it needs a user and a password")
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, fmt.Errorf("starting the git server: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("starting the git server: %w", err)
	}
	programs, err := exec.Command(git, "--exec-path").Output()
	if err != nil {
		return nil, fmt.Errorf("starting the git server: asking git for its programs: %w", err)
	}
	program := filepath.Join(strings.TrimSpace(string(programs)), "git-http-backend")
	s := &Server{dir: dir, git: git, program: program, user: user, password: password, mux: http.NewServeMux()}
	s.mux.HandleFunc("PUT "+adminPath+"{name}", s.create)
	s.mux.HandleFunc("/", s.backend)
	return s, nil
}

// Create makes the bare repository name, without ".git"; one that exists stays
// as it is.
func (s *Server) Create(ctx context.Context, name string) error {
	if !repositoryName.MatchString(name) {
		return fmt.Errorf("making repository %q: want owner/name or name, of letters, digits, '.', '_' and '-'", name)
	}
	path := s.Path(name)
	if _, err := os.Stat(filepath.Join(path, "HEAD")); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	cmd := exec.CommandContext(ctx, s.git, "init", "--quiet", "--bare", "--initial-branch="+DefaultBranch, path) //nolint:gosec // the name was checked, and git gets it as one argument
	cmd.Env = s.environment()
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("making repository %s: %w: %s", name, err, strings.TrimSpace(string(output)))
	}
	return nil
}

// A name has at most one slash and no element that starts with a dot.
var repositoryName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)?$`)

// Path returns the folder of the bare repository name.
func (s *Server) Path(name string) string { return filepath.Join(s.dir, name+".git") }

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/healthz" {
		fmt.Fprintln(w, "ok")
		return
	}
	if user, password, _ := r.BasicAuth(); !s.Admits(user, password) {
		w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
		http.Error(w, "git server: wrong or missing credentials", http.StatusUnauthorized)
		return
	}
	s.mux.ServeHTTP(w, r)
}

// Admits reports whether these are the server's user and password.
func (s *Server) Admits(user, password string) bool {
	return equal(user, s.user) && equal(password, s.password.Reveal())
}

// ServeGit answers a request of git, whoever makes it: the caller has checked that.
// The request's path begins with the name of a repository and ".git".
func (s *Server) ServeGit(w http.ResponseWriter, r *http.Request) { s.backend(w, r) }

// equal compares in a time that tells nothing about either text.
func equal(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

func (s *Server) create(w http.ResponseWriter, r *http.Request) {
	if err := s.Create(r.Context(), r.PathValue("name")); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// backend hands the request to git http-backend.
func (s *Server) backend(w http.ResponseWriter, r *http.Request) {
	body, err := sized(r)
	if err != nil {
		http.Error(w, "git server: reading the request: "+err.Error(), http.StatusBadRequest)
		return
	}
	defer body.Close()
	handler := &cgi.Handler{
		Path:   s.program,
		Dir:    s.dir,
		Env:    append(s.environment(), "GIT_PROJECT_ROOT="+s.dir, "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER="+s.user),
		Logger: log.New(io.Discard, "", 0),
		Stderr: io.Discard,
	}
	// The program needs no credentials, and should not be able to leak them.
	r.Header.Del("Authorization")
	handler.ServeHTTP(w, r)
}

// environment keeps the settings of the user who runs the server out of git.
func (s *Server) environment() []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir, "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull,
		"GIT_CONFIG_COUNT=2",
		"GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*",
		"GIT_CONFIG_KEY_1=http.receivepack", "GIT_CONFIG_VALUE_1=true",
	}
}

// sized gives a request of unknown length its length: CGI needs one, and git
// sends larger packs without.
func sized(r *http.Request) (io.Closer, error) {
	if r.ContentLength >= 0 {
		return r.Body, nil
	}
	spool, err := os.CreateTemp("", "gitserver-*")
	if err != nil {
		return nil, err
	}
	os.Remove(spool.Name()) // the open file is all that is needed
	length, err := io.Copy(spool, r.Body)
	if err == nil {
		_, err = spool.Seek(0, io.SeekStart)
	}
	if err != nil {
		spool.Close()
		return nil, err
	}
	r.Body, r.ContentLength, r.TransferEncoding = spool, length, nil
	return spool, nil
}
