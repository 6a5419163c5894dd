package deploy

import (
	"context"
	"fmt"
	"slices"
	"time"

	"gitops/ci/progress"
	"gitops/ci/retry"
)

// gateError is a service that did not get healthy.
type gateError struct {
	service Service
	reason  string
}

func (e *gateError) Error() string {
	return fmt.Sprintf("service %s %s", e.service.Service, e.reason)
}

// gatePoll is the least time between two looks of the gate at the containers. A look at
// many containers takes longer, and so does the pause after it.
const gatePoll = 250 * time.Millisecond

// gate waits until every named service is healthy, or running and stable when
// it has no health check, or finished when it is a job that others wait for. The
// containers in leaving do not count, and services in forgiven may be as bad as they
// are.
func (r *run) gate(ctx context.Context, names, leaving, forgiven []string, jobs map[string]bool) error {
	deadline := time.Now().Add(r.o.GateTimeout)
	watch := watch{stable: r.o.Stable, restarts: r.o.Restarts, before: r.state.Services, forgiven: forgiven, jobs: jobs,
		since: map[string]time.Time{}, exits: map[string]int{}}
	told := ""
	for {
		looked := time.Now()
		services, err := r.containers(ctx)
		if err != nil {
			return err
		}
		pause := max(gatePoll, time.Since(looked))
		services = slices.DeleteFunc(services, func(s Service) bool {
			return slices.Contains(leaving, s.id) || !slices.Contains(names, s.Service)
		})
		waiting, err := watch.judge(names, services, time.Now())
		if err != nil || waiting == nil {
			return err
		}
		if now := waiting.Service + " is " + describe(*waiting); now != told {
			told = now
			r.o.Progress.Say("waiting: %s", now)
		}
		if time.Now().After(deadline) {
			return &gateError{*waiting, "did not get healthy within " + progress.Seconds(r.o.GateTimeout) + ": it is " + describe(*waiting)}
		}
		if err := retry.Sleep(ctx, pause); err != nil {
			return fmt.Errorf("waiting for %s: %w", waiting.Service, err)
		}
	}
}

// watch judges containers as time goes by.
type watch struct {
	stable   time.Duration
	restarts int
	before   []Service // the containers as they were before the run
	forgiven []string
	jobs     map[string]bool
	since    map[string]time.Time // since when a container runs without a break
	exits    map[string]int       // with which code a container last ended
}

// judge returns the service to wait for, nil when all are healthy, or an error for one
// that will not recover.
func (w watch) judge(names []string, services []Service, now time.Time) (*Service, error) {
	var waiting []Service
	for _, name := range names {
		if !slices.ContainsFunc(services, func(s Service) bool { return s.Service == name }) {
			waiting = append(waiting, Service{Image: Image{Service: name}, State: "without a container"})
		}
	}
	for _, s := range services {
		if slices.Contains(w.forgiven, s.Service) {
			continue
		}
		w.remember(&s)
		if s.exit == unknown && s.Restarts > w.restarts+w.earlier(s) && s.undecided() {
			waiting = append(waiting, s) // until it is down again
			continue
		}
		// One that was unhealthy before may recover with the new services.
		if reason := s.failing(w.restarts + w.earlier(s)); reason != "" && !w.untouched(s) {
			return nil, &gateError{s, reason}
		}
		if !s.fine() || w.jobs[s.Service] && !s.finished() || !w.settled(s, now) {
			waiting = append(waiting, s)
		}
	}
	if len(waiting) == 0 {
		return nil, nil
	}
	return &waiting[0], nil
}

// remember gives a container that runs the code with which it last ended, or
// unknown: Docker tells it only while the container is down.
func (w watch) remember(s *Service) {
	switch s.State {
	case "running":
		exit, seen := w.exits[s.id]
		if !seen {
			exit = unknown
		}
		s.exit = exit
	case "created": // it has not ended yet
	default:
		w.exits[s.id] = s.exit
	}
}

// settled reports whether a container without a health check has run for long
// enough, by our clock.
func (w watch) settled(s Service, now time.Time) bool {
	if s.Health != "" || s.finished() || w.untouched(s) {
		return true
	}
	key := s.id + s.Started.String()
	if _, known := w.since[key]; !known {
		w.since[key] = now
	}
	return now.Sub(w.since[key]) >= w.stable
}

// earlier returns how often the container was restarted before the run.
func (w watch) earlier(s Service) int {
	for _, b := range w.before {
		if b.id == s.id {
			return b.Restarts
		}
	}
	return 0
}

func (w watch) untouched(s Service) bool {
	return slices.ContainsFunc(w.before, func(b Service) bool { return b.id == s.id && b.Started.Equal(s.Started) })
}

func describe(s Service) string {
	if s.Health != "" {
		return s.State + " and " + s.Health
	}
	return s.State
}
