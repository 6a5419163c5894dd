package deploy

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"gitops/ci/compose"
	"gitops/ci/progress"
	"gitops/ci/secret"
)

// run is one deploy or rollback.
type run struct {
	remote
	o       Options
	target  target
	receipt Receipt
	// state is the place as it was found under the lock.
	state State
	// services are its containers as they are before the next plan.
	services []Service
	// previous is what ran before, running its services as Compose understands them;
	// both nil for the first deploy.
	previous *target
	running  *types.Project
	stranded bool              // something ran before, and cannot be started again
	proxy    *proxy            // nil where no Traefik runs
	images   map[string]string // IDs of the target's images, by ref
	volumes  []string          // that were there before
	network  bool              // was made by this run
	refs     []string          // images that Compose finds in the manifest
	opened   bool              // the release folder was made by this run
	told     map[string]bool   // warnings that were said
	requests Requests          // that Traefik had answered before
	counted  bool              // it counts them
	written  []byte            // the override that the host has
	only     bool              // a plan is wanted, and nothing else
	held     *hold             // the lock
	trials   []Service         // containers on trial
	began    bool              // something was started or stopped
}

func newRun(h Host, o Options, kind string) *run {
	r := &run{o: o, receipt: Receipt{Kind: kind, Actor: o.Actor, Started: time.Now().UTC()}, told: map[string]bool{}}
	r.remote = remote{Place: Place{o.Dir, o.Project, o.Engine}, host: h, token: "none", patience: o.GateTimeout, redactor: redactor(o, nil)}
	for _, warning := range o.Warnings {
		r.warn("%s", warning)
	}
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
	err := r.step(ctx, "lock", func(ctx context.Context) (err error) {
		r.held, err = r.lock(ctx, cancel)
		return err
	})
	if err != nil {
		return r.receipt, err
	}
	r.receipt.TookOver = r.held.tookOver
	err = r.locked(ctx)
	if lost := r.held.release(); lost != nil {
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
		{"pull", r.pullWanted},
		{"platform", r.fits},
		{"network", r.lookAround},
	}
	for _, s := range steps {
		if err := r.step(ctx, s.name, s.work); err != nil {
			return err
		}
	}
	return nil
}

// lookAround makes the shared network where it is missing, finds Traefik, and notes
// what that has answered so far.
func (r *run) lookAround(ctx context.Context) error {
	if r.onSwarm() {
		return r.lookAroundSwarm(ctx)
	}
	said, err := r.scripts(ctx, call{"network", []string{r.o.Network}}, call{name: "proxies"}, call{name: "containers"})
	if err != nil {
		return fmt.Errorf("making network %s, and looking for Traefik: %w", r.o.Network, err)
	}
	r.network = strings.TrimSpace(said["network"]) == "created"
	if r.services, _, err = parseContainers(said["containers"]); err != nil {
		return err
	}
	if r.proxy, err = newProxy(r.host, said["proxies"], r.networks()); err == nil && r.proxy != nil {
		r.requests, r.counted = r.proxy.requests(ctx)
	}
	return err
}

// networks returns the names that the project's networks have on the host.
func (r *run) networks() []string {
	names := []string{r.o.Network}
	for key, network := range r.target.manifest.Project.Networks {
		switch {
		case bool(network.External) && network.Name == "":
			names = append(names, key)
		case network.Name != "":
			names = append(names, network.Name)
		}
		names = append(names, r.Project+"_"+key)
	}
	return names
}

// checkFolder is where Compose reads a manifest before there is a release. Nothing
// of it stays.
const checkFolder = "/tmp/gitops-check-"

// check has Compose read the manifest, with every variable, and touches nothing.
func (r *run) check(ctx context.Context) error {
	if name := r.target.manifest.Name(); name != "" && !strings.Contains(name, "$") && name != r.Project && r.o.Project == "" {
		r.warn("the manifest is named %s, and the project here is %s, after the folder --deploy-dir: containers that run as %s are left alone, and volumes are others. "+
			"Give --project %s to take them over", name, r.Project, name, name)
	}
	if r.onSwarm() {
		return r.checkStack(ctx)
	}
	if r.target.release != "" { // it was accepted when it was deployed
		r.refs = imagesOf(r.target.manifest)
		return nil
	}
	folder := checkFolder + rand.Text()
	preamble := withEnv(r.target.env) + r.target.bundle.unpack() + r.target.bundle.layout.in(folder).function(r.Project)
	out, err := r.script(ctx, "check", preamble, folder)
	err = r.target.bundle.named(err, folder)
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

// imagesOf returns the images of a manifest's services.
func imagesOf(m *compose.Manifest) (refs []string) {
	for _, name := range m.Starts() {
		refs = append(refs, m.Project.Services[name].Image)
	}
	return refs
}

// warn records and reports a problem that does not stop the run.
func (r *run) warn(format string, args ...any) {
	text := r.redactor.Redact(fmt.Sprintf(format, args...))
	if r.told[text] {
		return
	}
	r.told[text] = true
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
