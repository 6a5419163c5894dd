package deploy_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gitops/ci/deploy"
	"gitops/ci/host"
	"gitops/ci/lab/wiretest"
	"gitops/ci/progress"
)

// deployOver deploys over a connection that is lost when a step begins, and does then,
// which says whether the host can be reached again.
func (l *lab) deployOver(step string, o deploy.Options, then func() bool) (deploy.Receipt, error) {
	l.t.Helper()
	var w wiretest.Wire
	config := l.sshd.Config()
	config.Dial = w.Dial
	client, err := host.Dial(context.Background(), config)
	if err != nil {
		l.t.Fatal(err)
	}
	defer client.Close()
	var once sync.Once
	o.Progress = progress.NewProgress(writerFunc(func(text string) {
		l.log.WriteString(text)
		if strings.HasPrefix(text, step+" …") {
			once.Do(func() {
				w.Cut()
				go func() {
					if then() {
						w.Mend()
					}
				}()
			})
		}
	}))
	return deploy.Deploy(context.Background(), client, o)
}

func back() bool { return true }

// A run whose connection breaks reaches the host again by itself: it goes back, or
// makes the release current that runs already.
func TestLostConnection(t *testing.T) {
	l := newLab(t)
	first := l.deploy(l.options(commitA, l.manifest(image("v1"))))
	for step, outcome := range map[string]string{"plan": deploy.Untouched, "start web": deploy.Restored, "gate": deploy.Restored, "drain": deploy.Restored} {
		receipt, err := l.deployOver(step, l.options(commitB, l.manifest(image("v2"))), back)
		if err == nil || receipt.Outcome != outcome {
			t.Fatalf("%s: %s and %v, want %s", step, receipt.Outcome, err, outcome)
		}
		if !strings.Contains(err.Error(), "the connection was lost") || !strings.Contains(err.Error(), "what ran before runs") {
			t.Errorf("%s: %v", step, err)
		}
		l.runs(image("v1"))
		if state := l.status(); state.Current != first.Release || state.Lock != nil {
			t.Errorf("%s: current %s, lock %v", step, state.Current, state.Lock)
		}
	}
	receipt, err := l.deployOver("switch", l.options(commitB, l.manifest(image("v2"))), back)
	if err != nil || receipt.Outcome != deploy.Deployed {
		t.Fatalf("switch: %s and %v, want deployed", receipt.Outcome, err)
	}
	l.runs(image("v2"))
	if state := l.status(); state.Current != receipt.Release || state.Lock != nil {
		t.Errorf("current %s, lock %v", state.Current, state.Lock)
	}
	if left := l.leftovers(); left != "" {
		t.Errorf("left behind: %s", left)
	}
}

// A run that comes back after another one has deployed leaves that alone.
func TestLostConnectionAndAnotherDeploy(t *testing.T) {
	l := newLab(t)
	l.deploy(l.options(commitA, l.manifest(image("v1"))))
	var other deploy.Receipt
	receipt, err := l.deployOver("gate", l.options(commitB, l.manifest(image("v2"))), func() bool {
		other = l.deploy(l.options(commitC, l.manifest(image("v2"))+"# another one\n"))
		return true
	})
	if err == nil || receipt.Outcome != deploy.Failed || !strings.Contains(err.Error(), "another deploy had the lock") {
		t.Errorf("%s and %v", receipt.Outcome, err)
	}
	l.runs(image("v2"))
	if state := l.status(); state.Current != other.Release || state.Lock != nil {
		t.Errorf("current %s, lock %v", state.Current, state.Lock)
	}
}

// A connection that is lost for good: the run ends soon, says what is left and what to
// do, and the next deploy does the rest.
func TestConnectionLostForGood(t *testing.T) {
	l := newLab(t)
	l.deploy(l.options(commitA, l.manifest(image("v1"))))
	for _, step := range []string{"pull", "start web", "gate"} {
		o := l.options(commitB, l.manifest(image("sick")))
		o.GateTimeout = 5 * time.Second
		begun := time.Now()
		receipt, err := l.deployOver(step, o, func() bool { return false })
		if err == nil || time.Since(begun) > time.Minute {
			t.Errorf("%s: ended after %s with %v", step, progress.Seconds(time.Since(begun)), err)
		}
		if step != "pull" && (receipt.Outcome != deploy.Failed || !strings.Contains(err.Error(), "nothing more was touched")) {
			t.Errorf("%s: %s and %v", step, receipt.Outcome, err)
		}
		l.deploy(l.options(commitC, l.manifest(image("v1"))+"# after "+step+"\n"))
		l.runs(image("v1"))
	}
}

// A failed deploy whose predecessor cannot be read leaves the containers alone: it is
// not the first deploy, whose containers go.
func TestNoWayBack(t *testing.T) {
	l := newLab(t)
	first := l.deploy(l.options(commitA, l.manifest(image("v1"))))
	file := filepath.Join(l.dir, "releases", first.Release, "docker-compose.yml")
	if err := os.WriteFile(file, []byte("services: ["), 0o600); err != nil {
		t.Fatal(err)
	}
	db := l.containers("db")
	receipt, err := deploy.Deploy(context.Background(), l.client, l.options(commitB, l.manifest(image("crash"))))
	if err == nil || receipt.Outcome != deploy.Failed || !strings.Contains(err.Error(), "no way back") {
		t.Errorf("%s and %v", receipt.Outcome, err)
	}
	if l.containers("db") != db || l.containers("web") == "" {
		t.Errorf("db was %s and is %s, web is %q", db, l.containers("db"), l.containers("web"))
	}
	l.deploy(l.options(commitC, l.manifest(image("v1"))))
	l.runs(image("v1"))
}
