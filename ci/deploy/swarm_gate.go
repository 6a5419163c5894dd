package deploy

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"gitops/ci/progress"
	"gitops/ci/retry"
)

// swarmGate judges the tasks of a stack as time goes by.
type swarmGate struct {
	stack    swarmStack
	stable   time.Duration
	restarts int
	before   map[string]bool // tasks that were there before
	forgiven []string
	since    map[string]time.Time // since when a task was seen running
}

// swarmPoll is how often the gate looks at the tasks, which a manager has to ask for.
const swarmPoll = time.Second

// gateSwarm waits until all services of a stack run as it says. Each task that gets ready
// starts the time anew: a roll of many tasks takes as long as it takes.
func (r *run) gateSwarm(ctx context.Context, stack swarmStack, before map[string]bool, forgiven []string) error {
	g := swarmGate{stack: stack, stable: r.o.Stable, restarts: r.o.Restarts, before: before, forgiven: forgiven, since: map[string]time.Time{}}
	nudged := map[string]bool{}
	deadline, best, told := time.Now().Add(r.o.GateTimeout), 0, ""
	for {
		now, err := r.swarm(ctx)
		if err != nil {
			return err
		}
		waiting, ready, err := g.judge(now, time.Now())
		if err != nil || waiting == nil {
			return err
		}
		if err := r.nudge(ctx, now, nudged); err != nil {
			return err
		}
		if ready > best {
			best, deadline = ready, time.Now().Add(r.o.GateTimeout)
		}
		if waiting.State != told {
			told = waiting.State
			r.o.Progress.Say("waiting: %s: %s", waiting.Service, told)
		}
		if time.Now().After(deadline) {
			return &gateError{*waiting, "made no progress for " + progress.Seconds(r.o.GateTimeout) + ": " + waiting.State}
		}
		if err := retry.Sleep(ctx, swarmPoll); err != nil {
			return fmt.Errorf("waiting for %s: %w", waiting.Service, err)
		}
	}
}

// nudge has the swarm begin updates anew that wait for a task on a node that is gone, once
// for each such task.
func (r *run) nudge(ctx context.Context, now swarmState, nudged map[string]bool) error {
	for _, t := range now.tasks {
		s := now.services[t.name]
		if !t.leftOver() || !t.is(s) || !s.updating() || nudged[t.ID] {
			continue
		}
		nudged[t.ID] = true
		r.warn("node %s went away when it was to start a task of %s: the swarm goes on with the others", t.Node, t.name)
		if _, err := r.script(ctx, "swarm-nudge", "", t.name, t.ID); err != nil {
			return fmt.Errorf("beginning the update of %s anew: %w", t.name, shortened(err))
		}
	}
	return nil
}

// judge returns the service to wait for, nil when all are ready, and how many tasks are.
// The error is about a service that will not get ready.
func (g swarmGate) judge(now swarmState, at time.Time) (waiting *Service, ready int, err error) {
	for _, name := range sortedKeys(g.stack.services) {
		s, there := now.services[name]
		var tasks []task
		for _, t := range now.tasks {
			if t.name == name && t.is(s) {
				tasks = append(tasks, t)
			}
		}
		if slices.Contains(g.forgiven, name) {
			continue
		}
		if err := g.fails(name, s, tasks); err != nil {
			return nil, ready, err
		}
		n, want := g.ready(name, tasks, at), g.wants(name, s, tasks)
		ready += n
		if waiting == nil && (!there || n < want || s.updating()) {
			waiting = awaited(name, n, want, tasks)
		}
	}
	return waiting, ready, nil
}

func (s runningService) updating() bool { return s.Update != nil && s.Update.State == "updating" }

// wants returns how many tasks of a service have to be ready.
func (g swarmGate) wants(name string, s runningService, tasks []task) int {
	if s.Mode.Global == nil && s.Mode.GlobalJob == nil {
		return g.stack.services[name].scale
	}
	wanted := 0
	for _, t := range tasks {
		if t.wanted() {
			wanted++
		}
	}
	return max(wanted, 1)
}

// ready counts the tasks that run and are stable, and those that ended well. A task of
// Swarm's runs once it is healthy.
func (g swarmGate) ready(name string, tasks []task, at time.Time) (n int) {
	for _, t := range tasks {
		switch {
		case t.Status.State == "complete":
			if g.stack.services[name].ends {
				n++
			}
		case t.Desired != "running" || t.Status.State != "running":
		case g.before[t.ID]:
			n++
		default:
			if _, seen := g.since[t.ID]; !seen {
				g.since[t.ID] = at
			}
			if at.Sub(g.since[t.ID]) >= g.stable {
				n++
			}
		}
	}
	return n
}

// fails returns why a service will not get ready.
func (g swarmGate) fails(name string, s runningService, tasks []task) error {
	var last *task
	failed, rejected := 0, 0
	for _, t := range tasks {
		ended := t.Status.State == "complete" && !g.stack.services[name].ends
		if !t.failed() && !ended || g.before[t.ID] {
			continue
		}
		failed++
		if t.Status.State == "rejected" {
			rejected++
		}
		if last == nil || t.Created.After(last.Created) {
			last = &t
		}
	}
	if !s.stopped() && failed <= g.restarts && rejected < 2 {
		return nil
	}
	culprit := Service{Image: Image{Service: name}}
	reason := "does not get ready"
	if s.stopped() {
		reason = "stopped its update: " + s.Update.Message
	}
	if last != nil {
		culprit = last.service()
		reason += fmt.Sprintf("; task %s on %s is %s", culprit.Container, cmp.Or(last.Node, "no node"), last.words())
	}
	return &gateError{culprit, reason}
}

// words says how a task is, in Swarm's words.
func (t task) words() string {
	text := t.Status.State
	if t.Status.Err != "" {
		text += " (" + t.Status.Err + ")"
	}
	return text
}

// awaited says what a service lacks.
func awaited(name string, ready, want int, tasks []task) *Service {
	s := &Service{Image: Image{Service: name}, State: fmt.Sprintf("%d of %d tasks are ready", ready, want)}
	for _, t := range slices.Backward(tasks) {
		if t.wanted() && t.Status.State != "running" && t.Status.State != "complete" {
			s.State += fmt.Sprintf(", one is %s", t.words())
			s.id = t.ID
			break
		}
	}
	return s
}
