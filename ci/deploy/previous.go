package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"strings"

	"gitops/ci/compose"
	"gitops/ci/progress"
	"gitops/ci/secret"
)

// look reads what runs and how it could be started again.
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

// adopt returns the manifest of containers that are not from the current release.
// Containers that a killed first deploy left behind have none.
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

// recoverEnv reads the values that the running containers were started with.
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
	containers, err := r.environments(ctx)
	if err != nil {
		return fmt.Errorf("reading what the containers were started with: %w", err)
	}
	if r.env == nil {
		r.env = map[string]secret.Value{}
	}
	maps.Copy(r.env, recoverEnv(file, containers))
	r.redactor = redactor(r.o, r.env)
	if err := needs(file, r.env); err != nil {
		r.warn("a failed deploy could not go back: release %s: %v", r.state.Current, err)
	}
	return nil
}

// environments returns what each container of the project was started with.
func (r *run) environments(ctx context.Context) ([]environment, error) {
	out, err := r.script(ctx, "environment", "")
	if err != nil {
		return nil, err
	}
	var containers []environment
	for line := range strings.Lines(out) {
		var e environment
		if json.Unmarshal([]byte(line), &e) != nil {
			return nil, errors.New("the answer of docker inspect is not JSON") // which may hold secrets
		}
		containers = append(containers, e)
	}
	return containers, nil
}

func (r *run) oldManifest(ctx context.Context) (*compose.Project, error) {
	content, err := r.script(ctx, "manifest", "", r.previous)
	if err != nil {
		return nil, err
	}
	return compose.Read([]byte(content), r.previous)
}
