package main

import (
	"context"
	"fmt"
	"time"

	"gitops/ci/deploy"
	"gitops/ci/host"
	"gitops/ci/lab/wiretest"
)

// far is the round trip to a host in another place.
const far = 80 * time.Millisecond

// timed is a deploy with what it took.
type timed struct {
	took     time.Duration // without the drain
	drain    time.Duration
	sessions int
	steps    []deploy.Step
}

// benchOverhead times deploys beside raw Compose. The drain is taken out: it waits until
// Traefik lets its idle connections go, which Compose does not wait for.
func benchOverhead(ctx context.Context, w *world, s size) error {
	if err := w.build(ctx, 3*s.runs); err != nil {
		return err
	}
	ours, err := w.newPlace(ctx, plain, false)
	if err != nil {
		return err
	}
	defer ours.remove(ctx)
	raw, err := w.newPlace(ctx, plain, false)
	if err != nil {
		return err
	}
	defer raw.remove(ctx)
	if err := ours.first(ctx, true); err != nil {
		return err
	}
	if err := raw.compose(ctx, 0, "up", "--detach", "--wait", "--quiet-pull"); err != nil {
		return err
	}
	if err := raw.awaitAnswers(ctx); err != nil {
		return err
	}
	return compare(ctx, ours, raw, s.runs)
}

// compare takes turns: a change of the same kind by a deploy, by raw Compose, and by a deploy over a
// long way.
func compare(ctx context.Context, ours, raw *place, runs int) error {
	var changed, composed, changedFar, same, sameFar, drained []time.Duration
	var last, lastSame timed
	for i := range runs {
		// Each is another release, which the engine has to pull.
		near, distant := 3*i+1, 3*i+2
		one, err := ours.timed(ctx, near, 0, deploy.Deployed)
		if err != nil {
			return err
		}
		changed, drained, last = append(changed, one.took), append(drained, one.drain), one
		if one, err = ours.timed(ctx, near, 0, deploy.Unchanged); err != nil {
			return err
		}
		same, lastSame = append(same, one.took), one
		took, err := raw.timedCompose(ctx, 3*i+3)
		if err != nil {
			return err
		}
		composed = append(composed, took)
		if one, err = ours.timed(ctx, distant, far, deploy.Deployed); err != nil {
			return err
		}
		changedFar = append(changedFar, one.took)
		if one, err = ours.timed(ctx, distant, far, deploy.Unchanged); err != nil {
			return err
		}
		sameFar = append(sameFar, one.took)
	}
	fmt.Printf("\nTwo services, changed; connecting over SSH included, the drain taken out (%.1f s); median of %d runs in turns. Round trips are what "+
		"the long way adds, divided by it:\n\n", median(drained).Seconds(), runs)
	fmt.Printf("| what | seconds | over Compose | the same, %d ms away | sessions over SSH | round trips |\n|---|---|---|---|---|---|\n", far.Milliseconds())
	fmt.Printf("| `docker compose pull && docker compose up -d --wait` | %.2f | 1.00 | | | |\n", median(composed).Seconds())
	overRow("deploy", median(changed), median(composed), median(changedFar), last.sessions)
	overRow("deploy, manifest unchanged", median(same), median(composed), median(sameFar), lastSame.sessions)
	fmt.Printf("\nSteps of the last changed one, in seconds:")
	for _, step := range last.steps {
		fmt.Printf(" %s %.1f", step.Name, step.Seconds)
	}
	fmt.Println()
	return nil
}

func overRow(name string, took, composed, distant time.Duration, sessions int) {
	fmt.Printf("| %s | %.2f | %.2f | %.2f | %d | %.0f |\n", name, took.Seconds(), took.Seconds()/composed.Seconds(), distant.Seconds(), sessions,
		max((distant-took).Seconds(), 0)/far.Seconds())
}

// timed deploys the nth release over a way that takes so long.
func (p *place) timed(ctx context.Context, n int, roundTrip time.Duration, want string) (timed, error) {
	config := p.world.sshd.Config()
	if roundTrip > 0 {
		config.Dial = (&wiretest.Wire{OneWay: roundTrip / 2}).Dial
	}
	begun := time.Now()
	client, err := host.Dial(ctx, config)
	if err != nil {
		return timed{}, err
	}
	defer client.Close()
	counted := &counting{Host: client}
	receipt, err := p.deploy(ctx, counted, n)
	took := time.Since(begun)
	if err == nil && receipt.Outcome != want {
		err = fmt.Errorf("the deploy of release %d is %s instead of %s", n, receipt.Outcome, want)
	}
	t := timed{sessions: int(counted.sessions.Load()), steps: receipt.Steps}
	for _, step := range receipt.Steps {
		if step.Name == "drain" {
			t.drain += time.Duration(step.Seconds * float64(time.Second))
		}
	}
	t.took = took - t.drain
	return t, err
}

// timedCompose does the same by Compose.
func (p *place) timedCompose(ctx context.Context, n int) (time.Duration, error) {
	begun := time.Now()
	if err := p.pull(ctx, n); err != nil {
		return 0, err
	}
	err := p.compose(ctx, n, "up", "--detach", "--wait")
	return time.Since(begun), err
}
