package deploy

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
)

// Release is a manifest with its refs, as put on a host.
type Release struct {
	// Name is its folder in releases: <UTC time>-<commit>.
	Name string `json:"name"`
	// Commit is where the manifest comes from, Actor who deployed it first.
	Commit string `json:"commit"`
	Actor  string `json:"actor"`
	// Manifest is the SHA-256 of the manifest.
	Manifest string `json:"manifest"`
	// Images are what its services ran when it was healthy.
	Images []Image `json:"images"`
}

// String names the release for people.
func (r Release) String() string {
	return fmt.Sprintf("%s (%s, by %s)", r.Name, short(r.Commit), r.Actor)
}

// upload puts the manifest into a new release. It uses the current release again when
// that has the same manifest from the same commit.
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

func (r *run) writeRelease(ctx context.Context, services []Service) error {
	release := Release{
		Name: r.target.release, Commit: r.target.commit, Actor: r.o.Actor,
		Manifest: sum(r.target.manifest), Images: images(services),
	}
	content, err := encode(release)
	if err != nil {
		return err
	}
	return r.host.Upload(ctx, path.Join(r.Dir, "releases", release.Name, "release.json"), 0o600, content)
}

func sum(content []byte) string {
	hash := sha256.Sum256(content)
	return "sha256:" + hex.EncodeToString(hash[:])
}
