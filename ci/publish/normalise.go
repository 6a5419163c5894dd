package publish

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/gzip"
)

// normalise returns image with everything that depends on when, where and by which
// engine it was built taken out: every time becomes created, and layers are written
// in one form. The layers of the base image, given by the digests of their content,
// keep every byte of it: hosts have them once for all images on that base, and
// scanners know the base by them. Labels are added to the image's own. Layers are
// written to the folder dir, and the image reads them from there.
func normalise(image v1.Image, base []string, created time.Time, labels map[string]string, dir string) (v1.Image, error) {
	layers, err := image.Layers()
	if err != nil {
		return nil, fmt.Errorf("reading layers: %w", err)
	}
	kept, err := prefix(layers, base)
	if err != nil {
		return nil, err
	}
	for i := range layers {
		settle := func(to io.Writer, from io.Reader) error {
			return settleEntries(to, from, created.UTC().Truncate(time.Second))
		}
		if i < kept {
			settle = func(to io.Writer, from io.Reader) error { _, err := io.Copy(to, from); return err }
		}
		if layers[i], err = rewrite(layers[i], filepath.Join(dir, fmt.Sprintf("layer-%d.tar.gz", i)), settle); err != nil {
			return nil, fmt.Errorf("rewriting a layer: %w", err)
		}
	}
	result, err := assemble(layers)
	if err != nil {
		return nil, fmt.Errorf("putting layers together: %w", err)
	}
	config, err := settledConfig(image, result, created, labels)
	if err != nil {
		return nil, err
	}
	return mutate.ConfigFile(result, config)
}

// rewrite writes a layer to file: what settle makes of it, compressed by us, as
// engines do not agree on how.
func rewrite(layer v1.Layer, file string, settle func(io.Writer, io.Reader) error) (v1.Layer, error) {
	content, err := layer.Uncompressed()
	if err != nil {
		return nil, err
	}
	defer content.Close()
	out, err := os.Create(file)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	zipped := gzip.NewWriter(out)
	if err := settle(zipped, content); err != nil {
		return nil, err
	}
	if err := zipped.Close(); err != nil {
		return nil, err
	}
	return tarball.LayerFromFile(file)
}

// settleEntries gives every entry of an archive the time at, and leaves nothing of
// what engines write differently.
func settleEntries(to io.Writer, from io.Reader, at time.Time) error {
	in, out := tar.NewReader(from), tar.NewWriter(to)
	for {
		header, err := in.Next()
		if errors.Is(err, io.EOF) {
			return out.Close()
		}
		if err != nil {
			return err
		}
		if err := out.WriteHeader(settledHeader(header, at)); err != nil {
			return err
		}
		if _, err := io.Copy(out, in); err != nil {
			return err
		}
	}
}

// settledHeader returns an entry's header in one form: owners by number, no bits of
// the file's kind in its mode, one time.
func settledHeader(header *tar.Header, at time.Time) *tar.Header {
	settled := &tar.Header{
		Typeflag: header.Typeflag, Name: header.Name, Linkname: header.Linkname, Size: header.Size, Mode: header.Mode & 0o7777,
		Uid: header.Uid, Gid: header.Gid, ModTime: at, Devmajor: header.Devmajor, Devminor: header.Devminor,
	}
	for key, value := range header.PAXRecords {
		if strings.HasPrefix(key, "SCHILY.xattr.") {
			if settled.PAXRecords == nil {
				settled.PAXRecords = map[string]string{}
			}
			settled.PAXRecords[key] = value
		}
	}
	return settled
}

// assemble returns an OCI image of layers, whatever engine they come from.
func assemble(layers []v1.Layer) (v1.Image, error) {
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	var adds []mutate.Addendum
	for _, layer := range layers {
		kind, err := layer.MediaType()
		if err != nil {
			return nil, err
		}
		switch kind {
		case types.DockerLayer:
			kind = types.OCILayer
		case types.DockerUncompressedLayer:
			kind = types.OCIUncompressedLayer
		}
		adds = append(adds, mutate.Addendum{Layer: layer, MediaType: kind})
	}
	return mutate.Append(image, adds...)
}

// prefix returns how many of the layers are the base image's: all of base, or
// none when the image does not start with it.
func prefix(layers []v1.Layer, base []string) (int, error) {
	if len(base) > len(layers) {
		return 0, nil
	}
	for i := range base {
		id, err := layers[i].DiffID()
		if err != nil {
			return 0, fmt.Errorf("reading layers: %w", err)
		}
		if id.String() != base[i] {
			return 0, nil
		}
	}
	return len(base), nil
}

// madeUp is the comment of BuildKit's exporter on the history of a layer that has
// none: it tells how the layer got into the engine's cache, by luck this way or that.
const madeUp = "buildkit.exporter.image.v0"

// settledConfig returns image's configuration for the layers of result.
func settledConfig(image, result v1.Image, created time.Time, labels map[string]string) (*v1.ConfigFile, error) {
	config, err := image.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("reading the image's configuration: %w", err)
	}
	layers, err := result.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("reading the image's configuration: %w", err)
	}
	config = config.DeepCopy()
	config.RootFS = layers.RootFS
	config.Created = v1.Time{Time: created.UTC()}
	config.Container, config.DockerVersion = "", ""
	config.Config.Hostname, config.Config.Image = "", ""
	if config.Config.Labels == nil {
		config.Config.Labels = map[string]string{}
	}
	maps.Copy(config.Config.Labels, labels)
	for i := range config.History {
		config.History[i].Created = config.Created
		if config.History[i].Comment == madeUp {
			config.History[i].CreatedBy, config.History[i].Comment = "", ""
		}
	}
	return config, nil
}
