package deploy_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gitops/ci/deploy"
	"gitops/ci/progress"
)

// What a plan, a failed migration, a refusal and a status say of a place, on one host.
func TestWhatIsSaidOfAPlace(t *testing.T) {
	l := newLab(t)
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "app"), 0o755); err != nil {
		t.Fatal(err)
	}
	base := strings.ReplaceAll(l.manifest(image("v1")), "    restart: always\n",
		"    restart: always\n    depends_on: [db]\n    labels: {team: one}\n    volumes: [\"./web.conf:/web.conf:ro\"]\n")
	base = strings.ReplaceAll(base, "  web:\n    image", "  off: {image: "+image("v1")+", scale: 0}\n  web:\n    image")
	options := func(commit, text, conf string) deploy.Options {
		for name, content := range map[string]string{"app/compose.yml": text, "app/web.conf": conf} {
			if err := os.WriteFile(filepath.Join(root, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		o := l.options(commit, "")
		o.Source.Root, o.Source.Manifests = root, []string{"app/compose.yml"}
		return o
	}
	first := l.deploy(options(commitA, base, "one"))
	web := l.containers("web")

	t.Run("plan", func(t *testing.T) {
		changed := strings.ReplaceAll(base, "PASSWORD: ${PASSWORD:?set it}", "PASSWORD: ${PASSWORD:?set it}\n      NEW: planted-value")
		changed = strings.ReplaceAll(changed, "team: one", "team: planted-label")
		plan, err := deploy.Preview(context.Background(), l.client, options(commitB, changed, "two"))
		if err != nil {
			t.Fatal(err)
		}
		said := plan.String()
		for _, want := range []string{"off                  not started: its replicas are 0", "changes: environment NEW; labels team; files app/web.conf", "after: db", "db                   unchanged"} {
			if !strings.Contains(said, want) {
				t.Errorf("the plan lacks %q:\n%s", want, said)
			}
		}
		if strings.Contains(said, "planted") || strings.Contains(said, "image:") {
			t.Errorf("the plan has values, or an image that is the same:\n%s", said)
		}
	})
	t.Run("refusal", func(t *testing.T) {
		_, err := deploy.Deploy(context.Background(), l.client, options(commitB, strings.ReplaceAll(base, "team: one}\n", "team: one}\n    no_such_key: 1\n"), "one"))
		if progress.ExitCode(err) != progress.ExitInvalid || strings.Contains(err.Error(), "/tmp/") || !strings.Contains(err.Error(), "app/compose.yml") {
			t.Errorf("Compose's refusal: %v", err)
		}
	})
	t.Run("failed migration", func(t *testing.T) {
		o := options(commitB, strings.ReplaceAll(base, image("v1")+" # what is deployed", image("v2")), "one")
		o.Before = []deploy.Before{{Service: "db", Command: []string{"/no/such/program"}}}
		receipt, err := deploy.Deploy(context.Background(), l.client, o)
		if err == nil || receipt.Outcome != deploy.Untouched || !strings.Contains(err.Error(), "nothing was started or stopped; what ran before runs: release "+first.Release) || l.containers("web") != web {
			t.Errorf("outcome %s: %v", receipt.Outcome, err)
		}
		if left := l.leftovers(); left != "" {
			t.Errorf("left behind: %s", left)
		}
		if ids := strings.Fields(l.containers("db")); len(ids) != 1 {
			t.Errorf("the containers of db are %v: that of the migration is still there", ids)
		}
	})
	t.Run("status", func(t *testing.T) {
		if state := l.status(); len(state.Differences) != 0 || state.Current != first.Release || !strings.Contains(state.Compose, "--file "+filepath.Join(l.dir, "releases", first.Release)) {
			t.Errorf("differences %q, by hand %s", state.Differences, state.Compose)
		}
		run(t, exec.Command("docker", "stop", "--time", "1", l.containers("db")))
		run(t, exec.Command("docker", "rm", "--force", web))
		byHand := filepath.Join(root, "by-hand.yml")
		if err := os.WriteFile(byHand, []byte("services: {web: {image: "+image("v2")+"}}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		run(t, exec.Command("docker", "compose", "--project-name", l.project, "--file", byHand, "up", "--detach", "--no-deps", "web"))
		got := strings.Join(l.status().Differences, "; ")
		for _, want := range []string{l.project + "-db-1 is exited", l.project + "-web-1 was started from " + byHand} {
			if !strings.Contains(got, want) {
				t.Errorf("differences %s, want %s", got, want)
			}
		}
	})
}
