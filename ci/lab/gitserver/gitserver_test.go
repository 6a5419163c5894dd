package gitserver

import (
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gitops/ci/lab/texttest"
	"gitops/ci/secret"
)

const (
	user     = "robot"
	password = "correct horse"
)

// start serves an empty folder and returns the server and its URL without and
// with credentials.
func start(t *testing.T) (server *Server, anonymous, authenticated string) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("needs git")
	}
	server, err := New(t.TempDir(), user, secret.New(password))
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(server)
	t.Cleanup(web.Close)
	return server, web.URL, texttest.Replace(t, web.URL, "http://", "http://robot:correct%20horse@")
}

// git runs git in dir and returns what it printed.
func git(t *testing.T, dir string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_GLOBAL=/dev/null", "HOME="+t.TempDir(),
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
	output, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(output)), err
}

func mustGit(t *testing.T, dir string, args ...string) string {
	t.Helper()
	output, err := git(t, dir, args...)
	if err != nil {
		t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, output)
	}
	return output
}

// commit writes content to file in a new commit of a clone of url.
func commit(t *testing.T, url, file string, content []byte) (clone string) {
	t.Helper()
	clone = filepath.Join(t.TempDir(), "clone")
	mustGit(t, "", "clone", "--quiet", url, clone)
	if err := os.WriteFile(filepath.Join(clone, file), content, 0o644); err != nil {
		t.Fatal(err)
	}
	mustGit(t, clone, "add", ".")
	mustGit(t, clone, "commit", "--quiet", "--message", "Add "+file)
	return clone
}

func TestPushAndClone(t *testing.T) {
	server, _, url := start(t)
	if err := server.Create(t.Context(), "shop"); err != nil {
		t.Fatal(err)
	}
	clone := commit(t, url+"/shop.git", "a.txt", []byte("one\n"))
	mustGit(t, clone, "push", "--quiet", "origin", "HEAD:infra_main", "HEAD:deployment")

	second := filepath.Join(t.TempDir(), "second")
	mustGit(t, "", "clone", "--quiet", url+"/shop.git", second)
	if content, _ := os.ReadFile(filepath.Join(second, "a.txt")); string(content) != "one\n" {
		t.Errorf("the second clone has a.txt %q", content)
	}
	branches := mustGit(t, second, "branch", "--remotes", "--format=%(refname:short)")
	if !strings.Contains(branches, "origin/deployment") {
		t.Errorf("branches %q lack origin/deployment", branches)
	}
}

// Packs of more than a megabyte come without a length.
func TestPushOfABigPack(t *testing.T) {
	server, _, url := start(t)
	if err := server.Create(t.Context(), "owner/big"); err != nil {
		t.Fatal(err)
	}
	content := make([]byte, 8<<20)
	rand.Read(content)
	clone := commit(t, url+"/owner/big.git", "noise", content)
	mustGit(t, clone, "push", "--quiet", "origin", "HEAD:infra_main")

	sent := mustGit(t, clone, "rev-parse", "HEAD:noise")
	if kept := mustGit(t, server.Path("owner/big"), "rev-parse", "infra_main:noise"); kept != sent {
		t.Errorf("the server keeps %s, sent was %s", kept, sent)
	}
}

func TestPushThatIsNotAFastForwardIsRejected(t *testing.T) {
	server, _, url := start(t)
	if err := server.Create(t.Context(), "shop"); err != nil {
		t.Fatal(err)
	}
	first := commit(t, url+"/shop.git", "a.txt", []byte("one\n"))
	second := commit(t, url+"/shop.git", "b.txt", []byte("two\n"))
	mustGit(t, first, "push", "--quiet", "origin", "HEAD:infra_main")
	if output, err := git(t, second, "push", "origin", "HEAD:infra_main"); err == nil || !strings.Contains(output, "rejected") {
		t.Errorf("push: %v\n%s\nwant it rejected", err, output)
	}
}

func TestNothingWithoutCredentials(t *testing.T) {
	server, anonymous, _ := start(t)
	if err := server.Create(t.Context(), "shop"); err != nil {
		t.Fatal(err)
	}
	wrong := texttest.Replace(t, anonymous, "http://", "http://robot:wrong@")
	for _, base := range []string{anonymous, wrong} {
		for _, path := range []string{"/shop.git/info/refs?service=git-upload-pack", "/shop.git/HEAD", "/_lab/repos/x", "/"} {
			response, err := http.Get(base + path)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if response.StatusCode != http.StatusUnauthorized {
				t.Errorf("GET %s: %s, want 401", path, response.Status)
			}
		}
		if output, err := git(t, "", "ls-remote", base+"/shop.git"); err == nil {
			t.Errorf("git ls-remote worked: %s", output)
		}
	}
}

func TestCreateRemote(t *testing.T) {
	server, base, url := start(t)
	for range 2 { // the second time it exists
		if err := CreateRemote(t.Context(), http.DefaultClient, base, "owner/shop", user, secret.New(password)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(filepath.Join(server.Path("owner/shop"), "HEAD")); err != nil {
		t.Error(err)
	}
	mustGit(t, "", "ls-remote", url+"/owner/shop.git")
	err := CreateRemote(t.Context(), http.DefaultClient, base, "shop", user, secret.New("wrong"))
	if err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("error %v, want one with 401", err)
	}
}

func TestNamesStayInTheFolder(t *testing.T) {
	server, base, _ := start(t)
	for _, name := range []string{"", "..", "../x", "a/../b", "a/b/c", "/x", ".git", "a b"} {
		if err := server.Create(t.Context(), name); err == nil {
			t.Errorf("made repository %q", name)
		}
	}
	if err := CreateRemote(t.Context(), http.DefaultClient, base, "../x", user, secret.New(password)); err == nil {
		t.Error("made repository ../x over HTTP")
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(server.dir), "x.git")); err == nil {
		t.Error("a repository was made outside the folder")
	}
}

func TestMissingRepositoryIsNotFound(t *testing.T) {
	_, _, url := start(t)
	if output, err := git(t, "", "ls-remote", url+"/none.git"); err == nil || !strings.Contains(output, "not found") {
		t.Errorf("ls-remote: %v\n%s", err, output)
	}
}
