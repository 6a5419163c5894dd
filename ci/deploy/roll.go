package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gitops/ci/program"
	"gitops/ci/progress"
	"gitops/ci/retry"
	"gitops/ci/secret"
)

// logLines is how many last words a failure shows.
const logLines = 20

// roll starts the target, waits for its gate and makes it the current release.
// When that fails it goes back.
func (r *run) roll(ctx context.Context) error {
	err := r.step(ctx, "up", func(ctx context.Context) error {
		return r.up(ctx, r.path(r.target.release), r.o.Env)
	})
	if err == nil {
		err = r.step(ctx, "gate", func(ctx context.Context) error { return r.gate(ctx, r.target.file.Starts(variables(r.o.Env)), nil) })
	}
	if err != nil {
		r.lastWords(ctx, err)
		return r.back(ctx, err)
	}
	// It runs: the rest is done even if the run is cancelled now.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tidyPatience)
	defer cancel()
	if err := r.step(ctx, "switch", r.makeCurrent); err != nil {
		r.receipt.Outcome = Failed
		return fmt.Errorf("%s is healthy, but it was not made the current release: %w; deploy it again", short(r.target.commit), err)
	}
	r.prune(ctx)
	return nil
}

func (r *run) up(ctx context.Context, manifest string, env map[string]secret.Value) error {
	_, err := r.script(ctx, "up", withEnv(env), manifest)
	switch {
	case exitOf(err) == exitTimeout:
		return fmt.Errorf("starting the services: not done after %s: %w", progress.Seconds(r.patience), shortened(err))
	case err != nil:
		return fmt.Errorf("starting the services: %w", shortened(err))
	}
	return nil
}

// gateError is a service that did not get healthy.
type gateError struct {
	service Service
	reason  string
}

func (e *gateError) Error() string {
	return fmt.Sprintf("service %s %s", e.service.Service, e.reason)
}

// gatePoll is how often the gate looks at the containers.
const gatePoll = time.Second

// gate waits until every named service is healthy, or running and stable when
// it has no health check. Services in forgiven may be as bad as they are.
func (r *run) gate(ctx context.Context, names []string, forgiven []string) error {
	deadline := time.Now().Add(r.o.GateTimeout)
	watch := watch{stable: r.o.Stable, restarts: r.o.Restarts, before: r.state.Services, forgiven: forgiven, since: map[string]time.Time{}, exits: map[string]int{}}
	told := ""
	for {
		services, _, err := r.containers(ctx)
		if err != nil {
			return err
		}
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
		if err := retry.Sleep(ctx, gatePoll); err != nil {
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
		if !s.fine() || !w.settled(s, now) {
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

// lastWords writes down why the run failed, with the service's log.
func (r *run) lastWords(ctx context.Context, cause error) {
	failure := &Failure{Reason: r.redactor.Redact(cause.Error())}
	r.receipt.Failure = failure
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tidyPatience)
	defer cancel()
	culprit := r.culprit(ctx, cause)
	failure.Service = culprit.Service
	if culprit.id == "" {
		return
	}
	out, err := r.script(ctx, "logs", "", strconv.Itoa(logLines), culprit.id)
	if err == nil && strings.TrimSpace(out) != "" {
		failure.Log = strings.Split(strings.TrimRight(r.redactor.Redact(out), "\n"), "\n")
	}
}

// culprit returns the container that made the run fail, as far as one can be told.
func (r *run) culprit(ctx context.Context, cause error) Service {
	var gate *gateError
	if errors.As(cause, &gate) {
		return gate.service
	}
	// Compose itself gave up: on a service that failed, or else never got ready.
	services, _, err := r.containers(ctx)
	if err != nil {
		return Service{}
	}
	for _, bad := range []func(Service) bool{
		func(s Service) bool { return s.failing(r.o.Restarts) != "" },
		func(s Service) bool { return !s.fine() && s.State != "created" },
	} {
		if i := slices.IndexFunc(services, bad); i >= 0 {
			return services[i]
		}
	}
	return Service{}
}

// words returns the failure with the service's last words, for an error.
func (f *Failure) words() string {
	if f.Service == "" {
		return ""
	}
	if len(f.Log) == 0 {
		return fmt.Sprintf("\n%s said nothing", f.Service)
	}
	return fmt.Sprintf("\nthe last words of %s:\n  %s", f.Service, strings.Join(f.Log, "\n  "))
}

// shortened returns err with the last lines of what Compose said: before them
// stands what went well.
func shortened(err error) error {
	var script *scriptError
	if errors.As(err, &script) {
		return &scriptError{text: program.LastLines(script.text, 5), exit: script.exit, cause: script.cause}
	}
	return err
}
