package deploy

import (
	"context"
	"os"
	"strings"

	"gitops/ci/compose"
	"gitops/ci/progress"
)

// RollbackOptions say where to go back to. Manifest and Commit of the Options
// come from the release; Env and Logins are needed as for a deploy.
type RollbackOptions struct {
	Options
	// Release is its name, or the start of its commit; the one before the
	// current release when empty.
	Release string
}

// Rollback deploys an earlier release again: same lock, gate and receipt. Images
// are what they were then, also when a tag has moved since, and need no registry
// as long as the host has them.
func Rollback(ctx context.Context, h Host, o RollbackOptions) (Receipt, error) {
	options, err := o.common()
	if err != nil {
		return Receipt{}, err
	}
	r := newRun(h, options, KindRollback)
	if err := r.reach(ctx); err != nil {
		return r.receipt, err
	}
	if err := r.step(ctx, "choose", func(ctx context.Context) error { return r.choose(ctx, o.Release) }); err != nil {
		return r.receipt, err
	}
	return r.do(ctx)
}

// choose makes the named release the target of the run.
func (r *run) choose(ctx context.Context, wanted string) error {
	state, err := r.remote.state(ctx)
	if err != nil {
		return err
	}
	release, err := state.find(wanted)
	if err != nil {
		return err
	}
	t, folder, err := r.stored(ctx, *release)
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	if err := t.changed(*release, r.Dir); err != nil {
		return err
	}
	source := t.source(folder)
	written, err := compose.ReadWritten(ctx, source)
	if err != nil {
		return err
	}
	t.env = withImages(r.o.Env, written, t.images)
	source.Env = t.env
	t.manifest, err = readManifest(ctx, source)
	r.target = t
	return err
}

// find returns the release with this name or commit, or the one before the
// current when wanted is empty.
func (s *State) find(wanted string) (*Release, error) {
	for i := len(s.Releases) - 1; i >= 0; i-- {
		release := &s.Releases[i]
		switch {
		case wanted == "" && s.Current != "" && release.Name < s.Current,
			wanted != "" && (release.Name == wanted || len(wanted) >= 7 && strings.HasPrefix(release.Commit, wanted)):
			return release, nil
		}
	}
	var names []string
	for _, release := range s.Releases {
		names = append(names, release.String())
	}
	there := "there are: " + strings.Join(names, ", ")
	if len(names) == 0 {
		there = "there are none in " + s.Dir
	}
	if wanted == "" {
		return nil, progress.Invalid("no release before the current one to roll back to; %s", there)
	}
	return nil, progress.Invalid("no release %q to roll back to; %s", wanted, there)
}
