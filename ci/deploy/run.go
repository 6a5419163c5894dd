package deploy

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"gitops/ci/program"
	"gitops/ci/progress"
	"gitops/ci/registry"
	"gitops/ci/retry"
	"gitops/ci/secret"
)

// target is what a run wants to be running.
type target struct {
	// release is the folder on the host; empty until it is made.
	release  string
	commit   string
	manifest []byte
	file     *manifest
	// images pin the refs of an earlier release to what they were then.
	images []Image
}

// run is one deploy or rollback.
type run struct {
	remote
	o       Options
	target  target
	receipt Receipt
	// state is the place as it was found under the lock, file and env how its
	// release can be started again.
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

func redactor(o Options, more map[string]secret.Value) *secret.Redactor {
	values := slices.AppendSeq(slices.Collect(maps.Values(o.Env)), maps.Values(more))
	for _, login := range o.Logins {
		values = append(values, login.Secrets()...)
	}
	return secret.NewRedactor(values...)
}

// reach checks that the host can be deployed to, and finds the place on it.
func reach(ctx context.Context, h Host, p Place) (*remote, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	m := &remote{Place: p, host: h, token: "none", patience: time.Minute}
	out, err := m.script(ctx, "reach", "")
	if err != nil {
		return nil, fmt.Errorf("reaching Docker on the host: %w", err)
	}
	m.Place = p.in(program.LastLines(out, 1)) // the login shell may have said something first
	return m, nil
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

// step runs one step, tells of it, and writes down its time.
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

// prepare does all that can be done while what runs is left alone.
func (r *run) prepare(ctx context.Context) error {
	steps := []struct {
		name string
		work func(context.Context) error
	}{
		{"look", r.look},
		{"upload", r.upload},
		{"pull", func(ctx context.Context) error { return r.pull(ctx, r.wanted(), r.o.Logins) }},
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

// look finds out what runs and how it could be brought back.
func (r *run) look(ctx context.Context) error {
	state, err := r.remote.state(ctx)
	if err != nil {
		return err
	}
	r.state = state
	r.receipt.Previous = state.Current
	if release := state.release(state.Current); release != nil {
		r.receipt.PreviousCommit = release.Commit
		r.previous = r.path(state.Current)
	} else if r.previous, err = r.adopt(); err != nil {
		return err
	}
	out, err := r.script(ctx, "volumes", "")
	if err != nil {
		return fmt.Errorf("listing volumes: %w", err)
	}
	r.volumes = strings.Fields(out)
	return r.recoverEnv(ctx)
}

// path returns where a release's manifest is on the host.
func (m *remote) path(release string) string {
	return path.Join(m.Dir, "releases", release, "docker-compose.yml")
}

// adopt returns the manifest of containers that the current release does not
// explain. What a first deploy left behind when it was killed has none.
func (r *run) adopt() (string, error) {
	for _, s := range r.state.Services {
		release, ours := strings.CutPrefix(path.Dir(s.file), path.Join(r.Dir, "releases")+"/")
		switch {
		case ours && r.state.release(release) != nil:
			return s.file, nil
		case ours:
		case path.IsAbs(s.file) && !strings.Contains(s.file, ","):
			r.warn("the containers of project %s were started by hand from %s: a failed deploy goes back to that file", r.Project, s.file)
			return s.file, nil
		default:
			return "", progress.Refused("project %s already has containers, as %s, but no release and no manifest to go back to: "+
				"remove them, or choose another project name; nothing was touched", r.Project, s.Container)
		}
	}
	return "", nil
}

// recoverEnv learns the values that what runs was started with.
func (r *run) recoverEnv(ctx context.Context) error {
	r.env = maps.Clone(r.o.Env)
	if r.previous == "" {
		return nil
	}
	file, err := r.oldManifest(ctx)
	if err != nil {
		r.warn("the manifest that runs now cannot be read, so a failed deploy could not go back to it: %v", err)
		return nil
	}
	out, err := r.script(ctx, "environment", "")
	if err != nil {
		return fmt.Errorf("reading what the containers were started with: %w", err)
	}
	var containers []environment
	for line := range strings.Lines(out) {
		var e environment
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			return errors.New("reading what the containers were started with: Docker's answer is not JSON")
		}
		containers = append(containers, e)
	}
	if r.env == nil {
		r.env = map[string]secret.Value{}
	}
	maps.Copy(r.env, recoverEnv(file, containers))
	r.redactor = redactor(r.o, r.env)
	if err := file.needs(r.env); err != nil {
		r.warn("a failed deploy could not go back: release %s: %v", r.state.Current, err)
	}
	return nil
}

func (r *run) oldManifest(ctx context.Context) (*manifest, error) {
	content, err := r.script(ctx, "manifest", "", r.previous)
	if err != nil {
		return nil, err
	}
	return parseManifest([]byte(content))
}

// upload puts the manifest into a release of its own. The current release is
// used again when it has the same manifest from the same commit.
func (r *run) upload(ctx context.Context) error {
	if r.target.release != "" {
		r.receipt.Release = r.target.release
		return nil
	}
	current := r.state.release(r.state.Current)
	if current != nil && current.Commit == r.target.commit && current.Manifest == sum(r.target.manifest) {
		r.target.release, r.receipt.Release = current.Name, current.Name
		return nil
	}
	name := r.state.now + "-" + r.target.commit
	if _, err := r.script(ctx, "open", "", name); err != nil {
		return fmt.Errorf("making release %s: %w", name, err)
	}
	r.target.release, r.receipt.Release, r.opened = name, name, true
	return r.host.Upload(ctx, r.path(name), 0o600, r.target.manifest)
}

func sum(content []byte) string {
	hash := sha256.Sum256(content)
	return "sha256:" + hex.EncodeToString(hash[:])
}

// wanted returns the images to have on the host, as pull.sh takes them.
func (r *run) wanted() []string {
	refs := slices.Clone(r.refs)
	slices.Sort(refs)
	var items []string
	for _, ref := range slices.Compact(refs) {
		items = append(items, pin(ref, r.target.images))
	}
	return items
}

// pin returns ref as pull.sh takes it, held to what it was in images. A ref by
// digest needs no holding.
func pin(ref string, images []Image) string {
	i := slices.IndexFunc(images, func(image Image) bool { return image.Ref == ref })
	if i < 0 || strings.Contains(ref, "@") {
		return ref + "||"
	}
	return ref + "|" + images[i].ID + "|" + images[i].Digest
}

// pullAttempts is how often a pull is tried when the registry may get better.
const pullAttempts = 3

// pull sees to it that the host has every image, before anything stops.
func (r *run) pull(ctx context.Context, items []string, logins []registry.Login) error {
	when := "missing"
	if r.o.PullAlways && len(logins) > 0 {
		when = "always"
	}
	preamble := fmt.Sprintf("logins=%d\n", len(logins)) + login(logins)
	err := retry.Do(ctx, retry.Sleep, func() error {
		_, err := r.script(ctx, "pull", preamble, append([]string{when}, items...)...)
		return err
	}, func(attempt int, err error) (time.Duration, error) {
		if exitOf(err) != exitTemporary || attempt == pullAttempts {
			return 0, err
		}
		r.o.Progress.Say("pull failed, trying again: %v", err)
		return time.Duration(attempt*attempt) * time.Second, nil
	})
	if err != nil {
		return fmt.Errorf("pulling images: %w; nothing was stopped", err)
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

// warn writes down and tells what went wrong without stopping the run.
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

// finish leaves the receipt on the host.
func (r *run) finish(ctx context.Context) {
	r.receipt.Seconds = seconds(time.Since(r.receipt.Started))
	name := r.receipt.Release
	if name == "" {
		name = r.state.now + "-" + r.target.commit
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tidyPatience)
	defer cancel()
	content, err := encode(r.receipt)
	if err == nil && r.state.now != "" {
		file := r.state.now + "-" + r.receipt.Kind + "-" + short(r.target.commit) + ".json"
		err = r.host.Upload(ctx, path.Join(r.Dir, "receipts", file), 0o600, content)
	}
	if err != nil {
		r.warn("leaving the receipt of %s on the host: %v", name, err)
	}
}

func encode(value any) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return out.Bytes(), err
}
