//go:build faults

package deploy_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"gitops/ci/deploy"
	"gitops/ci/lab/wiretest"
	"gitops/ci/progress"
)

// rollSteps are the steps of a deploy that rolls web behind Traefik.
var rollSteps = []string{"check", "lock", "look", "upload", "pull", "platform", "network", "plan", "start web", "gate", "traefik", "drain", "switch", "prune"}

// A client that is killed in any step: Traefik goes on serving what it has, and the
// next deploy needs nobody's help.
func TestFaultClientKilled(t *testing.T) {
	p := newFaultPlace(t)
	for _, step := range rollSteps {
		p.under(step, 0, func(p *faultPlace) {
			manifest := p.manifest(image(p.other()))
			cmd := p.deployUntil(step+" …", p.commit(), manifest)
			cmd.Process.Kill()
			cmd.Wait()
		})
	}
}

// cutAt deploys web's other image over a wire and does something to the wire once a
// step began.
func (p *faultPlace) cutAt(step string, o deploy.Options, w *wiretest.Wire, harm func()) (receipt deploy.Receipt, took time.Duration, err error) {
	p.t.Helper()
	client := p.reaching(w)
	begun := make(chan struct{}, 1)
	o.Progress = progress.NewProgress(writerFunc(func(line string) {
		if strings.HasPrefix(line, step+" …") {
			select {
			case begun <- struct{}{}:
				time.AfterFunc(50*time.Millisecond, harm)
			default:
			}
		}
	}))
	started := time.Now()
	receipt, err = deploy.Deploy(context.Background(), client, o)
	if len(begun) == 0 {
		p.t.Errorf("the deploy has no step %s", step)
	}
	return receipt, time.Since(started), err
}

// A network that is cut for good: the run ends soon, and says what is known and what to
// do.
func TestFaultNetworkCut(t *testing.T) {
	p := newFaultPlace(t)
	for _, step := range rollSteps {
		p.under(step, 0, func(p *faultPlace) {
			w := &wiretest.Wire{}
			receipt, took, err := p.cutAt(step, p.to(image(p.other())), w, w.Cut)
			p.t.Logf("%s after %s: %v", receipt.Outcome, progress.Seconds(took), err)
			if err == nil && step != "switch" && step != "prune" || took > time.Minute {
				p.t.Errorf("ended after %s with %v", progress.Seconds(took), err)
			}
			if err != nil && !saysOneOf(err, "deploy again", "deploy it again", "nothing was touched", "connection was lost") {
				p.t.Errorf("the message has no remedy: %v", err)
			}
			if receipt.Outcome == deploy.Failed && !saysOneOf(err, "nothing more was touched", "was not made the current release") {
				p.t.Errorf("the message does not say what runs: %v", err)
			}
		})
	}
}

func saysOneOf(err error, words ...string) bool {
	for _, one := range words {
		if strings.Contains(err.Error(), one) {
			return true
		}
	}
	return false
}

// A network that stands still for 10 seconds: the deploy goes on afterwards.
func TestFaultNetworkStandsStill(t *testing.T) {
	p := newFaultPlace(t)
	for _, step := range rollSteps {
		p.under(step, 0, func(p *faultPlace) {
			w, next := &wiretest.Wire{}, p.other()
			o := p.to(image(next))
			o.LockTTL = 30 * time.Second
			receipt, took, err := p.cutAt(step, o, w, func() { w.Stop(); time.AfterFunc(10*time.Second, w.GoOn) })
			if err != nil || receipt.Outcome != deploy.Deployed || took < 10*time.Second {
				p.t.Errorf("%s after %s: %v", receipt.Outcome, progress.Seconds(took), err)
				return
			}
			p.current = next
		})
	}
}

// A network that is slow and loses packets all the time.
func TestFaultSlowNetwork(t *testing.T) {
	p := newFaultPlace(t)
	p.under("80 ms and 5 %", 0, func(p *faultPlace) {
		next := p.other()
		receipt, err := deploy.Deploy(context.Background(), p.reaching(&wiretest.Wire{OneWay: 40 * time.Millisecond, Loss: 0.05}), p.to(image(next)))
		if err != nil || receipt.Outcome != deploy.Deployed {
			p.t.Errorf("%s: %v", receipt.Outcome, err)
			return
		}
		p.t.Logf("deployed in %.1f s", receipt.Seconds)
		p.current = next
	})
}
