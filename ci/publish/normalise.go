package publish

import (
	"archive/tar"
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// form is what an image is given in place of what depends on its build.
type form struct {
	created     time.Time
	labels      map[string]string // added to the image's own
	annotations map[string]string // of its manifest
	// platform takes the place of what the engine says, unless it is nil.
	platform *v1.Platform
}

// normalise returns image with everything that depends on when, where and by which
// engine it was built taken out: every time becomes that of the form, and layers and
// configuration are written in one way. The layers of the base image, given by the
// digests of their content, keep every byte of it: hosts have them once for all
// images on that base, and scanners know the base by them. Layers are written to the
// folder dir, and the image reads them from there.
func normalise(image v1.Image, base []string, f form, dir string) (v1.Image, error) {
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
			return settleEntries(to, from, f.created.UTC().Truncate(time.Second))
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
	raw, err := image.RawConfigFile()
	if err != nil {
		return nil, fmt.Errorf("reading the image's configuration: %w", err)
	}
	config, err := settledConfig(raw, result, f)
	if err != nil {
		return nil, fmt.Errorf("settling the image's configuration: %w", err)
	}
	return &configured{result, config, f.annotations}, nil
}

// written is a layer in a file, compressed, as partial.CompressedToLayer takes one.
type written struct {
	file           string
	digest, diffID v1.Hash // of the file, and of what is compressed in it
	size           int64
}

func (w *written) Digest() (v1.Hash, error)            { return w.digest, nil }
func (w *written) DiffID() (v1.Hash, error)            { return w.diffID, nil }
func (w *written) Size() (int64, error)                { return w.size, nil }
func (w *written) MediaType() (types.MediaType, error) { return types.OCILayer, nil }
func (w *written) Compressed() (io.ReadCloser, error)  { return os.Open(w.file) }

// rewrite writes a layer to file: what settle makes of it, compressed by us, as
// engines do not agree on how.
func rewrite(layer v1.Layer, file string, settle func(io.Writer, io.Reader) error) (v1.Layer, error) {
	content, err := plain(layer)
	if err != nil {
		return nil, err
	}
	defer content.Close()
	out, err := os.Create(file)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	packed, unpacked := sha256.New(), sha256.New()
	zipped := gzip.NewWriter(io.MultiWriter(out, packed))
	if err := settle(io.MultiWriter(zipped, unpacked), content); err != nil {
		return nil, err
	}
	if err := zipped.Close(); err != nil {
		return nil, err
	}
	size, err := out.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil, err
	}
	return partial.CompressedToLayer(&written{file, hashOf(packed), hashOf(unpacked), size})
}

// plain returns a layer's archive. go-containerregistry concludes from the first layer
// of a saved image how all of them are stored, and engines mix: a layer behind one
// that is not compressed comes from it still compressed.
func plain(layer v1.Layer) (io.ReadCloser, error) {
	content, err := layer.Uncompressed()
	if err != nil {
		return nil, err
	}
	from, err := unpack(bufio.NewReader(content))
	if err != nil {
		return nil, errors.Join(err, content.Close())
	}
	return struct {
		io.Reader
		io.Closer
	}{from, content}, nil
}

// unpack decompresses what begins as gzip or zstd does.
func unpack(from *bufio.Reader) (io.Reader, error) {
	start, err := from.Peek(4)
	switch {
	case err != nil && !errors.Is(err, io.EOF):
		return nil, err
	case bytes.HasPrefix(start, []byte("\x1f\x8b")):
		return gzip.NewReader(from)
	case bytes.Equal(start, []byte("\x28\xb5\x2f\xfd")):
		return zstd.NewReader(from, zstd.WithDecoderConcurrency(1)) // one: without goroutines
	}
	return from, nil
}

func hashOf(sum hash.Hash) v1.Hash {
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum.Sum(nil))}
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
		if _, err := io.Copy(out, in); err != nil { //nolint:gosec // the image is one that was built here
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

// assemble returns an OCI image of layers.
func assemble(layers []v1.Layer) (v1.Image, error) {
	return mutate.AppendLayers(mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON), layers...)
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
