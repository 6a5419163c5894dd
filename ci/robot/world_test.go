package robot

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"gitops/ci/lab/gitserver"
	"gitops/ci/lab/texttest"
	"gitops/ci/secret"
)

const (
	serverUser  = "robot"
	password    = "planted-secret-4711"
	composePath = "app/docker-compose.yml"
	composeText = "# The application.\r\nservices:\r\n  backend:\r\n    image: \"owner/backend:first\"  # keep\r\n  frontend:\r\n    image: owner/frontend:first\r\n"
)

// world is a real git server over HTTP with one repository, and a person with
// a clone of it.
type world struct {
	*testing.T
	server *gitserver.Server
	url    string   // without credentials
	bare   string   // the repository on the server's disk
	clone  string   // of the person, who pushes to bare without the server
	env    []string // added to the environment of people's git
}

func newWorld(t *testing.T, wrap ...func(http.Handler) http.Handler) *world {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("needs git")
	}
	first, err := firstWorld()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	if err := os.CopyFS(folder, os.DirFS(first)); err != nil {
		t.Fatal(err)
	}
	server, err := gitserver.New(filepath.Join(folder, "served"), serverUser, secret.New(password))
	if err != nil {
		t.Fatal(err)
	}
	var handler http.Handler = server
	for _, w := range wrap {
		handler = w(handler)
	}
	web := httptest.NewServer(handler)
	t.Cleanup(web.Close)
	return &world{T: t, server: server, url: web.URL + "/shop.git", bare: server.Path("shop"), clone: filepath.Join(folder, "person")}
}

// firstWorld makes the folder that each world starts as a copy of: the server's
// repository and the person's clone, with one commit in both. It is made once,
// because a world made by git commands takes about fifty processes.
var firstWorld = sync.OnceValues(func() (folder string, err error) {
	folder = filepath.Join(shared, "world")
	server, err := gitserver.New(filepath.Join(folder, "served"), serverUser, secret.New(password))
	if err != nil {
		return folder, err
	}
	if err := server.Create(context.Background(), "shop"); err != nil {
		return folder, err
	}
	bare, clone := server.Path("shop"), filepath.Join(folder, "person")
	if err := os.MkdirAll(filepath.Join(clone, filepath.Dir(composePath)), 0o755); err != nil {
		return folder, err
	}
	if err := os.WriteFile(filepath.Join(clone, composePath), []byte(composeText), 0o644); err != nil {
		return folder, err
	}
	for _, args := range [][]string{
		{"-C", bare, "config", "receive.autogc", "false"}, // two processes less for each push
		{"-C", clone, "init", "--quiet", "--initial-branch=integration"},
		{"-C", clone, "config", "maintenance.auto", "false"},
		{"-C", clone, "add", "--all"},
		{"-C", clone, "commit", "--quiet", "--message", "Start"},
		{"-C", clone, "push", "--quiet", bare, "HEAD:integration"},
	} {
		cmd := exec.Command("git", args...)
		cmd.Env = personEnv()
		if out, err := cmd.CombinedOutput(); err != nil {
			return folder, fmt.Errorf("git %s: %w: %s", strings.Join(args, " "), err, out)
		}
	}
	return folder, nil
})

// shared is a folder for what several tests use. It goes with the last test.
var shared string

func TestMain(m *testing.M) {
	var err error
	if shared, err = os.MkdirTemp("", "robot-tests-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(shared)
	os.Exit(code)
}

// personEnv is the environment of people's git: this process's without what a
// test sets to mislead the robot.
func personEnv() []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "GIT_") })
	return append(env, "GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull, "LC_ALL=C",
		"GIT_AUTHOR_NAME=person", "GIT_AUTHOR_EMAIL=person@example.com", "GIT_COMMITTER_NAME=person", "GIT_COMMITTER_EMAIL=person@example.com")
}

// run runs git as a person would, in dir, and returns what it printed.
func (w *world) run(dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(w.Context(), "git", args...)
	cmd.Dir, cmd.Env = dir, append(personEnv(), w.env...)
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// feed runs git in the clone with text on its standard input.
func (w *world) feed(text string, args ...string) {
	w.Helper()
	cmd := exec.CommandContext(w.Context(), "git", args...)
	cmd.Dir, cmd.Env, cmd.Stdin = w.clone, personEnv(), strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		w.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func (w *world) git(dir string, args ...string) string {
	w.Helper()
	out, err := w.run(dir, args...)
	if err != nil {
		w.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// newClone returns an empty repository whose origin is the server.
func (w *world) newClone(name string) string {
	w.Helper()
	dir := filepath.Join(w.TempDir(), name)
	w.git("", "init", "--quiet", "--initial-branch=integration", dir)
	w.git(dir, "config", "maintenance.auto", "false")
	w.git(dir, "remote", "add", "origin", texttest.Replace(w, w.url, "http://", "http://"+serverUser+":"+password+"@"))
	return dir
}

func (w *world) write(name, text string) {
	w.Helper()
	file := filepath.Join(w.clone, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		w.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		w.Fatal(err)
	}
}

func (w *world) commit(message string) (sha string) {
	w.Helper()
	w.git(w.clone, "add", "--all")
	w.git(w.clone, "commit", "--quiet", "--allow-empty", "--message", message)
	return w.head()
}

func (w *world) head() string { return w.git(w.clone, "rev-parse", "HEAD") }

func (w *world) push(refs ...string) {
	w.Helper()
	w.git(w.clone, append([]string{"push", "--quiet", w.bare}, refs...)...)
}

// pull brings the clone up to date with the server.
func (w *world) pull() {
	w.Helper()
	w.git(w.clone, "pull", "--quiet", "--ff-only", w.bare, "integration")
}

// code commits a change to something else than the manifest and pushes it.
func (w *world) code(name string) (sha string) {
	w.Helper()
	w.write("app/"+name+".txt", name+"\n")
	sha = w.commit("Change " + name)
	w.push("HEAD:integration")
	return sha
}

func ref(service, sha string) string { return "owner/" + service + ":" + sha }

// options are those of a robot that brings the backend to commit.
func (w *world) options(commit string) Options {
	return Options{
		RepoURL: w.url, Branch: "integration", Manifest: composePath, Commit: commit,
		Images:   map[string]string{"backend": ref("backend", commit)},
		Username: serverUser, Token: secret.New(password),
	}
}

// local are the options of a robot that reaches the repository as a folder, for tests
// of what it writes and not of how it gets there: half the processes of HTTP.
func (w *world) local(commit string) Options {
	o := w.options(commit)
	o.RepoURL, o.Token = "file://"+w.bare, secret.Value{}
	return o
}

func (w *world) robot(o Options) Result {
	w.Helper()
	result, err := Push(w.Context(), o)
	if err != nil {
		w.Fatal(err)
	}
	return result
}

// at returns a file on the server, byte for byte.
func (w *world) at(spec string) string {
	w.Helper()
	cmd := exec.CommandContext(w.Context(), "git", "cat-file", "blob", spec)
	cmd.Dir, cmd.Env = w.bare, personEnv()
	out, err := cmd.Output()
	if err != nil {
		w.Fatalf("git cat-file %s: %v", spec, err)
	}
	return string(out)
}

func (w *world) tip() string { return w.git(w.bare, "rev-parse", "integration") }

func (w *world) count(revisions string) string {
	return w.git(w.bare, "rev-list", "--count", revisions)
}

// wantManifest checks the whole manifest: one image differs from composeText.
func (w *world) wantManifest(old, new string) {
	w.Helper()
	want := texttest.Replace(w, composeText, old, new)
	if got := w.at("integration:" + composePath); got != want {
		w.Errorf("manifest\n%q\nwant\n%q", got, want)
	}
}

// hook installs a hook in a repository that leaves a file when it runs.
func hook(t *testing.T, folder, name string) (trace string) {
	t.Helper()
	trace = filepath.Join(t.TempDir(), name)
	script := fmt.Sprintf("#!/bin/sh\necho ran >> '%s'\nexit 0\n", trace)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, name), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return trace
}

func (w *world) wantManifestUnchanged() {
	w.Helper()
	if got := w.at("integration:" + composePath); got != composeText {
		w.Errorf("manifest %q", got)
	}
}
