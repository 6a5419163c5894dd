package publish

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"gitops/ci/attest"
	"gitops/ci/progress"
)

// What was built goes to the registry by way of a folder, so that any engine can
// have built it. It has a folder for each service, and in that one for each
// platform, by any name, with these in it.
const (
	// ImageFolder is an OCI layout with one image.
	ImageFolder = "image"
	// SBOMFile is its bill of materials, as SPDX.
	SBOMFile = "sbom.json"
	// BasesFile lists the images that it was built from.
	BasesFile = "bases.json"
)

// Layout writes the image in archive, in the form of docker save, to dir as an OCI
// layout: with the service's labels, all times those of the commit. The layers of
// base, another archive, keep their times; it is empty for an image that starts
// from scratch. The platform is what was asked for, if anything was.
func Layout(o Options, inputs, archive, base, platform, dir string) error {
	image, err := tarball.ImageFromPath(archive, nil)
	if err != nil {
		return progress.Invalid("reading the built image: %w", err)
	}
	var asked *v1.Platform
	if base == "" && platform != "" {
		// Dagger's engine forgets the platform of an image that starts from nothing.
		if asked, err = v1.ParsePlatform(platform); err != nil {
			return progress.Invalid("platform %q: %w", platform, err)
		}
	} else if err := checkPlatform(image, platform); err != nil {
		return err
	}
	var layers []string
	if base != "" {
		if layers, err = archiveLayers(base); err != nil {
			return progress.Invalid("reading the base image: %w", err)
		}
	}
	return o.layout(image, layers, asked, inputs, dir)
}

func archiveLayers(archive string) ([]string, error) {
	image, err := tarball.ImageFromPath(archive, nil)
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	var layers []string
	for _, id := range config.RootFS.DiffIDs {
		layers = append(layers, id.String())
	}
	return layers, nil
}

func (o Options) layout(image v1.Image, base []string, platform *v1.Platform, inputs, dir string) error {
	layers, err := os.MkdirTemp("", "gitops-layers-")
	if err != nil {
		return fmt.Errorf("making a folder for layers: %w", err)
	}
	defer os.RemoveAll(layers)
	if image, err = normalise(image, base, form{o.Created, o.labels(), o.annotations(inputs), platform}, layers); err != nil {
		return err
	}
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	path, err := layout.Write(dir, index)
	if err == nil {
		err = path.AppendImage(image)
	}
	if err != nil {
		return fmt.Errorf("writing the image: %w", err)
	}
	return nil
}

// part is an image for one platform, as the folder has it.
type part struct {
	image    v1.Image
	platform *v1.Platform
	sbom     []byte
	bases    []attest.Material
}

// readParts reads what was built for a service.
func readParts(dir string) ([]part, error) {
	platforms, err := os.ReadDir(dir)
	if err != nil {
		return nil, progress.Invalid("reading what was built: %w", err)
	}
	var parts []part
	for _, platform := range platforms {
		p, err := readPart(filepath.Join(dir, platform.Name()))
		if err != nil {
			return nil, progress.Invalid("reading what was built in %s: %w", filepath.Join(filepath.Base(dir), platform.Name()), err)
		}
		parts = append(parts, p)
	}
	if len(parts) == 0 {
		return nil, progress.Invalid("reading what was built: %s is empty", dir)
	}
	return parts, nil
}

func readPart(dir string) (part, error) {
	index, err := layout.ImageIndexFromPath(filepath.Join(dir, ImageFolder))
	if err != nil {
		return part{}, err
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return part{}, err
	}
	if count := len(manifest.Manifests); count != 1 {
		return part{}, fmt.Errorf("the OCI layout has %d images instead of one", count)
	}
	var p part
	if p.image, err = index.Image(manifest.Manifests[0].Digest); err != nil {
		return p, err
	}
	config, err := p.image.ConfigFile()
	if err != nil {
		return p, err
	}
	p.platform = config.Platform()
	for file, read := range map[string]func([]byte) error{
		SBOMFile:  func(text []byte) error { p.sbom = text; return nil },
		BasesFile: func(text []byte) error { return json.Unmarshal(text, &p.bases) },
	} {
		text, err := os.ReadFile(filepath.Join(dir, file))
		if err == nil {
			err = read(text)
		}
		if err != nil && !os.IsNotExist(err) {
			return p, err
		}
	}
	return p, nil
}

// image is what is pushed: an image, or the index of those for several platforms.
type image interface {
	Digest() (v1.Hash, error)
	MediaType() (types.MediaType, error)
	RawManifest() ([]byte, error)
}

// join returns the one image of parts, or their index.
func (o Options) join(parts []part, inputs string) image {
	if len(parts) == 1 {
		return parts[0].image
	}
	slices.SortFunc(parts, func(a, b part) int { return strings.Compare(a.platform.String(), b.platform.String()) })
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, p := range parts {
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: p.image, Descriptor: v1.Descriptor{Platform: p.platform}})
	}
	return mutate.Annotations(index, o.annotations(inputs)).(v1.ImageIndex)
}

// annotations are those of the manifest: the labels, which registries show, and
// what the image is made of.
func (o Options) annotations(inputs string) map[string]string {
	all := maps.Clone(o.labels())
	all[inputsKey] = inputs
	return all
}
