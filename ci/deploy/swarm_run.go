package deploy

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"gitops/ci/progress"
)

// onSwarm reports whether a swarm runs the services.
func (m *remote) onSwarm() bool { return m.Engine == EngineSwarm }

// checkSwarm refuses options that a swarm does not have.
func (o Options) checkSwarm() error {
	given := map[string]bool{"--before": len(o.Before) > 0, "--probe": len(o.Probes) > 0, "--watch": o.Watch > 0}
	for _, flag := range sortedKeys(given) {
		if given[flag] {
			return progress.Invalid("%s is not available with --engine swarm: leave it out", flag)
		}
	}
	if len(o.Source.Data) > 0 {
		return progress.Invalid("--data is not available with --engine swarm: a folder would be on one node alone; use a volume")
	}
	return nil
}

// stackOf returns a target as a stack.
func (r *run) stackOf(t target, now swarmState) (swarmStack, error) {
	return stacker{manifest: t.manifest, bundle: t.bundle, project: r.Project, dir: r.Dir, place: r.placeOf(now), images: t.images, running: now.images()}.stack()
}

// placeOf names the place among all managers of the swarm.
func (r *run) placeOf(now swarmState) string { return now.self + ":" + r.Dir }

// swarm reads what the stack runs.
func (m *remote) swarm(ctx context.Context) (swarmState, error) {
	out, err := m.script(ctx, "swarm-tasks", "")
	if err != nil {
		return swarmState{}, fmt.Errorf("listing tasks: %w", err)
	}
	return parseSwarm(out, m.Project)
}

// checkStack has Docker read the stack, and touches nothing.
func (r *run) checkStack(ctx context.Context) error {
	now, err := r.swarm(ctx)
	if err != nil {
		return err
	}
	stack, err := r.stackOf(r.target, now)
	if err != nil {
		return err
	}
	for _, s := range stack.services {
		r.refs = append(r.refs, s.image)
	}
	_, err = r.script(ctx, "swarm-check", stack.stackText())
	if exitOf(err) == exitRejected {
		return progress.Invalid("Docker does not accept the manifest as a stack: %w; nothing was touched", err)
	}
	if err != nil {
		return fmt.Errorf("checking the manifest on the host: %w", err)
	}
	return nil
}

// lookSwarm reads what runs and how it could be started again.
func (r *run) lookSwarm(ctx context.Context) error {
	said, err := r.scripts(ctx, call{name: "read"}, call{name: "swarm-tasks"}, call{name: "swarm-environment"},
		call{"retrieve", []string{path.Join(r.Dir, "current")}})
	if err != nil {
		return fmt.Errorf("reading %s on the host: %w", r.Dir, err)
	}
	if err := r.remember(said); err != nil {
		return err
	}
	environments, err := r.swarmEnvironments(said["swarm-environment"])
	if err != nil {
		return err
	}
	if err := r.strangers(said["swarm-tasks"]); err != nil {
		return err
	}
	if release := r.state.release(r.state.Current); release != nil {
		return r.recallCurrent(ctx, *release, said["retrieve"], environments)
	}
	return nil
}

// swarmEnvironments reads what swarm-environment.sh wrote.
func (r *run) swarmEnvironments(out string) ([]environment, error) {
	count, rest, _ := strings.Cut(out, "\n")
	if n := strings.TrimSpace(strings.TrimPrefix(count, "compose ")); n != "0" {
		return nil, progress.Refused("project %s has %s containers of Docker Compose on this host: remove them (docker compose down), or choose another project name; nothing was touched", r.Project, n)
	}
	all, err := parseEnvironments(strings.ReplaceAll(rest, "service {", "{"))
	if err != nil {
		return nil, fmt.Errorf("reading what the services were started with: %w", err)
	}
	for i := range all {
		all[i].Service = strings.TrimPrefix(all[i].Service, r.Project+"_")
	}
	return all, nil
}

// strangers refuses a stack that was not deployed from this place: there would be no way
// back to it, and another manager has its lock.
func (r *run) strangers(tasks string) error {
	now, err := parseSwarm(tasks, r.Project)
	if err != nil {
		return err
	}
	for _, name := range sortedKeys(now.services) {
		place, known := now.services[name].Labels[labelPlace]
		if known && place != r.placeOf(now) {
			node, dir, _ := strings.Cut(place, ":")
			return progress.Refused("stack %s is deployed from %s on manager %s, which has its releases and its lock: give that manager as --host; where it is gone for good, remove the stack (docker stack rm); nothing was touched",
				r.Project, dir, cmp.Or(now.nodes[node].Name, node))
		}
		if !known && r.state.Current == "" {
			return progress.Refused("stack %s already has service %s, which no release of gitops has: remove the stack (docker stack rm), or choose another project name; nothing was touched", r.Project, name)
		}
	}
	return nil
}

// sameEngine refuses to deploy beside what another engine runs.
func (r *run) sameEngine(release Release) error {
	now, wanted := engineOr(release.Engine), engineOr(r.Engine)
	if now == wanted {
		return nil
	}
	remove := "docker stack rm " + r.Project
	if now == EngineCompose {
		remove = "docker compose --project-name " + r.Project + " down"
	}
	return progress.Refused("%s runs with --engine %s: give that, or take it down first (%s) and remove %s; nothing was touched", release.Name, now, remove, path.Join(r.Dir, "current"))
}

func engineOr(engine string) string {
	if engine == "" {
		return EngineCompose
	}
	return engine
}

// lookAroundSwarm makes the shared network where the manifest needs it and it is missing.
func (r *run) lookAroundSwarm(ctx context.Context) error {
	stack, err := r.stackOf(r.target, swarmState{})
	if err != nil {
		return err
	}
	for _, name := range stack.networks {
		do := "find"
		if name == r.o.Network {
			do = "make"
		}
		out, err := r.script(ctx, "swarm-network", "", name, do)
		switch {
		case exitOf(err) == exitNoSwarm:
			return progress.Refused("%w; nothing was stopped", err)
		case err != nil:
			return fmt.Errorf("making network %s: %w", name, err)
		}
		r.network = r.network || strings.TrimSpace(out) == "created"
	}
	return nil
}

// convergeSwarm makes the swarm run a target, and nothing else of the stack.
func (r *run) convergeSwarm(ctx context.Context, t target, prefix string, forgiven []string) error {
	var stack swarmStack
	var before map[string]bool
	err := r.step(ctx, prefix+"plan", func(ctx context.Context) error {
		now, err := r.swarm(ctx)
		if err != nil {
			return err
		}
		if stack, err = r.stackOf(t, now); err != nil {
			return err
		}
		before = now.tasksSeen()
		if prefix == "" {
			r.receipt.Plan = planSwarm(stack, now)
		}
		return nil
	})
	if err != nil {
		return err
	}
	r.began = true
	if err := r.step(ctx, prefix+"stack", func(ctx context.Context) error { return r.deployStack(ctx, stack, prefix == "") }); err != nil {
		return err
	}
	return r.step(ctx, prefix+"gate", func(ctx context.Context) error { return r.gateSwarm(ctx, stack, before, forgiven) })
}

// deployStack hands the stack to the swarm. A login that fails ends it only where it is
// strict: to go back, what the nodes have may do.
func (r *run) deployStack(ctx context.Context, stack swarmStack, strict bool) error {
	preamble := fmt.Sprintf("logins=%d\n", len(r.o.Logins)) + login(r.o.Logins) + stack.stackText() + stack.contentText()
	how := "lenient"
	if strict {
		how = "strict"
	}
	_, err := r.script(ctx, "swarm-stack", preamble, how)
	if exitOf(err) == exitTimeout {
		return fmt.Errorf("deploying the stack: not done after %s: %w", progress.Seconds(r.patience), shortened(err))
	}
	if err != nil {
		return fmt.Errorf("deploying the stack: %w", shortened(err))
	}
	return nil
}

// restoreSwarm brings back what ran before. The nodes have its images.
func (r *run) restoreSwarm(ctx context.Context) error {
	if err := r.convergeSwarm(ctx, *r.previous, "back: ", r.troubled()); err != nil {
		return err
	}
	r.tidySwarm(ctx, *r.previous)
	if r.opened {
		r.tidy(ctx, "discard", r.target.release)
	}
	return nil
}

// removeSwarm takes away what a failed first deploy started. Volumes stay.
func (r *run) removeSwarm(ctx context.Context) error {
	network := ""
	if r.network {
		network = r.o.Network
	}
	out, err := r.script(ctx, "swarm-down", "", network)
	if err != nil {
		return fmt.Errorf("removing what was started: %w", shortened(err))
	}
	if said := strings.TrimSpace(out); said != "" {
		r.warn("%s", said)
	}
	if r.opened {
		r.tidy(ctx, "discard", r.target.release)
	}
	return nil
}

// tidySwarm removes configs and secrets that a target does not have.
func (r *run) tidySwarm(ctx context.Context, t target) {
	stack, err := r.stackOf(t, swarmState{})
	if err != nil {
		r.warn("removing old configs and secrets: %v", err)
		return
	}
	slices.Sort(stack.files)
	r.tidy(ctx, "swarm-prune", slices.Compact(stack.files)...)
}

// checkedSwarm finds what a swarm cannot do before the host is asked.
func checkedSwarm(t target) error {
	_, err := stacker{manifest: t.manifest, bundle: t.bundle, project: "project", dir: "/", images: t.images}.stack()
	if err != nil {
		return fmt.Errorf("%w; nothing was touched", err)
	}
	return nil
}
