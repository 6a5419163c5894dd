package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"gitops/ci/compose"
	"gitops/ci/progress"
	"gitops/ci/secret"
)

// look reads what runs and how it could be started again.
func (r *run) look(ctx context.Context) error {
	if r.onSwarm() {
		return r.lookSwarm(ctx)
	}
	said, err := r.scripts(ctx, call{name: "read"}, call{name: "containers"}, call{name: "volumes"}, call{name: "environment"},
		call{"retrieve", []string{path.Join(r.Dir, "current")}})
	if err != nil {
		return fmt.Errorf("reading %s on the host: %w", r.Dir, err)
	}
	if err := r.remember(said); err != nil {
		return err
	}
	r.volumes = strings.Fields(said["volumes"])
	containers, err := parseEnvironments(said["environment"])
	if err != nil {
		return fmt.Errorf("reading what the containers were started with: %w", err)
	}
	if release := r.state.release(r.state.Current); release != nil {
		return r.recallCurrent(ctx, *release, said["retrieve"], containers)
	}
	return r.adopt(ctx, containers)
}

// remember takes the state of the place, and refuses what a person went back from.
func (r *run) remember(said map[string]string) (err error) {
	if r.state, err = r.stateOf(said); err != nil {
		return err
	}
	r.receipt.Previous = r.state.Current
	return r.heed()
}

// recallCurrent recalls the current release from what retrieve.sh wrote.
func (r *run) recallCurrent(ctx context.Context, release Release, archive string, containers []environment) error {
	if err := r.sameEngine(release); err != nil {
		return err
	}
	r.receipt.PreviousCommit = release.Commit
	t, folder, err := r.unpacked(release, archive)
	if err != nil {
		return err
	}
	return r.recall(ctx, t, folder, containers)
}

// heed refuses to deploy again what a person went back from.
func (r *run) heed() error {
	last := r.state.Last
	if r.receipt.Kind != KindDeploy || r.o.OverRollback || last == nil || last.Kind != KindRollback || last.Outcome != Deployed {
		return nil
	}
	for _, release := range r.state.Releases {
		if release.Name > r.state.Current && release.Commit == r.target.commit {
			return progress.Refused("%s went back from commit %s to release %s at %s: deploy a later commit, or give --over-rollback; nothing was touched",
				last.Actor, short(r.target.commit), r.state.Current, last.Started.Format("2006-01-02 15:04 UTC"))
		}
	}
	return nil
}

// adopt finds the compose files of containers that are not from the current release.
// Containers that a killed first deploy left behind have none.
func (r *run) adopt(ctx context.Context, containers []environment) error {
	for _, s := range r.state.Services {
		release, ours := strings.CutPrefix(s.file, path.Join(r.Dir, "releases")+"/")
		release, _, _ = strings.Cut(release, "/")
		stored := r.state.release(release)
		switch {
		case ours && stored != nil:
			return r.recallRelease(ctx, *stored, containers)
		case ours:
			continue
		case !path.IsAbs(s.file):
			return progress.Refused("project %s already has containers, as %s, but no release and no manifest to go back to: "+
				"remove them, or choose another project name; nothing was touched", r.Project, s.Container)
		}
		byHand := stack{folder: s.folder, files: strings.Split(s.file, ",")}
		byHand.files = slices.DeleteFunc(byHand.files, func(file string) bool { return file == path.Join(r.Dir, "adopted."+overrideFile) })
		r.warn("the containers of project %s were started by hand from %s: a failed deploy goes back to that file", r.Project, s.file)
		return r.recallByHand(ctx, byHand, containers)
	}
	return nil
}

func (r *run) recallRelease(ctx context.Context, release Release, containers []environment) error {
	t, folder, err := r.stored(ctx, release)
	if err != nil {
		return err
	}
	return r.recall(ctx, t, folder, containers)
}

// recallByHand reads compose files where somebody has them on the host.
func (r *run) recallByHand(ctx context.Context, s stack, containers []environment) error {
	t := target{byHand: &s, bundle: bundle{content: map[string]content{}}}
	folder, err := os.MkdirTemp("", "gitops-by-hand-")
	if err != nil {
		return err
	}
	for i, file := range s.files {
		text, err := r.script(ctx, "manifest", "", file)
		if err != nil {
			r.noWayBack("reading %s: %v", file, err)
			return os.RemoveAll(folder)
		}
		name := fmt.Sprintf("%d-%s", i, path.Base(file))
		t.bundle.layout.Manifests = append(t.bundle.layout.Manifests, name)
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return r.recall(ctx, t, folder, containers)
}

// recall remembers what ran before, with the values that it was started with. Where
// it cannot be read, the deploy goes on, with a warning.
func (r *run) recall(ctx context.Context, t target, folder string, containers []environment) error {
	defer os.RemoveAll(folder)
	source := t.source(folder)
	written, err := compose.ReadWritten(ctx, source)
	if err == nil {
		t.env = map[string]secret.Value{}
		maps.Copy(t.env, r.o.Env)
		maps.Copy(t.env, recoverEnv(written, containers))
		r.redactor = redactor(r.o, t.env)
		t.env = withImages(withImages(t.env, written, t.images), written, images(r.state.Services))
		source.Env = t.env
		t.manifest, err = readManifest(ctx, source)
	}
	if err != nil {
		r.noWayBack("%s, which runs now: %v", t.name(), err)
		return nil
	}
	r.previous, r.running = &t, t.manifest.Project
	return nil
}

// noWayBack remembers that what runs cannot be started again.
func (r *run) noWayBack(format string, args ...any) {
	r.stranded = true
	r.warn("a failed deploy could not go back: "+format, args...)
}

// parseEnvironments reads what environment.sh prints: what each container of the
// project was started with.
func parseEnvironments(out string) (containers []environment, err error) {
	for line := range strings.Lines(out) {
		var e environment
		if json.Unmarshal([]byte(line), &e) != nil {
			return nil, errors.New("the answer of docker inspect is not JSON") // which may hold secrets
		}
		containers = append(containers, e)
	}
	return containers, nil
}
