package deploy

import (
	"slices"

	"github.com/compose-spec/compose-go/v2/types"
)

// batches returns what changes of a level at a time. New containers that Traefik
// switches to start all together, since the first that is healthy gets every request
// of the service. Replicas that share requests with the old ones, or get none, take
// turns: one, or deploy.update_config.parallelism, at a time.
func batches(p *types.Project, actions []Action) (all [][]Action) {
	for _, a := range actions {
		for i, part := range turns(p.Services[a.Service], a) {
			for len(all) <= i {
				all = append(all, nil)
			}
			all[i] = append(all[i], part)
		}
	}
	return all
}

// turns cuts an action into the replacements that follow each other.
func turns(s types.ServiceConfig, a Action) (parts []Action) {
	if a.Action != Roll {
		return []Action{a}
	}
	replicas := scaleOf(s)
	step := parallelism(s, replicas)
	if a.switches() {
		step = replicas
	}
	stay := slices.Clone(a.old)
	slices.SortStableFunc(stay, func(x, y Service) int { return order(x) - order(y) })
	for started := 0; started < replicas || started == 0; {
		part := a
		started = min(started+step, replicas)
		part.scale = alive(stay) + started
		leave := min(max(step, len(stay)-alive(stay)), len(stay))
		if started == replicas {
			leave = len(stay)
		}
		part.old, stay = stay[:leave:leave], stay[leave:]
		parts = append(parts, part)
		if replicas == 0 {
			break
		}
	}
	return parts
}

// order has containers that do not run leave first.
func order(s Service) int {
	if s.stopped() {
		return 0
	}
	return 1
}

// alive counts the containers that run.
func alive(services []Service) (n int) {
	for _, s := range services {
		n += order(s)
	}
	return n
}

// parallelism returns how many replicas of a service change at a time: one unless the
// manifest says otherwise; 0 there means all.
func parallelism(s types.ServiceConfig, replicas int) int {
	if s.Deploy == nil || s.Deploy.UpdateConfig == nil || s.Deploy.UpdateConfig.Parallelism == nil {
		return 1
	}
	if n := *s.Deploy.UpdateConfig.Parallelism; n > 0 && n < uint64(replicas) { //nolint:gosec // replicas are not negative
		return int(n) //nolint:gosec // less than replicas
	}
	return max(replicas, 1)
}
