package stages

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"gitops/ci/progress"
)

// OnHosts runs a stage on each host that h names. Of several hosts the first goes
// alone, as a canary, then o.Parallel at a time; the first failure ends it, and hosts
// that are being worked on come to their end. Nothing is done on any host while one
// of them could not be logged in to by its options. On one host it is the stage alone.
func OnHosts[R standing](ctx context.Context, h HostOptions, o HostsOptions, out Output,
	stage func(context.Context, HostOptions, Output) (R, error)) (HostsResult[R], error) {
	hosts, err := h.Each()
	if err != nil {
		return HostsResult[R]{}, err
	}
	if len(hosts) == 1 {
		one, err := stage(ctx, hosts[0], out)
		return HostsResult[R]{One: one}, err
	}
	for _, one := range hosts {
		if _, err := one.config(); err != nil {
			return HostsResult[R]{}, fmt.Errorf("host %s: %w", one.Address, err)
		}
	}
	t := tour[R]{options: o, hosts: hosts, out: out, stage: stage, errs: make([]error, len(hosts))}
	for _, one := range hosts {
		t.results = append(t.results, HostResult[R]{Host: one.Address, Outcome: NotTried})
	}
	t.run(ctx)
	return t.result(ctx)
}

// tour is one run over several hosts.
type tour[R standing] struct {
	options HostsOptions
	hosts   []HostOptions
	out     Output
	stage   func(context.Context, HostOptions, Output) (R, error)

	mu      sync.Mutex
	next    int // the first host that nobody has begun
	failed  bool
	results []HostResult[R]
	errs    []error
}

func (t *tour[R]) run(ctx context.Context) {
	if !t.options.KeepGoing {
		t.visit(ctx, t.take(ctx))
	}
	var workers sync.WaitGroup
	for range max(1, t.options.Parallel) {
		workers.Go(func() {
			for i := t.take(ctx); i >= 0; i = t.take(ctx) {
				t.visit(ctx, i)
			}
		})
	}
	workers.Wait()
}

// take returns the index of the next host, or -1 when there is none to begin.
func (t *tour[R]) take(ctx context.Context) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if ctx.Err() != nil || t.next == len(t.hosts) || t.failed && !t.options.KeepGoing {
		return -1
	}
	t.next++
	return t.next - 1
}

func (t *tour[R]) visit(ctx context.Context, i int) {
	if i < 0 {
		return
	}
	name, out := t.hosts[i].Address, t.out
	track := t.begin(name)
	out.Progress = out.Progress.Prefix(name)
	r, err := t.stage(ctx, t.hosts[i], out)
	t.mu.Lock()
	defer t.mu.Unlock()
	result := &t.results[i]
	outcome, told := r.standing()
	if result.Outcome = outcome; told {
		result.Result = &r
	}
	if t.errs[i] = err; err != nil {
		t.failed, result.Error = true, err.Error()
	}
	track.EndAs(result.Outcome)
}

// begin tells of a host. The lines of hosts that go one after the other are folded
// host by host.
func (t *tour[R]) begin(name string) *progress.Track {
	if t.options.Parallel > 1 {
		return t.out.Progress.Track("host " + name)
	}
	return t.out.Progress.Step("host " + name)
}

// result returns how all hosts stand, and one error for those that failed.
func (t *tour[R]) result(ctx context.Context) (HostsResult[R], error) {
	r := HostsResult[R]{Hosts: t.results, Outcome: "done"}
	var failures []error
	done, left := 0, []string{}
	for i, err := range t.errs {
		switch {
		case err != nil:
			failures = append(failures, fmt.Errorf("host %s: %w", t.hosts[i].Address, err))
		case t.results[i].Outcome == NotTried:
			left = append(left, t.hosts[i].Address)
		default:
			done++
		}
	}
	if len(failures) == 0 && len(left) > 0 {
		failures = append(failures, context.Cause(ctx))
	}
	if len(failures) == 0 {
		return r, nil
	}
	r.Outcome = "failed"
	if len(left) > 0 {
		failures = append(failures, fmt.Errorf("not tried: %s", strings.Join(left, ", ")))
	}
	return r, ended(done, len(t.hosts), errors.Join(failures...))
}

// ended returns the error of a run. Exit codes that say that nothing was touched
// are not for one that did its work on some hosts.
func ended(done, all int, err error) error {
	if done > 0 {
		return &partly{fmt.Errorf("%d of %d hosts are done\n%w", done, all, err)}
	}
	return err
}

// partly is an error whose causes do not tell the exit code.
type partly struct{ err error }

func (e *partly) Error() string { return e.err.Error() }

// Is makes the causes known to errors.Is.
func (e *partly) Is(target error) bool { return errors.Is(e.err, target) }
