//go:build faults

package deploy_test

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"gitops/ci/deploy"
	engines "gitops/ci/lab"
	"gitops/ci/progress"
)

// needsOwnEngine skips a test where others have containers.
func needsOwnEngine(t *testing.T) {
	t.Helper()
	if os.Getenv(engines.OwnEngineVariable) == "" {
		t.Skip("needs a Docker engine that may be stopped: run it by -exec 'rehearse on-host --'")
	}
}

// newFaultEngine is a place on a machine whose engine is the test's alone.
func newFaultEngine(t *testing.T) *faultPlace {
	t.Helper()
	needsOwnEngine(t)
	return newLabAlone(t).faultPlace()
}

// service stops, starts or restarts the engine as the host's own scripts do.
func (p *faultPlace) service(verb string) {
	if out, err := exec.Command("service", "docker", verb).CombinedOutput(); err != nil {
		p.t.Errorf("service docker %s: %v\n%s", verb, err, out)
	}
	if verb != "stop" {
		p.awaitEngine()
	}
}

func (p *faultPlace) awaitEngine() {
	for range 300 {
		if exec.Command("docker", "info").Run() == nil {
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
	log, _ := exec.Command("tail", "-n", "20", "/var/log/docker.log").CombinedOutput()
	p.t.Errorf("the engine does not come back:\n%s", log)
}

// during deploys web's other image and does something to the host once a step began,
// which is an outage until Traefik answers again.
func (p *faultPlace) during(step string, harm func()) (receipt deploy.Receipt, err error) {
	p.t.Helper()
	p.client = p.dial() // the one before may have ended with the host
	next := p.other()
	o, done := p.to(image(next)), make(chan outage, 1)
	begun := false
	o.Progress = progress.NewProgress(writerFunc(func(line string) {
		if !begun && strings.HasPrefix(line, step+" …") {
			begun = true
			go func() {
				from := time.Now()
				harm()
				p.answersWithin(time.Minute)
				done <- outage{from, time.Now()}
			}()
		}
	}))
	at := time.Now()
	receipt, err = deploy.Deploy(context.Background(), p.client, o)
	took := time.Since(at)
	if !begun {
		p.t.Fatalf("the deploy has no step %s: %v", step, err)
	}
	down := <-done
	p.awaitTraefik()
	p.outages = append(p.outages, down)
	p.t.Logf("%s after %s, the outage %s: %v", receipt.Outcome, progress.Seconds(took), progress.Seconds(down.to.Sub(down.from)), err)
	if err == nil {
		p.current = next
	}
	return receipt, err
}

// An engine that is restarted takes the containers with it, and brings them back.
func TestFaultEngineRestarted(t *testing.T) {
	p := newFaultEngine(t)
	for _, step := range []string{"look", "pull", "plan", "start web", "gate", "traefik", "drain", "switch"} {
		p.under(step, 0, func(p *faultPlace) {
			receipt, err := p.during(step, func() { p.service("restart") })
			p.endedWell(receipt, err)
		})
	}
}

// endedWell expects that a deploy which failed says what runs, and what to do.
func (p *faultPlace) endedWell(receipt deploy.Receipt, err error) {
	p.t.Helper()
	if err == nil {
		return
	}
	switch receipt.Outcome {
	case deploy.Restored:
		p.runs(image(p.current))
	case deploy.Untouched, "":
	case deploy.Failed:
		if !saysOneOf(err, "what runs now: ", "was not made the current release") || !saysOneOf(err, "deploy again", "deploy it again") {
			p.t.Errorf("the message does not say what runs and what to do: %v", err)
		}
	default:
		p.t.Errorf("%s: %v", receipt.Outcome, err)
	}
	scan(p.t, "error", []byte(err.Error()), p.secrets())
}

// An engine that is down, before the deploy and from a step on.
func TestFaultEngineDown(t *testing.T) {
	p := newFaultEngine(t)
	p.under("before", 0, func(p *faultPlace) {
		from := time.Now()
		p.service("stop")
		receipt, err := deploy.Deploy(context.Background(), p.client, p.to(image(p.other())))
		if err == nil || progress.ExitCode(err) != progress.ExitFailed || !strings.Contains(err.Error(), "Docker does not answer") {
			p.t.Errorf("%s, exit %d: %v", receipt.Outcome, progress.ExitCode(err), err)
		}
		p.t.Logf("%s: %v", receipt.Outcome, err)
		p.service("start")
		p.awaitTraefik()
		p.outages = append(p.outages, outage{from, time.Now()})
	})
	for _, step := range []string{"pull", "start web", "drain"} {
		p.under("from "+step+" on", 0, func(p *faultPlace) {
			receipt, err := p.during(step, func() {
				p.service("stop")
				// Longer than the deploy tries.
				time.Sleep(30 * time.Second)
				p.service("start")
			})
			p.endedWell(receipt, err)
			if err == nil {
				p.t.Error("the deploy ended well")
			}
		})
	}
}
