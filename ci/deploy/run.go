package deploy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"gitops/ci/compose"
	"gitops/ci/progress"
	"gitops/ci/secret"
)

// target is what a run wants to be running.
type target struct {
	// release is the folder on the host; empty until it is made.
	release  string
	commit   string
	manifest []byte
	file     *compose.Project
	// images have the IDs and digests that the refs of an earlier release had.
	images []Image
}

// run is one deploy or rollback.
type run struct {
	remote
	o       Options
	target  target
	receipt Receipt
	// state is the place as it was found under the lock; previous and env are what
	// starts its release again.
	state    State
	previous string // path of the manifest that ran before; empty for the first deploy
	env      map[string]secret.Value
	volumes  []string // that were there before
	network  bool     // was made by this run
	refs     []string // images that Compose finds in the manifest
	opened   bool     // the release folder was made by this run
}

func newRun(h Host, o Options, kind string) *run {
	r := &run{o: o, receipt: Receipt{Kind: kind, Actor: o.Actor, Started: time.Now().UTC()}}
	r.remote = remote{Place: Place{o.Dir, o.Project}, host: h, token: "none", patience: o.GateTimeout, redactor: redactor(o, nil)}
	return r
}

// redactor knows the values of this deploy and of what ran before. It is not the
// command's: a value such as a database's name must not be masked in the receipt.
func redactor(o Options, more map[string]secret.Value) *secret.Redactor {
	values := slices.AppendSeq(slices.Collect(maps.Values(o.Env)), maps.Values(more))
	for _, login := range o.Logins {
		values = append(values, login.Secrets()...)
	}
	return secret.NewRedactor(values...)
}

func (r *run) reach(ctx context.Context) error {
	return r.step(ctx, "reach", func(ctx context.Context) error {
		m, err := reach(ctx, r.host, r.Place)
		if err == nil {
			r.Place = m.Place
			r.receipt.Project = r.Project
		}
		return err
	})
}

// step runs one step, reports it, and records its time.
func (r *run) step(ctx context.Context, name string, work func(context.Context) error) error {
	begun, end := time.Now(), r.o.Progress.Start(name)
	err := work(ctx)
	if ctx.Err() != nil && err != nil && !errors.Is(err, context.Cause(ctx)) {
		err = fmt.Errorf("%w (%w)", err, context.Cause(ctx))
	}
	end(err)
	step := Step{Name: name, Seconds: seconds(time.Since(begun))}
	if err != nil {
		step.Error = r.redactor.Redact(err.Error())
	}
	r.receipt.Steps = append(r.receipt.Steps, step)
	return err
}

func seconds(d time.Duration) float64 { return float64(d.Milliseconds()) / 1000 }

// do brings the target to run. The place is known and the target has a manifest.
func (r *run) do(ctx context.Context) (Receipt, error) {
	r.receipt.Outcome, r.receipt.Commit = Untouched, r.target.commit
	if err := r.step(ctx, "check", r.check); err != nil {
		return r.receipt, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var held *hold
	err := r.step(ctx, "lock", func(ctx context.Context) (err error) {
		held, err = r.lock(ctx, cancel)
		return err
	})
	if err != nil {
		return r.receipt, err
	}
	r.receipt.TookOver = held.tookOver
	err = r.locked(ctx)
	if lost := held.release(); lost != nil {
		r.warn("giving back the deploy lock: %v", lost)
	}
	return r.receipt, err
}

// locked does the work that needs the lock, and leaves the receipt.
func (r *run) locked(ctx context.Context) error {
	err := r.prepare(ctx)
	switch {
	case err == nil:
		err = r.roll(ctx)
	case r.opened:
		// Nothing was started: only the folder has to go.
		r.tidy(ctx, "discard", r.target.release)
	}
	if err != nil && r.receipt.Failure == nil {
		r.receipt.Failure = &Failure{Reason: r.redactor.Redact(err.Error())}
	}
	r.finish(ctx)
	return err
}

// prepare does what can be done before anything is stopped or started.
func (r *run) prepare(ctx context.Context) error {
	steps := []struct {
		name string
		work func(context.Context) error
	}{
		{"look", r.look},
		{"upload", r.upload},
		{"pull", func(ctx context.Context) error { return r.pull(ctx, r.wanted(), r.o.Logins) }},
		{"platform", r.fits},
		{"network", r.makeNetwork},
	}
	for _, s := range steps {
		if err := r.step(ctx, s.name, s.work); err != nil {
			return err
		}
	}
	return nil
}

// check has Compose read the manifest, with every variable, and touches nothing.
func (r *run) check(ctx context.Context) error {
	out, err := r.script(ctx, "check", document(r.target.manifest)+withEnv(r.o.Env))
	if exitOf(err) == exitRejected {
		return progress.Invalid("Compose does not accept the manifest: %w; nothing was touched", err)
	}
	if err != nil {
		return fmt.Errorf("checking the manifest on the host: %w", err)
	}
	for line := range strings.Lines(out) {
		if ref, found := strings.CutPrefix(strings.TrimSpace(line), "image "); found {
			r.refs = append(r.refs, ref)
		}
	}
	return nil
}

func (r *run) makeNetwork(ctx context.Context) error {
	out, err := r.script(ctx, "network", "", r.o.Network)
	if err != nil {
		return fmt.Errorf("making network %s: %w", r.o.Network, err)
	}
	r.network = strings.TrimSpace(out) == "created"
	return nil
}

// warn records and reports a problem that does not stop the run.
func (r *run) warn(format string, args ...any) {
	text := r.redactor.Redact(fmt.Sprintf(format, args...))
	r.receipt.Warnings = append(r.receipt.Warnings, text)
	r.o.Progress.Say("warning: %s", text)
}

// tidyPatience bounds what a run does after it was cancelled.
const tidyPatience = 30 * time.Second

// tidy runs a script that has to run even if the deploy was cancelled.
func (r *run) tidy(ctx context.Context, script string, args ...string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tidyPatience)
	defer cancel()
	if _, err := r.script(ctx, script, "", args...); err != nil {
		r.warn("tidying up (%s): %v", script, err)
	}
}
