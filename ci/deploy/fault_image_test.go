//go:build faults

package deploy_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"gitops/ci/deploy"
	"gitops/ci/progress"
)

// fails deploys and expects an outcome, an exit code and words of the message, which
// must not have the planted value.
func (p *faultPlace) fails(o deploy.Options, outcome string, exit int, says ...string) {
	p.t.Helper()
	begun := time.Now()
	receipt, err := deploy.Deploy(context.Background(), p.client, o)
	if err == nil {
		p.t.Errorf("the deploy ended well: %s", receipt.Outcome)
		return
	}
	if receipt.Outcome != outcome || progress.ExitCode(err) != exit {
		p.t.Errorf("%s, exit %d; want %s, exit %d", receipt.Outcome, progress.ExitCode(err), outcome, exit)
	}
	for _, words := range says {
		if !strings.Contains(err.Error(), words) {
			p.t.Errorf("the message lacks %q", words)
		}
	}
	scan(p.t, "error", []byte(err.Error()), p.secrets())
	p.t.Logf("%s after %s: %v", receipt.Outcome, progress.Seconds(time.Since(begun)), err)
	p.runs(image(p.current))
}

// fault is a fault with what a deploy does about it.
type fault struct {
	name    string
	web     string
	allowed int
	change  func(*deploy.Options)
	says    []string
}

const (
	wentBack  = "what ran before runs again: release "
	untouched = "nothing was started or stopped; what ran before runs: release "
)

// badImages are images that do not get through. A container that is never healthy gets
// no request. One that Docker calls healthy does, until the watch finds out: its
// requests fail for as long as that takes. A probe finds out before.
func badImages() []fault {
	return []fault{
		{"crashes at once", "crash", 0, nil, []string{"service web", "exit code 3", "this is crash", "[REDACTED]", wentBack}},
		{"crashes after 5 s", "late", 0, nil, []string{"service web", "exit code 3", wentBack}},
		{"never healthy", "sick", 0, nil, []string{"service web is unhealthy", "this is sick", wentBack}},
		{"exits 0", "ends", 0, nil, []string{"service web", "exit code 0", wentBack}},
		{"answers 500", "broken", 0, func(o *deploy.Options) {
			o.Probes = []deploy.Probe{{Path: "/", Status: 200}}
		}, []string{"probe /:", "answered 500", "not 200", untouched}},
		{"crashes when it serves", "dies", 60 * rate, func(o *deploy.Options) { o.Watch = time.Minute }, []string{"5xx", wentBack}},
	}
}

func TestFaultBadImage(t *testing.T) {
	p := newFaultPlace(t)
	for _, f := range badImages() {
		p.under(f.name, f.allowed, func(p *faultPlace) {
			o := p.to(image(f.web))
			if f.change != nil {
				f.change(&o)
			}
			outcome := deploy.Restored
			if slices.Contains(f.says, untouched) {
				outcome = deploy.Untouched
			}
			p.fails(o, outcome, progress.ExitFailed, f.says...)
		})
	}
}

// A good image passes its probes in an extra container, and rolls.
func TestFaultNoneWithProbes(t *testing.T) {
	p := newFaultPlace(t)
	p.under("probes pass", 0, func(p *faultPlace) {
		next := p.other()
		o := p.to(image(next))
		o.Probes = []deploy.Probe{{Path: "/", Status: 200}, {Path: "/api/", Status: 200}}
		receipt, err := deploy.Deploy(context.Background(), p.client, o)
		tried := slices.ContainsFunc(receipt.Steps, func(s deploy.Step) bool { return s.Name == "try web" })
		if err != nil || receipt.Outcome != deploy.Deployed || !tried {
			p.t.Errorf("%s, tried %v: %v", receipt.Outcome, tried, err)
			return
		}
		p.current = next
	})
}
