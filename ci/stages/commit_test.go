package stages

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"gitops/ci/compose"
)

func TestCommitIsComparedWithTheWorkTree(t *testing.T) {
	inRepository(t, `
-- app/compose.yml --
services:
  web: {image: "web:1", volumes: ["./site:/site:ro"], env_file: [web.env], secrets: [key]}
secrets: {key: {file: ./key.txt}}
-- app/site/index.html --
hello
-- app/web.env --
A=1
-- app/key.txt --
made by the CI
-- app/unrelated.txt --
-- .gitignore --
web.env
`)
	warnings := func(commit string) string {
		t.Helper()
		m, err := compose.Load(t.Context(), compose.Source{Root: ".", Manifests: []string{"app/compose.yml"}})
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(compareCommit(t.Context(), ".", commit, m), "\n")
	}
	if got := warnings(strings.Repeat("a", 40)); got != "" {
		t.Errorf("without git: %s", got)
	}
	git := func(args ...string) string {
		t.Helper()
		out, err := exec.Command("git", append([]string{"-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgSign=false"}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	git("init", "--quiet")
	if got := warnings(strings.Repeat("a", 40)); got != "" {
		t.Errorf("without a commit: %s", got)
	}
	git("add", "app/compose.yml", "app/site", "app/unrelated.txt", ".gitignore")
	git("commit", "--quiet", "-m", "one")
	first := git("rev-parse", "HEAD")
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("app/unrelated.txt", "changed")
	for _, commit := range []string{first, first[:8]} {
		if got := warnings(commit); got != "" {
			t.Errorf("as in the commit: %s", got)
		}
	}
	write("app/site/index.html", "changed")
	write("app/site/new.html", "new")
	if got, want := warnings(first), "not as in commit "+first[:12]+": app/site/index.html, app/site/new.html; the files come from the work tree"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	git("add", "app")
	git("commit", "--quiet", "-m", "two")
	second := git("rev-parse", "HEAD")
	got := warnings(first)
	if !strings.HasPrefix(got, "the work tree is at commit "+second[:12]+", and the release is named after "+first[:12]) || !strings.Contains(got, "app/site/index.html") {
		t.Errorf("of an older commit: %s", got)
	}
	if got := warnings(strings.Repeat("b", 40)); strings.Contains(got, "not as in") || !strings.Contains(got, "named after bbbbbbbbbbbb") {
		t.Errorf("of a commit that git does not have: %s", got)
	}
}
