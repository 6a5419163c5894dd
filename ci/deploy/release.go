package deploy

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"path"
	"strings"
)

// Release is a manifest with its refs, as put on a host.
type Release struct {
	// Name is its folder in releases: <UTC time>-<commit>.
	Name string `json:"name"`
	// Commit is where the manifest comes from, Actor who deployed it first.
	Commit string `json:"commit"`
	Actor  string `json:"actor"`
	// Manifest is the SHA-256 of what Compose reads: of the manifest, where it is one
	// file.
	Manifest string `json:"manifest"`
	layout
	// Files are the places below files of what its containers use, by use and path in
	// its folder.
	Files map[string]string `json:"files,omitempty"`
	// Engine is what runs it, EngineCompose when empty; Parts are the files in Files, for
	// a swarm.
	Engine string            `json:"engine,omitempty"`
	Parts  map[string][]part `json:"parts,omitempty"`
	// Images are what its services ran when it was healthy.
	Images []Image `json:"images"`
}

// String names the release for people.
func (r Release) String() string {
	return fmt.Sprintf("%s (%s, by %s)", r.Name, short(r.Commit), r.Actor)
}

// upload puts what Compose reads into a new release, and beside the releases what
// their containers use. It uses the current release again when that has the same
// files from the same commit.
func (r *run) upload(ctx context.Context) error {
	if r.target.release != "" {
		r.receipt.Release = r.target.release
		return nil
	}
	if err := r.place(ctx); err != nil {
		return err
	}
	current := r.state.release(r.state.Current)
	if current != nil && current.Commit == r.target.commit && current.Manifest == r.target.bundle.sum && maps.Equal(current.Files, r.target.bundle.places()) {
		r.target.release, r.receipt.Release = current.Name, current.Name
		return nil
	}
	name := r.state.now + "-" + r.target.commit
	if _, err := r.script(ctx, "open", r.target.bundle.unpack(), name); err != nil {
		return fmt.Errorf("making release %s: %w", name, err)
	}
	r.target.release, r.receipt.Release, r.opened = name, name, true
	return nil
}

// place puts the files that containers use on the host, those that it lacks.
func (r *run) place(ctx context.Context) error {
	bySum := map[string]content{}
	for _, c := range r.target.bundle.content {
		bySum[c.sum] = c
	}
	if len(bySum) == 0 {
		return nil
	}
	out, err := r.script(ctx, "lacks", "", sortedKeys(bySum)...)
	if err != nil {
		return fmt.Errorf("looking for files on the host: %w", err)
	}
	for _, lacking := range strings.Fields(out) {
		to := path.Join(r.Dir, ".files."+lacking+".tar")
		if err := r.host.Upload(ctx, to, 0o600, bySum[lacking].archive); err != nil {
			return err
		}
		if _, err := r.script(ctx, "place", "", to, lacking); err != nil {
			return fmt.Errorf("placing %s on the host: %w", bySum[lacking].base, err)
		}
	}
	return nil
}

// places returns where the files that containers use are, below files, by use and path
// in the release.
func (b bundle) places() map[string]string {
	if len(b.content) == 0 {
		return nil
	}
	all := map[string]string{}
	for name, c := range b.content {
		use, file, _ := strings.Cut(name, " ")
		all[use+" "+b.within(file)] = c.sum + "/" + c.base
	}
	return all
}

// parts returns the files in what containers use.
func (b bundle) parts() map[string][]part {
	all := map[string][]part{}
	for name, c := range b.content {
		all[name] = c.parts
	}
	return all
}

func (r *run) writeRelease(ctx context.Context, services []Service) error {
	release := Release{
		Name: r.target.release, Commit: r.target.commit, Actor: r.o.Actor, layout: r.target.bundle.layout,
		Manifest: r.target.bundle.sum, Files: r.target.bundle.places(), Images: images(services),
	}
	if r.onSwarm() {
		release.Engine, release.Parts = EngineSwarm, r.target.bundle.parts()
	}
	content, err := encode(release)
	if err != nil {
		return err
	}
	return r.host.Upload(ctx, path.Join(r.folder(release.Name), "release.json"), 0o600, content)
}

func sum(content []byte) string {
	hash := sha256.Sum256(content)
	return "sha256:" + hex.EncodeToString(hash[:])
}
