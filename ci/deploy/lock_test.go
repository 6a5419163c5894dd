package deploy_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gitops/ci/compose"
	"gitops/ci/deploy"
	"gitops/ci/host"
	"gitops/ci/lab/texttest"
	"gitops/ci/progress"
	"gitops/ci/secret"
)

// TestMain lets the test binary be a second deploy, which tests kill.
func TestMain(m *testing.M) {
	if path := os.Getenv("GITOPS_TEST_DEPLOY"); path != "" {
		os.Exit(deployFrom(path))
	}
	code := m.Run()
	removeImages()
	os.Exit(code)
}

// order is what a deploy in another process is told.
type order struct {
	Address, User, Key, KnownHosts string
	Dir, Project, Network          string
	Commit, Root, Password         string
	Plan                           bool
}

func deployFrom(path string) int {
	content, err := os.ReadFile(path)
	if err != nil {
		return 9
	}
	var o order
	if err := json.Unmarshal(content, &o); err != nil {
		return 9
	}
	told := progress.NewProgress(os.Stdout)
	client, err := host.Dial(context.Background(), host.Config{Address: o.Address, User: o.User, Key: secret.New(o.Key), KnownHosts: []byte(o.KnownHosts)})
	options := deploy.Options{
		Dir: o.Dir, Project: o.Project, Network: o.Network, Commit: o.Commit, Source: compose.Source{Root: o.Root, Manifests: []string{"docker-compose.yml"}}, Actor: "killed",
		Env: map[string]secret.Value{"PASSWORD": secret.New(o.Password)}, Progress: told, LockTTL: 4 * time.Second, Drain: 5 * time.Second,
	}
	switch {
	case err != nil:
	case o.Plan:
		var plan deploy.Plan
		plan, err = deploy.Preview(context.Background(), client, options)
		told.Say("%s", plan)
	default:
		_, err = deploy.Deploy(context.Background(), client, options)
	}
	told.Say("peak memory: %s", peakMemory())
	told.Say("ended: %v", err)
	return progress.ExitCode(err)
}

// peakMemory is how much memory this process had at most. The kernel's count for
// children that ended has the memory of their parent in it.
func peakMemory() string {
	status, _ := os.ReadFile("/proc/self/status")
	for line := range strings.Lines(string(status)) {
		if most, found := strings.CutPrefix(line, "VmHWM:"); found {
			return strings.TrimSpace(most)
		}
	}
	return "not known"
}

// elsewhere returns a deploy, or a plan of one, as another process.
func (l *lab) elsewhere(commit, manifest string, plan bool) *exec.Cmd {
	l.t.Helper()
	content, err := json.Marshal(order{
		l.sshd.Address, l.sshd.User, l.sshd.Key.Reveal(), string(l.sshd.KnownHosts),
		l.dir, l.project, l.network, commit, source(l.t, manifest).Root, l.password, plan,
	})
	if err != nil {
		l.t.Fatal(err)
	}
	path := filepath.Join(l.t.TempDir(), "order.json")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		l.t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "GITOPS_TEST_DEPLOY="+path)
	return cmd
}

// deployUntil starts a deploy in another process and returns it once it has
// said a line that starts with words.
func (l *lab) deployUntil(words, commit, manifest string) *exec.Cmd {
	l.t.Helper()
	cmd := l.elsewhere(commit, manifest, false)
	out, err := cmd.StdoutPipe()
	if err != nil {
		l.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	var said bytes.Buffer
	for scanner := bufio.NewScanner(out); scanner.Scan(); {
		said.WriteString(scanner.Text() + "\n")
		if strings.HasPrefix(scanner.Text(), words) {
			return cmd
		}
	}
	l.t.Fatalf("the other deploy never said %q, but:\n%s", words, said.String())
	return nil
}

// A deploy that is killed at any step leaves no lock, no login, and a host that
// the next deploy brings to where it should be.
func TestKilledDeployBlocksNothing(t *testing.T) {
	l := newLab(t)
	l.deploy(l.options(commitA, l.manifest(image("v1"))))
	for _, step := range []string{"lock", "look", "upload", "pull", "platform", "network", "plan", "start web", "gate", "drain", "switch", "prune"} {
		t.Run(step, func(t *testing.T) {
			cmd := l.deployUntil(step+" …", commitB, l.manifest(image("v2")))
			cmd.Process.Kill()
			cmd.Wait()
			begun := time.Now()
			receipt := l.deploy(l.options(commitC, l.manifest(image("v1"))+"# after "+step+"\n"))
			t.Logf("killed at %s: the next deploy took %s, took over %v", step, progress.Seconds(time.Since(begun)), receipt.TookOver)
			l.runs(image("v1"))
			if left := l.leftovers(); left != "" {
				t.Errorf("left behind: %s", left)
			}
			if state := l.status(); state.Current != receipt.Release || state.Lock != nil {
				t.Errorf("current %s, lock %v", state.Current, state.Lock)
			}
		})
	}
}

func TestLockIsWaitedFor(t *testing.T) {
	l := newLab(t)
	l.deploy(l.options(commitA, l.manifest(image("v1"))))
	cmd := l.deployUntil("gate …", commitB, l.manifest(image("sick")))
	options := l.options(commitC, l.manifest(image("v2")))
	options.LockWait = time.Millisecond
	_, err := deploy.Deploy(context.Background(), l.client, options)
	if progress.ExitCode(err) != progress.ExitRefused || !strings.Contains(err.Error(), "killed deploying bbbbbbbbbbbb since") {
		t.Errorf("while the lock is held: exit %d, %v", progress.ExitCode(err), err)
	}
	if lock := l.status().Lock; lock == nil || lock.Owner != "killed" || lock.Commit != commitB {
		t.Errorf("status shows the lock %+v", lock)
	}
	options.LockWait = time.Minute
	l.deploy(options)
	l.runs(image("v2"))
	if err := cmd.Wait(); err == nil {
		t.Error("the first deploy did not fail")
	}
	if said := l.log.String(); !strings.Contains(said, "waiting for the deploy lock: killed deploying") {
		t.Errorf("the wait was not told:\n%s", said)
	}
}

// A run that is cut off without the host noticing leaves a lock that nobody
// freshens: it is taken over after its time to live, and that is said.
func TestStaleLockIsTakenOver(t *testing.T) {
	l := newLab(t)
	l.deploy(l.options(commitA, l.manifest(image("v1"))))
	stale := func(age time.Duration) {
		lock := filepath.Join(l.dir, "lock")
		if err := os.WriteFile(lock, []byte("dead-token\nmallory\n"+commitB+"\n2026-01-02T03:04:05Z\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		then := time.Now().Add(-age)
		if err := os.Chtimes(lock, then, then); err != nil {
			t.Fatal(err)
		}
	}
	for _, age := range []time.Duration{0, time.Hour, -24 * time.Hour} {
		stale(age)
		begun := time.Now()
		receipt := l.deploy(l.options(commitA, l.manifest(image("v1"))))
		if receipt.TookOver == nil || receipt.TookOver.Owner != "mallory" {
			t.Errorf("heartbeat %s ago: took over %+v", age, receipt.TookOver)
		}
		if waited := time.Since(begun); age == 0 && waited < 4*time.Second {
			t.Errorf("a fresh lock was taken over after %s", waited)
		}
	}
	if !strings.Contains(l.log.String(), "took over the deploy lock of a run that is dead: mallory") {
		t.Errorf("the takeover was not told:\n%s", l.log.String())
	}
	stale(0)
	lock, err := deploy.Unlock(context.Background(), l.client, deploy.Place{Dir: l.dir, Project: l.project})
	if err != nil || lock == nil || lock.Owner != "mallory" {
		t.Errorf("unlock: %+v, %v", lock, err)
	}
	if lock, err := deploy.Unlock(context.Background(), l.client, deploy.Place{Dir: l.dir, Project: l.project}); lock != nil || err != nil {
		t.Errorf("unlock without a lock: %+v, %v", lock, err)
	}
}

// A run whose lock was taken over stops before it changes anything more.
func TestLostLockStopsTheRun(t *testing.T) {
	l := newLab(t)
	l.deploy(l.options(commitA, l.manifest(image("v1"))))
	cmd := l.deployUntil("gate …", commitB, l.manifest(image("v2")))
	if _, err := deploy.Unlock(context.Background(), l.dial(), deploy.Place{Dir: l.dir, Project: l.project}); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("a deploy went on without its lock")
	}
	if state := l.status(); !strings.HasSuffix(state.Current, commitA) {
		t.Errorf("it made %s the current release", state.Current)
	}
	l.deploy(l.options(commitC, l.manifest(image("v1"))))
	l.runs(image("v1"))
}

// Ctrl-C during the gate: what ran before runs again.
func TestCancelledDeployGoesBack(t *testing.T) {
	l := newLab(t)
	l.deploy(l.options(commitA, l.manifest(image("v1"))))
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	options := l.options(commitB, texttest.Replace(l.t, l.manifest(image("sick")), "retries: 2", "retries: 100"))
	options.Progress = progress.NewProgress(writerFunc(func(line string) {
		if strings.HasPrefix(line, "gate …") {
			time.AfterFunc(time.Second, cancel)
		}
	}))
	receipt, err := deploy.Deploy(ctx, l.client, options)
	if err == nil || receipt.Outcome != deploy.Restored || !strings.Contains(err.Error(), "context canceled") {
		t.Errorf("outcome %s, error %v", receipt.Outcome, err)
	}
	l.runs(image("v1"))
	if left := l.leftovers(); left != "" {
		t.Errorf("left behind: %s", left)
	}
}

type writerFunc func(line string)

func (f writerFunc) Write(p []byte) (int, error) { f(string(p)); return len(p), nil }
