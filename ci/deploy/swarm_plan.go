package deploy

import (
	"cmp"
	"slices"
)

// switchStart is how requests move to a new task in a swarm.
const switchStart = "new tasks start first"

// planSwarm returns what a stack does to each service, in order of their names; those
// that go come last.
func planSwarm(stack swarmStack, now swarmState) (actions []Action) {
	for _, name := range sortedKeys(stack.services) {
		actions = append(actions, stack.services[name].action(name, now))
	}
	for _, name := range sortedKeys(now.services) {
		if _, stays := stack.services[name]; !stays {
			actions = append(actions, Action{Service: name, Action: Remove, Before: now.services[name].shown()})
		}
	}
	return actions
}

// shown is how a plan names the image of a service.
func (s runningService) shown() string { return cmp.Or(s.Labels[labelStackImage], s.Image) }

// action returns what becomes of a service.
func (s swarmService) action(name string, now swarmState) Action {
	a := Action{Service: name, Image: s.image, Ignored: s.ignored, Notes: slices.Compact(slices.Sorted(slices.Values(s.notes)))}
	running, there := now.services[name]
	if !there {
		a.Action = Create
		return a
	}
	a.Before = running.shown()
	digest := digestIn(s.image)
	same := running.Own[labelDefinition] == s.definition && (digest == "" || digest == digestIn(running.Image))
	switch {
	case same && running.stopped() && running.Update.State != "rollback_completed":
		a.Action, a.Why = Roll, "its last update stopped: "+running.Update.Message
	case same && running.Labels[labelService] == s.whole:
		a.Action = Keep
	case same:
		a.Action = Update
	case s.firstStart:
		a.Action, a.Switch = Roll, switchStart
	default:
		a.Action, a.Why = Recreate, s.why
	}
	if same {
		a.Before = s.image
	}
	return a
}

// stopped reports whether an update of the service came to no good end.
func (s runningService) stopped() bool {
	return s.Update != nil && s.Update.State != "" && s.Update.State != "completed" && s.Update.State != "updating"
}
