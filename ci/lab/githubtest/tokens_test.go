package githubtest

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gitops/ci/lab/gitserver"
	"gitops/ci/lab/texttest"
	"gitops/ci/secret"
)

// serve returns a double with one repository, octo/site, one pull request, 1, one
// issue, 2, and a comment on each.
func serve(t *testing.T) (*Server, string) {
	t.Helper()
	git, err := gitserver.New(t.TempDir(), "robot", secret.New("hunter2"))
	if err != nil {
		t.Fatal(err)
	}
	double := New(Options{Token: "driver", Git: git})
	server := httptest.NewServer(double)
	t.Cleanup(server.Close)
	if err := gitserver.CreateRemote(t.Context(), server.Client(), server.URL, "octo/site", "robot", secret.New("hunter2")); err != nil {
		t.Fatal(err)
	}
	double.OpenPull(1, "t", "h", "b", "s")
	call(t, "POST", server.URL+"/repos/octo/site/issues", "driver", `{"title":"t"}`)
	for number := range 2 {
		double.AddComment(number+1, ActionsBot, "x")
	}
	return double, server.URL
}

func TestTokensMayDoWhatTheirPermissionsSay(t *testing.T) {
	double, base := serve(t)
	tests := []struct {
		method, path string
		permissions  string // "contents=read,issues=write"
		status       int
		accepted     string
	}{
		{"POST", "/issues/1/comments", "pull-requests=write", 201, "issues=write; pull_requests=write"},
		{"POST", "/issues/1/comments", "pull-requests=read", 403, "issues=write; pull_requests=write"},
		{"POST", "/issues/1/comments", "issues=write", 403, "issues=write; pull_requests=write"},
		{"POST", "/issues/2/comments", "issues=write", 201, "issues=write; pull_requests=write"},
		{"POST", "/issues/2/comments", "pull-requests=write", 403, "issues=write; pull_requests=write"},
		{"PATCH", "/issues/comments/1", "pull-requests=write", 200, "issues=write; pull_requests=write"},
		{"PATCH", "/issues/comments/1", "contents=write", 403, "issues=write; pull_requests=write"},
		{"GET", "/issues/1/comments", "pull-requests=read", 200, "issues=read; pull_requests=read"},
		{"GET", "/issues/1/comments", "contents=read", 403, "issues=read; pull_requests=read"},
		{"GET", "/issues/comments/2", "issues=read", 200, "issues=read; pull_requests=read"},
		{"POST", "/issues", "issues=read", 403, "issues=write"},
		{"POST", "/issues", "issues=write", 201, "issues=write"},
		{"GET", "/commits/s/pulls", "pull-requests=read,contents=read", 200, "pull_requests=read,contents=read"},
		{"GET", "/commits/s/pulls", "contents=read", 403, "pull_requests=read,contents=read"},
		{"GET", "/pulls/1", "pull-requests=none", 403, "pull_requests=read"},
		{"GET", "/actions/runs/7/artifacts", "actions=read", 200, "actions=read"},
		{"GET", "/actions/runs/7/artifacts", "", 403, "actions=read"},
	}
	for _, test := range tests {
		t.Run(test.method+test.path+" "+test.permissions, func(t *testing.T) {
			token := double.AddToken(permissionsIn(test.permissions)).Reveal()
			response, body := call(t, test.method, base+"/api/v3/repos/octo/site"+test.path, token, `{"title":"t","body":"b"}`)
			if response.StatusCode != test.status || test.status == 403 && body["message"] != "Resource not accessible by integration" {
				t.Errorf("answered %d %v, want %d", response.StatusCode, body, test.status)
			}
			if got := response.Header.Get("X-Accepted-GitHub-Permissions"); got != test.accepted {
				t.Errorf("accepted permissions are %q", got)
			}
		})
	}
}

// permissionsIn reads "contents=read,issues=write".
func permissionsIn(text string) map[string]string {
	given := map[string]string{}
	for pair := range strings.SplitSeq(text, ",") {
		if name, access, found := strings.Cut(pair, "="); found {
			given[name] = access
		}
	}
	return given
}

func TestTokensAreMadeForTheDriverAlone(t *testing.T) {
	double, base := serve(t)
	token, err := NewToken(t.Context(), http.DefaultClient, base, secret.New("driver"), map[string]string{"issues": "write"})
	if err != nil {
		t.Fatal(err)
	}
	if response, _ := call(t, "GET", base+"/repos/octo/site/issues", token.Reveal(), ""); response.StatusCode != 200 {
		t.Errorf("the token is answered %s", response.Status)
	}
	for _, other := range []secret.Value{token, {}, double.AddToken(nil), secret.New("wrong")} {
		if _, err := NewToken(t.Context(), http.DefaultClient, base, other, nil); err == nil || !strings.Contains(err.Error(), "401") {
			t.Errorf("another token than the driver's: %v", err)
		}
	}
	if _, err := NewToken(t.Context(), http.DefaultClient, base, secret.New("driver"), map[string]string{"issues": "all"}); err == nil || !strings.Contains(err.Error(), "want read, write or none") {
		t.Errorf("no such access: %v", err)
	}
}

func TestGitAsksForContents(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("needs git")
	}
	double, base := serve(t)
	clone := t.TempDir()
	git := func(args ...string) (string, error) {
		command := exec.CommandContext(t.Context(), "git", args...)
		command.Dir = clone
		command.Env = append(os.Environ(), "GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_GLOBAL=/dev/null", "HOME="+filepath.Join(clone, "home"))
		output, err := command.CombinedOutput()
		return string(output), err
	}
	git("init", "--quiet")
	if output, err := git("-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "--quiet", "--allow-empty", "--message=x"); err != nil {
		t.Fatal(output)
	}
	tests := map[string]struct {
		login, fetch, push string // what git says to each; empty where it works
	}{
		"a developer":      {"robot:hunter2", "", ""},
		"the driver":       {"x-access-token:driver", "", ""},
		"contents: write":  {"x-access-token:" + double.AddToken(map[string]string{"contents": "write"}).Reveal(), "", ""},
		"any user":         {"robot:" + double.AddToken(map[string]string{"contents": "write"}).Reveal(), "", ""},
		"contents: read":   {"x-access-token:" + double.AddToken(map[string]string{"contents": "read"}).Reveal(), "", "Permission to octo/site.git denied to github-actions[bot]."},
		"no contents":      {"x-access-token:" + double.AddToken(map[string]string{"issues": "write"}).Reveal(), "Repository not found.", "Repository not found."},
		"a wrong password": {"robot:wrong", "Authentication failed", "Authentication failed"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			url := texttest.Replace(t, base, "http://", "http://"+test.login+"@")
			for _, suffix := range []string{"", ".git"} {
				output, err := git("ls-remote", url+"/octo/site"+suffix)
				check(t, "fetch", output, err, test.fetch)
			}
			output, err := git("push", url+"/octo/site", "HEAD:refs/heads/main")
			check(t, "push", output, err, test.push)
		})
	}
}

func check(t *testing.T, what, output string, err error, want string) {
	t.Helper()
	if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(output, want)) {
		t.Errorf("%s: %v\n%s\nwant %q", what, err, output, want)
	}
}
