package deploy

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"gitops/ci/compose"
	"gitops/ci/progress"
	"gitops/ci/secret"
)

// target is what a run wants to be running.
type target struct {
	// release is the folder on the host; empty until it is made.
	release  string
	commit   string
	manifest *compose.Manifest
	bundle   bundle
	env      map[string]secret.Value
	// images have the IDs and digests that the refs of an earlier release had.
	images []Image
	// byHand is what somebody started without gitops, where it is; its paths stay.
	byHand *stack
}

// newTarget reads the manifest of a deploy.
func newTarget(ctx context.Context, o Options) (target, error) {
	source := o.Source
	source.Env = o.Env
	m, err := readManifest(ctx, source)
	if err != nil {
		return target{}, err
	}
	if err := checkBefore(o.Before, m); err != nil {
		return target{}, err
	}
	b, err := pack(m, source)
	b.layout.Rename = o.Rename
	return target{commit: o.Commit, manifest: m, bundle: b, env: o.Env}, err
}

// readManifest reads a manifest that is to be deployed, and refuses what could not
// run.
func readManifest(ctx context.Context, s compose.Source) (*compose.Manifest, error) {
	m, err := compose.Load(ctx, s)
	if err != nil {
		return nil, fmt.Errorf("%w; nothing was touched", err)
	}
	return m, nil
}

// stored returns a release of the host as a target without its manifest, and the
// folder with a copy of what Compose reads of it.
func (m *remote) stored(ctx context.Context, release Release) (target, string, error) {
	out, err := m.script(ctx, "retrieve", "", m.folder(release.Name))
	if err != nil {
		return target{}, "", fmt.Errorf("reading release %s on the host: %w", release.Name, err)
	}
	return m.unpacked(release, out)
}

// unpacked is stored for what retrieve.sh wrote.
func (m *remote) unpacked(release Release, archive string) (t target, folder string, err error) {
	t = target{release: release.Name, commit: release.Commit, images: release.Images}
	t.bundle = bundle{layout: release.layout, content: map[string]content{}}
	if len(release.Manifests) == 0 { // of before there was a layout
		t.bundle.layout = layout{Manifests: []string{"docker-compose.yml"}}
	}
	for name, place := range release.Files {
		sum, base, _ := strings.Cut(place, "/")
		use, _, _ := strings.Cut(name, " ")
		t.bundle.content[name] = content{sum: sum, base: base, use: compose.Use(use), parts: release.Parts[name]}
	}
	if folder, err = os.MkdirTemp("", "gitops-release-"); err != nil {
		return t, "", err
	}
	content, err := base64.StdEncoding.DecodeString(strings.TrimSpace(archive))
	if err == nil {
		err = extract(content, folder)
	}
	if err == nil {
		t.bundle.sum, err = sumOf(folder)
	}
	if err != nil {
		os.RemoveAll(folder)
		return t, "", fmt.Errorf("reading release %s on the host: %w", release.Name, err)
	}
	return t, folder, nil
}

// source returns how to read the copy of a target in a folder. Its other files are on
// the host.
func (t target) source(folder string) compose.Source {
	return compose.Source{Root: folder, Manifests: t.bundle.layout.Manifests, Profiles: t.bundle.layout.Profiles, FilesElsewhere: true}
}

// name is what messages call the target.
func (t target) name() string {
	if t.byHand != nil {
		return strings.Join(t.byHand.files, ", ")
	}
	return "release " + t.release
}

// extract unpacks the files of an archive into a folder.
func extract(archive []byte, folder string) error {
	reader := tar.NewReader(bytes.NewReader(archive))
	for {
		header, err := reader.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case header.Typeflag != tar.TypeReg:
			continue
		case !filepath.IsLocal(header.Name):
			return fmt.Errorf("the archive has %s, which is outside of it", header.Name)
		}
		to := filepath.Join(folder, header.Name) //nolint:gosec // it was found local above
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			return err
		}
		content, err := io.ReadAll(reader)
		if err == nil {
			err = os.WriteFile(to, content, 0o600)
		}
		if err != nil {
			return err
		}
	}
}

// stack returns the compose files of a target, on the host.
func (r *run) stack(t target) stack {
	if t.byHand != nil {
		return t.byHand.with(r.override(t))
	}
	return t.bundle.layout.in(r.folder(t.release)).with(r.override(t))
}

// override returns where the override of a target is on the host.
func (r *run) override(t target) string {
	if t.byHand != nil {
		return path.Join(r.Dir, "adopted."+overrideFile)
	}
	return path.Join(r.folder(t.release), overrideFile)
}

// compose returns the shell function that runs docker compose on a target, with the
// values of its variables.
func (r *run) compose(t target) string {
	return withEnv(t.env) + r.stack(t).function(r.Project)
}

// folder returns where a release is on the host.
func (m *remote) folder(release string) string { return path.Join(m.Dir, "releases", release) }

// changed refuses a release whose files somebody changed on the host.
func (t target) changed(release Release, dir string) error {
	if release.Manifest == t.bundle.sum {
		return nil
	}
	return progress.Refused("the manifest of release %s is not what was deployed: somebody changed a file in %s; deploy that commit from git instead",
		release.Name, path.Join(dir, "releases", release.Name))
}
