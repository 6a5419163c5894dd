package deploy

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// back brings back what ran before the run failed with cause, also when the run
// was cancelled, and returns the error to show.
func (r *run) back(ctx context.Context, cause error) error {
	lost := cutOff(cause) || cutOff(context.Cause(ctx))
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.o.GateTimeout*3+tidyPatience)
	defer cancel()
	doing := "deploying"
	if r.receipt.Kind == KindRollback {
		doing = "rolling back to"
	}
	cause = fmt.Errorf("%s %s: %w%s", doing, short(r.target.commit), cause, r.receipt.Failure.words())
	if lost {
		if err := r.reachAgain(ctx); err != nil {
			r.receipt.Outcome = Failed
			return fmt.Errorf("%w\ngoing back was not possible: %w\n%s", cause, err, leftAlone)
		}
	}
	if r.stranded {
		return r.stay(ctx, cause)
	}
	return r.goBack(ctx, cause)
}

// stay ends a run that has no way back.
func (r *run) stay(ctx context.Context, cause error) error {
	if r.began {
		r.receipt.Outcome = Failed
		return fmt.Errorf("%w\nthe files of what ran before cannot be read, so there is no way back, and nothing more was touched\n%s", cause, r.whatNow(ctx))
	}
	r.receipt.Outcome = Untouched
	r.tidy(ctx, "discard", r.target.release)
	return fmt.Errorf("%w\nnothing was started or stopped", cause)
}

// goBack starts what ran before, or removes what a first deploy started.
func (r *run) goBack(ctx context.Context, cause error) error {
	outcome, work, now := Restored, r.restore, "what ran before runs again: "+r.wasRunning()
	if r.previous == nil {
		outcome, work, now = Removed, r.remove, "it was the first deploy: what it had started was removed"
	}
	err := r.step(ctx, "back", func(ctx context.Context) error {
		if err := r.awaitEngine(ctx); err != nil {
			return err
		}
		return work(ctx)
	})
	if err != nil {
		r.receipt.Outcome = Failed
		return fmt.Errorf("%w\ngoing back failed too: %w\n%s", cause, err, r.whatNow(ctx))
	}
	if !r.began {
		outcome, now = Untouched, "nothing was started or stopped; what ran before runs: "+r.wasRunning()
	}
	r.receipt.Outcome = outcome
	if services, err := r.containers(ctx); err == nil {
		r.receipt.Services = changes(r.state.Services, services)
	}
	return fmt.Errorf("%w\n%s", cause, now)
}

// wasRunning names what ran before.
func (r *run) wasRunning() string {
	if r.previous == nil {
		return "nothing"
	}
	return r.previous.name()
}

// restore brings back what ran before, with the images and the values that it ran
// with, in the way that the release came: beside each other where that goes.
func (r *run) restore(ctx context.Context) error {
	if r.onSwarm() {
		return r.restoreSwarm(ctx)
	}
	var items []string
	for _, image := range images(r.state.Services) {
		items = append(items, pin(image.Ref, []Image{image}))
	}
	for _, image := range r.previous.images {
		if !slices.ContainsFunc(r.state.Services, func(s Service) bool { return s.Service == image.Service }) {
			items = append(items, pin(image.Ref, r.previous.images))
		}
	}
	if err := r.pull(ctx, items, nil); err != nil {
		return err
	}
	if err := r.converge(ctx, *r.previous, "back: ", r.troubled()); err != nil {
		return err
	}
	if r.opened {
		r.tidy(ctx, "discard", r.target.release)
	}
	return nil
}

// remove takes away what a failed first deploy started. Volumes and networks
// that were there before stay.
func (r *run) remove(ctx context.Context) error {
	if r.onSwarm() {
		return r.removeSwarm(ctx)
	}
	var args []string
	out, err := r.script(ctx, "volumes", "")
	if err != nil {
		return err
	}
	for _, volume := range strings.Fields(out) {
		if !slices.Contains(r.volumes, volume) {
			args = append(args, "volume:"+volume)
		}
	}
	if r.network {
		args = append(args, "network:"+r.o.Network)
	}
	out, err = r.script(ctx, "down", r.compose(r.target), args...)
	if err != nil {
		return fmt.Errorf("removing what was started: %w", shortened(err))
	}
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "still there: ") {
			r.warn("%s", strings.TrimSpace(line))
		}
	}
	if r.opened {
		r.tidy(ctx, "discard", r.target.release)
	}
	return nil
}

// troubled returns the services that were not fine before the run.
func (r *run) troubled() []string {
	var names []string
	for _, s := range r.state.Services {
		if !s.fine() {
			names = append(names, s.Service)
		}
	}
	return names
}

// whatNow says what runs after going back failed, and what to type.
func (r *run) whatNow(ctx context.Context) string {
	var now []string
	services, err := r.containers(ctx)
	for _, s := range services {
		now = append(now, fmt.Sprintf("%s %s (%s)", s.Service, s.Ref, describe(s)))
	}
	runs := strings.Join(now, ", ")
	switch {
	case exitOf(err) != 0: // the script ran, and Docker told it nothing
		runs = "not known, because Docker on the host does not answer"
	case err != nil:
		runs = "not known, because the host does not answer"
	case len(now) == 0:
		runs = "nothing"
	}
	remedy := "when the cause is gone, deploy again"
	if r.previous != nil {
		remedy += ", or `gitops rollback` to " + r.wasRunning()
	}
	return fmt.Sprintf("what runs now: %s\n%s", runs, remedy)
}
