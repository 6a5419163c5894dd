package actions

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"gitops/ci/lab"
	"gitops/ci/lab/authority"
	"gitops/ci/lab/githubtest"
	"gitops/ci/lab/gitserver"
	"gitops/ci/progress"
	"gitops/ci/secret"
)

const (
	server   = "https://github.local:8080"
	loop     = "example/loop"
	user     = "robot"
	password = "hunter2"
	driver   = "driver"

	checkout = "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1"
	call     = "dagger/dagger-for-github@27b130bf0f79a7f6fbbbe0fbca6760dc9bb40a77"
	aws      = "aws-actions/configure-aws-credentials@e6de054238d6b7531b4efff3b6587d9aade6a06c"
	upload   = "actions/upload-artifact@043fb46d1a93c77aae656e7c1c64a875d1fc6a0a"
	download = "actions/download-artifact@3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c"
)

// team is a repository at the GitHub stand-in, a clone of it, and its Actions. The
// clone's branch is main, the default branch.
type team struct {
	*testing.T
	double  *githubtest.Server
	outside string
	client  *http.Client
	options Options
	clone   string
	records string // what the dagger command wrote down
	pull    int
}

// dagger writes down its arguments, and the variables whose names begin with SEEN_. It
// makes the folder of a plan that it is to export.
const dagger = `#!/bin/sh
if [ "$1 $2" = "--silent version" ]; then echo "dagger v0.21.8 (test) linux/amd64"; exit; fi
{ for argument in "$@"; do printf '[%s]' "$argument"; done; echo; env | grep ^SEEN_ | sort; } >>"$RECORDS"
case "$*" in *" export --path plan") mkdir plan && echo planned >plan/review.md ;; esac
echo "it ran"
exit "${EXIT:-0}"
`

var act = sync.OnceValues(func() (string, error) {
	return lab.Act(context.Background(), progress.NewProgress(os.Stderr))
})

// newTeam starts the stand-in for GitHub with an empty repository.
func newTeam(t *testing.T) *team {
	t.Helper()
	if testing.Short() {
		t.Skip("needs more time than -short gives")
	}
	for _, needed := range []string{"bash", "curl", "git"} {
		if _, err := exec.LookPath(needed); err != nil {
			t.Skip("needs " + needed)
		}
	}
	program, err := act()
	if err != nil {
		t.Fatal(err)
	}
	team := &team{T: t, clone: t.TempDir(), records: filepath.Join(t.TempDir(), "records")}
	certificates := team.serve()
	bin := t.TempDir()
	team.check(os.WriteFile(filepath.Join(bin, "dagger"), []byte(dagger), 0o755))
	team.options = Options{
		Act: program, Server: server, Outside: team.outside, Repository: loop, DefaultBranch: "main",
		Token: func(ctx context.Context, permissions map[string]string) (secret.Value, error) {
			return githubtest.NewToken(ctx, team.client, team.outside, secret.New(driver), permissions)
		},
		Environments: map[string]Environment{}, Env: map[string]string{"RECORDS": team.records}, Path: []string{bin},
		Certificates: certificates, Log: t.Output(),
	}
	team.check(gitserver.CreateRemote(t.Context(), team.client, team.outside, loop, user, secret.New(password)))
	team.git("init", "--quiet", "--initial-branch=main")
	team.git("remote", "add", "origin", team.outside+"/"+loop+".git")
	return team
}

// serve starts the stand-in over TLS and returns the file of its authority.
func (t *team) serve() string {
	git, err := gitserver.New(t.TempDir(), user, secret.New(password))
	t.check(err)
	signer, err := authority.New()
	t.check(err)
	certificate, key, err := signer.Issue("github.local")
	t.check(err)
	dir := t.TempDir()
	t.check(os.WriteFile(dir+"/tls.crt", []byte(certificate), 0o600))
	t.check(os.WriteFile(dir+"/tls.key", []byte(key.Reveal()), 0o600))
	listener, err := authority.Listen("127.0.0.1:0", dir+"/tls.crt", dir+"/tls.key")
	t.check(err)
	t.double = githubtest.New(githubtest.Options{Token: driver, Git: git})
	web := httptest.NewUnstartedServer(t.double)
	web.Listener.Close()
	web.Listener = listener
	web.Start()
	t.Cleanup(web.Close)
	t.outside, t.client = "https://"+listener.Addr().String(), signer.Client()
	file, err := signer.WriteFile(dir)
	t.check(err)
	return file
}

func (t *team) check(err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// git runs git in the developer's clone.
func (t *team) git(args ...string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "git", args...)
	command.Dir = t.clone
	command.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
		"GIT_SSL_CAINFO="+t.options.Certificates, "GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com",
		"GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.com", "GIT_CONFIG_COUNT=1",
		"GIT_CONFIG_KEY_0=url.https://"+user+":"+password+"@"+strings.TrimPrefix(t.outside, "https://")+".insteadOf", "GIT_CONFIG_VALUE_0="+t.outside)
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, output)
	}
	return strings.TrimSpace(string(output))
}

// commit writes files, which are name and content in turn, and commits them.
func (t *team) commit(message string, files ...string) string {
	t.Helper()
	for i := 0; i < len(files); i += 2 {
		path := filepath.Join(t.clone, files[i])
		t.check(os.MkdirAll(filepath.Dir(path), 0o755))
		t.check(os.WriteFile(path, []byte(files[i+1]), 0o644))
	}
	t.git("add", "--all")
	t.git("commit", "--quiet", "--allow-empty", "--message="+message)
	return t.git("rev-parse", "HEAD")
}

// start returns the Actions of the repository as it is now.
func (t *team) start() *Actions {
	t.Helper()
	a, err := New(t.Context(), t.options)
	t.check(err)
	t.Cleanup(func() { t.check(a.Close()) })
	return a
}

// push commits files to a branch, pushes it, and returns what happened.
func (t *team) push(branch string, files ...string) []Run {
	t.Helper()
	commit := t.commit("Change "+branch, files...)
	t.git("push", "--quiet", "origin", "HEAD:refs/heads/"+branch)
	return t.happen(t.start(), Event{Name: "push", Branch: branch, Commit: commit})
}

// propose opens a pull request to main from a new branch with files.
func (t *team) propose(a *Actions, fork string, files ...string) []Run {
	t.Helper()
	t.git("push", "--quiet", "--force", "origin", "main")
	t.pull++
	head := "feature"
	t.git("checkout", "--quiet", "-B", head, "main")
	commit := t.commit("Propose", files...)
	t.git("push", "--quiet", "--force", "origin", head)
	t.git("checkout", "--quiet", "main")
	t.double.OpenPull(t.pull, "t", head, "main", commit)
	return t.happen(a, Event{Name: "pull_request", PullRequest: &PullRequest{Number: t.pull, Head: head, Base: "main", HeadRepository: fork}})
}

func (t *team) happen(a *Actions, e Event) []Run {
	t.Helper()
	runs, err := a.Happen(t.Context(), e)
	t.check(err)
	return runs
}

// recorded returns what dagger wrote down, and forgets it.
func (t *team) recorded() string {
	t.Helper()
	content, err := os.ReadFile(t.records)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	os.Remove(t.records)
	return string(content)
}

// one checks that there is one run with one job, which concluded so, and returns its log.
func (t *team) one(runs []Run, conclusion string) string {
	t.Helper()
	if len(runs) != 1 || len(runs[0].Jobs) != 1 {
		t.Fatalf("want one job, got %+v", runs)
	}
	if runs[0].Conclusion != conclusion || runs[0].Jobs[0].Conclusion != conclusion {
		t.Errorf("%s is %s, want %s:\n%s", runs[0].Workflow, runs[0].Conclusion, conclusion, runs[0].Jobs[0].Log)
	}
	return runs[0].Jobs[0].Log
}

// has checks that text has every part.
func (t *team) has(text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("no %q in:\n%s", part, text)
		}
	}
}
