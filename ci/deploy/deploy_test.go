package deploy_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gitops/ci/deploy"
	"gitops/ci/lab/texttest"
	"gitops/ci/progress"
	"gitops/ci/secret"
)

func actions(r deploy.Receipt) string {
	var list []string
	for _, c := range r.Services {
		list = append(list, c.Service+" "+c.Action)
	}
	return strings.Join(list, ", ")
}

func TestDeployTwiceAndBack(t *testing.T) {
	l := newLab(t)
	first := l.deploy(l.options(commitA, l.manifest(image("v1"))))
	if first.Outcome != deploy.Deployed || actions(first) != "db created, web created" || first.Previous != "" {
		t.Errorf("first deploy: %s, %s, previous %q", first.Outcome, actions(first), first.Previous)
	}
	l.runs(image("v1"))
	db := l.containers("db")

	t.Run("unchanged", func(t *testing.T) {
		web, begun := l.containers("web"), time.Now()
		again := l.deploy(l.options(commitA, l.manifest(image("v1"))))
		if again.Outcome != deploy.Unchanged || again.Release != first.Release || actions(again) != "db unchanged, web unchanged" {
			t.Errorf("same manifest: %s, %s, release %s", again.Outcome, actions(again), again.Release)
		}
		if l.containers("web") != web {
			t.Error("an unchanged web was restarted")
		}
		t.Logf("unchanged manifest: %s\n%s", progress.Seconds(time.Since(begun)), l.log)
	})

	second := l.deploy(l.options(commitB, l.manifest(image("v2"))))
	if actions(second) != "db unchanged, web rolled" || second.Previous != first.Release || second.PreviousCommit != commitA {
		t.Errorf("second deploy: %s, previous %s", actions(second), second.Previous)
	}
	l.runs(image("v2"))
	stored, err := os.ReadFile(filepath.Join(l.dir, "current", "docker-compose.yml"))
	if err != nil || string(stored) != l.manifest(image("v2")) {
		t.Errorf("the current manifest is %q, %v", stored, err)
	}
	if l.containers("db") != db {
		t.Error("db was restarted though it did not change")
	}

	options := deploy.RollbackOptions{Options: l.options("", "")}
	back, err := deploy.Rollback(context.Background(), l.client, options)
	if err != nil || back.Kind != deploy.KindRollback || back.Release != first.Release || back.Commit != commitA {
		t.Fatalf("rollback: %+v, %v", back, err)
	}
	l.runs(image("v1"))
	options.Release = commitB[:8]
	if forth, err := deploy.Rollback(context.Background(), l.client, options); err != nil || forth.Release != second.Release {
		t.Fatalf("rollback to a later commit: %+v, %v", forth, err)
	}
	l.runs(image("v2"))
	l.checkReceipts(5)
}

// checkReceipts checks that the host has n receipts and the last is Status's.
func (l *lab) checkReceipts(n int) {
	l.t.Helper()
	files, _ := filepath.Glob(filepath.Join(l.dir, "receipts", "*.json"))
	if len(files) != n {
		l.t.Errorf("%d receipts, want %d: %v", len(files), n, files)
	}
	slices.Sort(files)
	content, _ := os.ReadFile(files[len(files)-1])
	var stored deploy.Receipt
	if err := json.Unmarshal(content, &stored); err != nil {
		l.t.Fatal(err)
	}
	last := l.status().Last
	if last == nil || last.Started != stored.Started || last.Release == "" || last.Seconds <= 0 || len(last.Steps) < 6 {
		l.t.Errorf("the last receipt is %+v", last)
	}
	if left := l.leftovers(); left != "" {
		l.t.Errorf("left behind: %s", left)
	}
}

// A tag that moved: going back runs the image of then, not what the tag names now.
func TestRollbackByDigest(t *testing.T) {
	l := newLab(t)
	moving := "gitops-deploy-test:" + l.project
	tag := func(behaviour string) { run(t, exec.Command("docker", "tag", image(behaviour), moving)) }
	t.Cleanup(func() { exec.Command("docker", "image", "rm", moving).Run() })
	tag("v1")
	l.deploy(l.options(commitA, l.manifest(moving)))
	tag("v2")
	l.deploy(l.options(commitB, l.manifest(moving)+"# changed\n"))
	says := func() string { return run(t, exec.Command("docker", "logs", l.containers("web"))) }
	if got := says(); got != "this is v2" {
		t.Fatalf("after the tag moved: %s", got)
	}
	if _, err := deploy.Rollback(context.Background(), l.client, deploy.RollbackOptions{Options: l.options("", "")}); err != nil {
		t.Fatal(err)
	}
	if got := says(); got != "this is v1" {
		t.Errorf("after the rollback: %s", got)
	}

	changed := filepath.Join(l.dir, "releases", l.status().Releases[1].Name, "docker-compose.yml")
	if err := os.WriteFile(changed, []byte(l.manifest(image("crash"))), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := deploy.Rollback(context.Background(), l.client, deploy.RollbackOptions{Options: l.options("", ""), Release: commitB})
	if progress.ExitCode(err) != progress.ExitRefused || !strings.Contains(err.Error(), "somebody changed a file in "+filepath.Dir(changed)) {
		t.Errorf("a release that was changed on the host: %v", err)
	}
}

func TestAFailedDeployLeavesWhatRan(t *testing.T) {
	l := newLab(t)
	first := l.deploy(l.options(commitA, l.manifest(image("v1"))))
	for name, c := range map[string]struct {
		manifest string
		env      string
		says     []string
	}{
		"crash":           {l.manifest(image("crash")), "planted-secret-1", []string{"service web", "restarted", "exit code 3", "this is crash", "cannot log in to the database with [REDACTED]"}},
		"never healthy":   {l.manifest(image("sick")), "planted-secret-1", []string{"service web is unhealthy", "this is sick"}},
		"wrong value":     {l.manifest(image("v1")), "wrong-password", []string{"service web", "the database refused the password"}},
		"dependency sick": {texttest.Replace(t, l.manifest(image("sick")), "  db:\n", "  db:\n    depends_on: {web: {condition: service_healthy}}\n"), "planted-secret-1", []string{"unhealthy", "last words of web", "this is sick"}},
		"port taken":      {texttest.Replace(t, l.manifest(image("v2")), "    restart: always\n", "    restart: always\n    ports: [\""+l.sshd.Address+":80\"]\n"), "planted-secret-1", []string{"address already in use"}},
	} {
		t.Run(name, func(t *testing.T) {
			options := l.options(commitB, c.manifest)
			options.Env = map[string]secret.Value{"PASSWORD": secret.New(c.env)}
			options.Restarts = 2
			receipt, err := deploy.Deploy(context.Background(), l.client, options)
			if err == nil || progress.ExitCode(err) != progress.ExitFailed || receipt.Outcome != deploy.Restored {
				t.Fatalf("outcome %s, error %v", receipt.Outcome, err)
			}
			for _, words := range append(c.says, "what ran before runs again: release "+first.Release) {
				if !strings.Contains(err.Error(), words) {
					t.Errorf("the message lacks %q:\n%v", words, err)
				}
			}
			if receipt.Failure == nil || receipt.Failure.Reason == "" {
				t.Errorf("the receipt does not say why: %+v", receipt.Failure)
			}
			l.runs(image("v1"))
			state := l.status()
			if state.Current != first.Release || len(state.Releases) != 1 || state.Last.Outcome != deploy.Restored {
				t.Errorf("current %s, %d releases, last %+v", state.Current, len(state.Releases), state.Last)
			}
			env := run(t, exec.Command("docker", "inspect", "--format", "{{.Config.Env}}", l.containers("web")))
			if !strings.Contains(env, "planted-secret-1") {
				t.Errorf("web runs with another password than before: %s", env)
			}
		})
	}
	l.deploy(l.options(commitC, l.manifest(image("v2"))))
	l.runs(image("v2"))
	if left := l.leftovers(); left != "" {
		t.Errorf("left behind: %s", left)
	}
}

func TestAFailedFirstDeployRemovesWhatItStarted(t *testing.T) {
	l := newLab(t)
	options := l.options(commitA, l.manifest(image("crash")))
	options.Restarts = 1
	receipt, err := deploy.Deploy(context.Background(), l.client, options)
	if err == nil || receipt.Outcome != deploy.Removed || !strings.Contains(err.Error(), "first deploy") {
		t.Fatalf("outcome %s, error %v", receipt.Outcome, err)
	}
	left := run(t, exec.Command("sh", "-ec", `docker ps -aq --filter "$1"; docker volume ls -q --filter "$1"; docker network ls -q --filter "$1"; docker network ls -q --filter "name=$2"`,
		"left", "label=com.docker.compose.project="+l.project, l.network))
	if left != "" {
		t.Errorf("the failed deploy left %s", left)
	}
	if state := l.status(); state.Current != "" || len(state.Releases) != 0 {
		t.Errorf("current %q, releases %v", state.Current, state.Releases)
	}
	l.deploy(l.options(commitB, l.manifest(image("v1"))))
	l.runs(image("v1"))
}

func TestBadManifestsTouchNothing(t *testing.T) {
	l := newLab(t)
	for name, manifest := range map[string]string{
		"not a compose file": "services:\n  web: {image: x, no_such_key: 1}\n",
		"unknown network":    "services:\n  web: {image: x, networks: [nowhere]}\n",
		"missing variable":   "services:\n  web: {image: x, environment: {A: \"${NOT_GIVEN:?}\"}}\n",
		"blank variable":     "services:\n  web: {image: x, environment: {A: \"${NOT_GIVEN}\"}}\n",
	} {
		receipt, err := deploy.Deploy(context.Background(), l.client, l.options(commitA, manifest))
		if progress.ExitCode(err) != progress.ExitInvalid || !strings.Contains(err.Error(), "nothing was touched") {
			t.Errorf("%s: exit %d, %s, %v", name, progress.ExitCode(err), receipt.Outcome, err)
		}
	}
	if _, err := os.Stat(l.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder was made: %v", err)
	}
}

// Services that only a profile starts, by themselves or by what they extend, are not
// waited for; variables whose names other programs know reach the containers.
func TestDeployWaitsForWhatComposeStarts(t *testing.T) {
	l := newLab(t)
	manifest := l.manifest(image("v1")) + fmt.Sprintf(`---
services:
  base: {image: %[1]s, profiles: [never], environment: {NEVER: "${NEVER_GIVEN}"}}
  child: {extends: base}
  more: {extends: base, profiles: !reset null, environment: !override {GID: "${DOCKER_GID}", WHERE: "${ENV}"}, labels: {of: "${COMPOSE_PROJECT_NAME}"}}
`, image("v1"))
	options := l.options(commitA, manifest)
	options.Env["DOCKER_GID"], options.Env["ENV"] = secret.New("999"), secret.New("production")
	if receipt := l.deploy(options); actions(receipt) != "db created, more created, web created" {
		t.Errorf("deployed: %s", actions(receipt))
	}
	got := run(t, exec.Command("docker", "inspect", "--format", `{{.Config.Env}} {{index .Config.Labels "of"}}`, l.containers("more")))
	if !strings.Contains(got, "GID=999") || !strings.Contains(got, "WHERE=production") || !strings.HasSuffix(got, " "+l.project) {
		t.Errorf("the container has %s", got)
	}
}

// An image that cannot be had stops the deploy before anything stops.
func TestMissingImageStopsNothing(t *testing.T) {
	l := newLab(t)
	first := l.deploy(l.options(commitA, l.manifest(image("v1"))))
	web := l.containers("web")
	receipt, err := deploy.Deploy(context.Background(), l.client, l.options(commitB, l.manifest("127.0.0.1:1/no/such:image")))
	if err == nil || receipt.Outcome != deploy.Untouched || !strings.Contains(err.Error(), "pulling 127.0.0.1:1/no/such:image") {
		t.Errorf("outcome %s, error %v", receipt.Outcome, err)
	}
	if state := l.status(); l.containers("web") != web || state.Current != first.Release || len(state.Releases) != 1 {
		t.Errorf("web %s, state %+v", l.containers("web"), state)
	}
}

func TestRunningFindsDrift(t *testing.T) {
	l := newLab(t)
	manifest := l.manifest(image("v1"))
	l.deploy(l.options(commitA, manifest))
	drift := func(manifest string) []deploy.Finding {
		d, err := deploy.Running(context.Background(), l.client, deploy.Place{Dir: l.dir, Project: l.project}, source(t, manifest))
		if err != nil {
			t.Fatal(err)
		}
		return d.Findings
	}
	if got := drift(manifest); len(got) != 0 {
		t.Errorf("drift right after a deploy: %v", got)
	}
	if got := drift(l.manifest(image("v2"))); len(got) != 1 || got[0].Kind != deploy.DriftImage || got[0].Service != "web" || got[0].Have != image("v1") {
		t.Errorf("another image in git: %v", got)
	}
	run(t, exec.Command("docker", "stop", "--time", "1", l.containers("web")))
	if got := drift(manifest); len(got) != 1 || got[0].Kind != deploy.DriftStopped {
		t.Errorf("a stopped service: %v", got)
	}
	run(t, exec.Command("docker", "rm", "-f", l.containers("web")))
	if got := drift(manifest); len(got) != 1 || got[0].Kind != deploy.DriftMissing {
		t.Errorf("a removed service: %v", got)
	}
	repaired := l.deploy(l.options(commitA, manifest))
	if repaired.Outcome != deploy.Deployed || actions(repaired) != "db unchanged, web created" || len(drift(manifest)) != 0 {
		t.Errorf("deploying again: %s, %s", repaired.Outcome, actions(repaired))
	}
}

func TestPruneKeepsTheLastReleases(t *testing.T) {
	l := newLab(t)
	for i, commit := range []string{commitA, commitB, commitC} {
		options := l.options(commit, l.manifest(image("v1"))+strings.Repeat("#\n", i))
		options.Keep = 2
		l.deploy(options)
		time.Sleep(time.Second) // a release has its second in its name
	}
	state := l.status()
	if len(state.Releases) != 2 || state.Releases[0].Commit != commitB || state.Releases[1].Commit != commitC {
		t.Errorf("releases are %v", state.Releases)
	}
	if entries, _ := os.ReadDir(filepath.Join(l.dir, "releases")); len(entries) != 2 {
		t.Errorf("folders are %v", entries)
	}
	// They were on the host before: not ours to remove.
	run(t, exec.Command("docker", "image", "inspect", image("v1")))
}
