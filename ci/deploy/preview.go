package deploy

import (
	"context"
	"fmt"
	"strings"
)

// Plan is what a deploy would do.
type Plan struct {
	Project string `json:"project"`
	// Services are in order of their names; those that go come last.
	Services []Action `json:"services"`
	// Warnings are problems that would not stop the deploy.
	Warnings []string `json:"warnings,omitempty"`
}

// Preview says what Deploy would do, and changes nothing on the host. Images that the
// host does not have yet count as other ones.
func Preview(ctx context.Context, h Host, o Options) (Plan, error) {
	o, t, err := o.prepared(ctx)
	if err != nil {
		return Plan{}, err
	}
	r := newRun(h, o, KindDeploy)
	r.target, r.only = t, true
	if err := r.reach(ctx); err != nil {
		return Plan{}, err
	}
	plan := Plan{Project: r.Project}
	steps := []struct {
		name string
		work func(context.Context) error
	}{
		{"check", r.check},
		{"look", r.look},
		{"platform", r.fits},
		{"plan", func(ctx context.Context) error {
			actions, err := r.preview(ctx)
			plan.Services = withOff(actions, r.target.manifest.Project)
			return err
		}},
	}
	for _, s := range steps {
		if err := r.step(ctx, s.name, s.work); err != nil {
			return Plan{}, err
		}
	}
	plan.Warnings = r.receipt.Warnings
	return plan, nil
}

// preview compares the target with what runs.
func (r *run) preview(ctx context.Context) ([]Action, error) {
	if !r.onSwarm() {
		return r.plan(ctx, r.target)
	}
	now, err := r.swarm(ctx)
	if err != nil {
		return nil, err
	}
	stack, err := r.stackOf(r.target, now)
	return planSwarm(stack, now), err
}

// String shows the plan to people.
func (p Plan) String() string {
	var lines []string
	for _, a := range p.Services {
		lines = append(lines, a.lines()...)
	}
	for _, warning := range p.Warnings {
		lines = append(lines, "warning: "+warning)
	}
	if len(lines) == 0 {
		return "nothing to do"
	}
	return strings.Join(lines, "\n")
}

// lines shows what becomes of one service.
func (a Action) lines() []string {
	head := fmt.Sprintf("%-20s %s", a.Service, a.Action)
	switch {
	case a.Action == Recreate && a.Why != "":
		head += ", expect a gap: " + a.Why
	case a.Switch != "" && a.Action == Roll:
		head += ": " + a.Switch
	case a.Why != "" && (a.Action == Off || a.Action == Remove):
		head += ": " + a.Why
	}
	lines := []string{head}
	say := func(what, value string) {
		if value != "" {
			lines = append(lines, fmt.Sprintf("%-20s   %s: %s", "", what, value))
		}
	}
	if a.Before != a.Image && a.Action != Remove && a.Action != Off {
		if a.pin == "" {
			say("image", strings.TrimPrefix(a.Before+" → "+a.Image, " → "))
		} else {
			say("image", "the same under another tag, "+a.Image)
		}
	}
	say("changes", strings.Join(a.Changes, "; "))
	if a.Action != Keep {
		say("after", strings.Join(a.Waits, ", "))
	}
	say("drain", a.Drain)
	say("files", strings.Join(a.Files, ", "))
	say("Swarm ignores", strings.Join(a.Ignored, ", "))
	for _, note := range a.Notes {
		say("note", note)
	}
	return lines
}
