package main

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gitops/ci/lab/githubtest"
	"gitops/ci/lab/gitserver"
	"gitops/ci/progress"
	"gitops/ci/secret"
)

// protected is a git server whose branch integration takes no direct pushes, with
// one commit on it, and the GitHub double.
type protected struct {
	*testing.T
	url    string // of the repository, without credentials
	bare   string // the repository on the server's disk
	commit string
	github *githubtest.Server
	api    string
}

const (
	gitToken    = "planted-git-token"
	githubToken = "planted-github-token"
)

func newProtected(t *testing.T) *protected {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("needs git")
	}
	server, err := gitserver.New(t.TempDir(), "robot", secret.New(gitToken))
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(server)
	t.Cleanup(web.Close)
	double := githubtest.New(githubtest.Options{Token: githubToken, Repo: "owner/shop"})
	api := httptest.NewServer(double)
	t.Cleanup(api.Close)
	if err := server.Create(t.Context(), "shop"); err != nil {
		t.Fatal(err)
	}
	p := &protected{T: t, url: web.URL + "/shop.git", bare: server.Path("shop"), github: double, api: api.URL}
	p.fill()
	p.environment()
	return p
}

// fill pushes a manifest to integration and protects the branch.
func (p *protected) fill() {
	p.Helper()
	clone := p.TempDir()
	if err := os.WriteFile(filepath.Join(clone, "compose.yml"), []byte("services:\n  web:\n    image: owner/web:1\n"), 0o644); err != nil {
		p.Fatal(err)
	}
	p.git(clone, "init", "--quiet")
	p.git(clone, "add", "compose.yml")
	p.git(clone, "commit", "--quiet", "--message", "Start")
	p.commit = p.git(clone, "rev-parse", "HEAD")
	address, err := url.Parse(p.url)
	if err != nil {
		p.Fatal(err)
	}
	address.User = url.UserPassword("robot", gitToken)
	p.git(clone, "push", "--quiet", address.String(), "HEAD:refs/heads/integration")
	hook := "#!/bin/sh\nwhile read old new name; do\n  [ \"$name\" != refs/heads/integration ] || { echo 'GH006: Protected branch update failed.' >&2; exit 1; }\ndone\n"
	if err := os.WriteFile(filepath.Join(p.bare, "hooks", "pre-receive"), []byte(hook), 0o755); err != nil {
		p.Fatal(err)
	}
}

// environment has the credentials, and nothing of the CI that runs this test.
func (p *protected) environment() {
	for _, name := range []string{"REGISTRY_PASSWORD", "REGISTRY_AUTH", "COSIGN_PRIVATE_KEY", "COSIGN_PASSWORD", "SIGSTORE_ID_TOKEN", "GITHUB_ACTIONS"} {
		p.Setenv(name, "")
	}
	for name, value := range map[string]string{
		"GITHUB_SHA": "", "GITHUB_REPOSITORY": "", "GITHUB_API_URL": "",
		"GIT_USERNAME": "robot", "GIT_TOKEN": gitToken, "GITHUB_TOKEN": githubToken,
	} {
		p.Setenv(name, value)
	}
}

func (p *protected) git(dir string, args ...string) string {
	p.Helper()
	cmd := exec.CommandContext(p.Context(), "git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull,
		"GIT_AUTHOR_NAME=person", "GIT_AUTHOR_EMAIL=person@example.com", "GIT_COMMITTER_NAME=person", "GIT_COMMITTER_EMAIL=person@example.com")
	out, err := cmd.CombinedOutput()
	if err != nil {
		p.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// bump runs gitops bump and returns its exit code and what it printed.
func (p *protected) bump(more ...string) (code int, stdout, stderr string) {
	p.Helper()
	var out, err bytes.Buffer
	args := append([]string{"--json", "bump", "--repo", p.url, "--branch", "integration", "--commit", p.commit,
		"--manifest", "compose.yml", "--image", "web=owner/web:" + p.commit}, more...)
	code = run(p.Context(), args, &out, &err)
	if all := out.String() + err.String(); strings.Contains(all, gitToken) || strings.Contains(all, githubToken) {
		p.Errorf("a token is in the output:\n%s", all)
	}
	return code, out.String(), err.String()
}

func (p *protected) propose() []string {
	return []string{"--propose", "--github-repo", "owner/shop", "--github-api", p.api}
}

func (p *protected) branches() string {
	p.Helper()
	return p.git(p.bare, "for-each-ref", "--format=%(refname:short)")
}

func TestBumpOpensAPullRequest(t *testing.T) {
	p := newProtected(t)
	head := "gitops/integration-" + p.commit[:12]
	for range 2 { // the second run finds what the first one left
		code, stdout, stderr := p.bump(p.propose()...)
		var result struct {
			Outcome     string `json:"outcome"`
			Commit      string `json:"commit"`
			PullRequest string `json:"pull_request"`
		}
		if err := json.Unmarshal([]byte(stdout), &result); code != progress.ExitDone || err != nil {
			t.Fatalf("exit %d, %v\n%s%s", code, err, stdout, stderr)
		}
		if result.Outcome != "proposed" || result.PullRequest != p.api+"/owner/shop/pull/1" || result.Commit != p.git(p.bare, "rev-parse", head) {
			t.Errorf("result %+v", result)
		}
		pulls := p.github.State().Pulls
		if len(pulls) != 1 || pulls[0].Head != head || pulls[0].Base != "integration" || pulls[0].State != "open" ||
			!strings.HasPrefix(pulls[0].Title, "Run web at ") {
			t.Errorf("pull requests %+v", pulls)
		}
	}
	if requests := p.github.Requests(); requests["POST /pulls"] != 1 || requests["GET /pulls"] != 2 {
		t.Errorf("requests %v", requests)
	}
	if tip := p.git(p.bare, "rev-parse", "integration"); tip != p.commit {
		t.Errorf("integration moved to %s", tip)
	}
	if count := p.git(p.bare, "rev-list", "--count", "integration.."+head); count != "1" {
		t.Errorf("%s commits on %s", count, head)
	}
	if text := p.git(p.bare, "show", head+":compose.yml"); !strings.HasSuffix(text, "image: owner/web:"+p.commit) {
		t.Errorf("proposed manifest:\n%s", text)
	}
}

func TestBumpOfAProtectedBranch(t *testing.T) {
	for name, c := range map[string]struct {
		args  func(*protected) []string
		token string
		code  int
		says  string
		heads string
	}{
		"is refused without --propose": {func(*protected) []string { return nil }, githubToken, progress.ExitRefused, "GH006", ""},
		"needs a token to propose":     {(*protected).propose, "", progress.ExitInvalid, "GITHUB_TOKEN", ""},
		"says what is pushed when GitHub refuses the token": {(*protected).propose, "planted-other", progress.ExitFailed,
			"opening a pull request for branch gitops/integration-", "gitops/integration-"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProtected(t)
			t.Setenv("GITHUB_TOKEN", c.token)
			code, stdout, stderr := p.bump(c.args(p)...)
			if code != c.code || !strings.Contains(stderr, c.says) || strings.Contains(stdout, "pull_request") {
				t.Errorf("exit %d\n%s%s", code, stdout, stderr)
			}
			if c.heads != "" {
				c.heads += p.commit[:12] + "\n"
			}
			if branches := p.branches(); branches != c.heads+"integration" {
				t.Errorf("branches %q", branches)
			}
			if pulls := p.github.State().Pulls; len(pulls) != 0 {
				t.Errorf("pull requests %+v", pulls)
			}
		})
	}
}
