package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"gitops/ci/progress"
)

// roll starts the target, waits for its gate and makes it the current release.
// When that fails it goes back.
func (r *run) roll(ctx context.Context) error {
	err := r.converge(ctx, r.target, "", nil)
	if err != nil {
		r.lastWords(ctx, err)
		r.endTrials(ctx)
		return r.back(ctx, err)
	}
	// It runs: the rest is done even if the run is cancelled now.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.o.GateTimeout+tidyPatience)
	defer cancel()
	r.count(ctx)
	err = r.step(ctx, "switch", r.makeCurrent)
	if cutOff(err) && r.reachAgain(ctx) == nil {
		err = r.step(ctx, "switch", r.makeCurrent)
	}
	if err != nil {
		r.receipt.Outcome = Failed
		return fmt.Errorf("%s is healthy, but it was not made the current release: %w; deploy it again", short(r.target.commit), err)
	}
	r.prune(ctx)
	return nil
}

// converge makes the services of a target run, and nothing else of the project. prefix
// goes before the names of its steps; services in forgiven may be as bad as they are.
func (r *run) converge(ctx context.Context, t target, prefix string, forgiven []string) error {
	if r.onSwarm() {
		return r.convergeSwarm(ctx, t, prefix, forgiven)
	}
	var actions []Action
	err := r.step(ctx, prefix+"plan", func(ctx context.Context) (err error) {
		if actions, err = r.plan(ctx, t); err == nil {
			err = r.writeOverride(ctx, t, actions)
		}
		return err
	})
	if err != nil {
		return err
	}
	if prefix == "" {
		r.receipt.Plan = actions
	}
	for _, level := range r.levels(t) {
		at := slices.DeleteFunc(slices.Clone(actions), func(a Action) bool { return !slices.Contains(level, a.Service) || a.Action == Remove })
		if prefix == "" {
			if err := r.before(ctx, t, level); err != nil {
				return err
			}
		}
		if err := r.rollLevel(ctx, t, at, prefix, forgiven); err != nil {
			return err
		}
	}
	return r.removeOrphans(ctx, actions, prefix)
}

// levels returns the order in which the services of a target change. Compose itself
// orders those of a manifest with providers.
func (r *run) levels(t target) [][]string {
	if hasProvider(t.manifest.Project) {
		return [][]string{t.manifest.Starts()}
	}
	return levels(t.manifest.Project)
}

// rollLevel changes services that do not depend on each other.
func (r *run) rollLevel(ctx context.Context, t target, actions []Action, prefix string, forgiven []string) error {
	if !slices.ContainsFunc(actions, func(a Action) bool { return a.Action != Keep || len(a.old) > 0 }) {
		return nil
	}
	shown := r.track(prefix, actions)
	var err error
	if prefix == "" {
		err = r.tryOut(ctx, t, actions, shown)
	}
	names := serviceNames(actions)
	for _, batch := range batches(t.manifest.Project, actions) {
		if err == nil {
			err = r.rollBatch(ctx, t, batch, names, prefix, forgiven, shown)
		}
	}
	shown.end(err)
	return err
}

// rollBatch starts new containers, waits until requests go there, and lets old ones go.
func (r *run) rollBatch(ctx context.Context, t target, actions []Action, names []string, prefix string, forgiven []string, shown tracks) error {
	r.began = true
	shown.phase("starting")
	err := r.step(ctx, prefix+"start "+strings.Join(changing(actions), ", "), func(ctx context.Context) error { return r.start(ctx, t, actions) })
	if err == nil {
		shown.phase("waiting for its gate")
		err = r.step(ctx, prefix+"gate", func(ctx context.Context) error {
			return r.gate(ctx, names, leaving(actions), forgiven, jobs(t.manifest.Project))
		})
	}
	if err == nil {
		err = r.switchAll(ctx, actions, prefix, shown)
	}
	if err == nil && len(leaving(actions)) > 0 {
		shown.phase("draining the old container")
		err = r.step(ctx, prefix+"drain", func(ctx context.Context) error { return r.drain(ctx, actions) })
	}
	return err
}

// tracks tell people of the services of a level that change.
type tracks []*progress.Track

// maxTracks is how many services of a level are told of one by one.
const maxTracks = 20

func (r *run) track(prefix string, actions []Action) (all tracks) {
	for _, a := range actions {
		if a.Action == Keep {
			continue
		}
		if len(all) < maxTracks {
			all = append(all, r.o.Progress.Track(prefix+a.Service))
		}
		if a.Action == Recreate {
			r.o.Progress.Say("%s%s: recreated, with a gap%s", prefix, a.Service, because(a.Why))
		}
	}
	return all
}

func (t tracks) phase(text string) {
	for _, one := range t {
		one.Phase(text)
	}
}

func (t tracks) end(err error) {
	for _, one := range t {
		one.End(err)
	}
}

func because(why string) string {
	if why == "" {
		return ""
	}
	return ", since " + why
}

func serviceNames(actions []Action) (names []string) {
	for _, a := range actions {
		names = append(names, a.Service)
	}
	return names
}

// changing returns the services that get other containers, or more.
func changing(actions []Action) (names []string) {
	for _, a := range actions {
		if a.Action != Keep {
			names = append(names, a.Service)
		}
	}
	if len(names) > 3 {
		return []string{fmt.Sprintf("%d services", len(names))}
	}
	return names
}

// leaving returns the containers that go when the new ones serve.
func leaving(actions []Action) (ids []string) {
	for _, a := range actions {
		for _, s := range a.old {
			ids = append(ids, s.id)
		}
	}
	return ids
}

// start starts what a level needs: first the new containers beside others, then,
// with their gaps, those that take the place of an old one.
func (r *run) start(ctx context.Context, t target, actions []Action) error {
	if err := r.clear(ctx, actions); err != nil {
		return err
	}
	deps := []string{"--no-deps"}
	if hasProvider(t.manifest.Project) {
		deps = nil
	}
	beside := append(slices.Clone(deps), "--no-recreate")
	var started, recreated, forced []string
	for _, a := range actions {
		switch a.Action {
		case Roll:
			beside = append(beside, "--scale", a.Service+"="+strconv.Itoa(a.scale))
			started = append(started, a.Service)
		case Create, Start:
			started = append(started, a.Service)
		case Recreate:
			if a.forced {
				forced = append(forced, a.Service)
				continue
			}
			recreated = append(recreated, a.Service)
		}
	}
	for _, call := range []struct{ options, names []string }{
		{beside, started}, {deps, recreated}, {append(slices.Clone(deps), "--force-recreate"), forced},
	} {
		if len(call.names) == 0 {
			continue
		}
		if err := r.up(ctx, t, append(slices.Clone(call.options), call.names...)); err != nil {
			return err
		}
	}
	return nil
}

// clear removes containers of rolling services that do not run: Compose would start
// them again beside the new ones.
func (r *run) clear(ctx context.Context, actions []Action) error {
	var ids []string
	for _, a := range actions {
		for _, s := range a.old {
			if a.Action == Roll && s.stopped() {
				ids = append(ids, s.id+"|")
			}
		}
	}
	if len(ids) == 0 {
		return nil
	}
	_, err := r.script(ctx, "drain", "hooks() { :; }\n", append([]string{"0", ""}, ids...)...)
	return err
}

// up has Compose start services of a target.
func (r *run) up(ctx context.Context, t target, args []string) error {
	_, err := r.script(ctx, "up", r.compose(t), args...)
	switch {
	case exitOf(err) == exitTimeout:
		return fmt.Errorf("starting the services: not done after %s: %w", progress.Seconds(r.patience), shortened(err))
	case err != nil:
		return fmt.Errorf("starting the services: %w", shortened(err))
	}
	return nil
}

// switchAll waits until Traefik sends requests to the new containers, and probes
// them.
func (r *run) switchAll(ctx context.Context, actions []Action, prefix string, shown tracks) error {
	rolled := slices.DeleteFunc(slices.Clone(actions), func(a Action) bool { return !a.switches() })
	if len(rolled) == 0 {
		return nil
	}
	shown.phase("waiting for Traefik")
	err := r.step(ctx, prefix+"traefik", func(ctx context.Context) error {
		var failed []error
		for _, a := range rolled {
			failed = append(failed, r.switched(ctx, a))
		}
		return errors.Join(failed...)
	})
	if err != nil || prefix != "" {
		return err
	}
	if len(r.o.Probes) > 0 {
		err = r.step(ctx, "probe", r.probe)
	}
	if err == nil && r.o.Watch > 0 {
		err = r.step(ctx, "watch", r.bake)
	}
	return err
}

func hasProvider(p *types.Project) bool {
	for _, s := range p.Services {
		if s.Provider != nil {
			return true
		}
	}
	return false
}

// removeOrphans removes the services that the manifest does not have any more.
func (r *run) removeOrphans(ctx context.Context, actions []Action, prefix string) error {
	gone := slices.DeleteFunc(slices.Clone(actions), func(a Action) bool { return a.Action != Remove })
	if len(gone) == 0 {
		return nil
	}
	r.began = true
	return r.step(ctx, prefix+"remove "+strings.Join(changing(gone), ", "), func(ctx context.Context) error { return r.drain(ctx, gone) })
}
