package publish

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// packers are the ways in which engines store a layer.
var packers = map[string]func(io.Writer) io.WriteCloser{
	"plain": func(w io.Writer) io.WriteCloser { return nothing{w} },
	"gzip":  func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) },
	"zstd": func(w io.Writer) io.WriteCloser {
		packed, _ := zstd.NewWriter(w)
		return packed
	},
}

type nothing struct{ io.Writer }

func (nothing) Close() error { return nil }

// save writes an image of two layers in the form of docker save, each layer packed
// in its way.
func save(t *testing.T, image v1.Image, first, second string) string {
	t.Helper()
	config, err := image.RawConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	layers, err := image.Layers()
	if err != nil {
		t.Fatal(err)
	}
	manifest, _ := json.Marshal([]map[string]any{{"Config": "config.json", "Layers": []string{"0", "1"}}})
	files := map[string][]byte{"config.json": config, "manifest.json": manifest}
	for i, way := range []string{first, second} {
		content, err := layers[i].Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		var packed bytes.Buffer
		w := packers[way](&packed)
		io.Copy(w, content)
		w.Close()
		files[string(rune('0'+i))] = packed.Bytes()
	}
	path := filepath.Join(t.TempDir(), "image.tar")
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	archive := tar.NewWriter(out)
	for name, content := range files {
		archive.WriteHeader(&tar.Header{Name: name, Size: int64(len(content)), Mode: 0o644})
		archive.Write(content)
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// An image is the same however its layers are stored in what the engine saved.
func TestLayersMayBeStoredInAnyWay(t *testing.T) {
	image, _ := builtAt(t, layer(t, "base", commitTime), commitTime, "host")
	base := save(t, image, "gzip", "gzip")
	var want v1.Hash
	for _, ways := range [][2]string{{"gzip", "gzip"}, {"plain", "plain"}, {"plain", "gzip"}, {"gzip", "plain"}, {"plain", "zstd"}} {
		for _, from := range []string{"", base} {
			dir := filepath.Join(t.TempDir(), "image")
			if err := Layout(Options{Tag: "c", Created: commitTime}, "inputs", save(t, image, ways[0], ways[1]), from, "", dir); err != nil {
				t.Errorf("%v: %v", ways, err)
				continue
			}
			index, err := layout.ImageIndexFromPath(dir)
			if err != nil {
				t.Fatal(err)
			}
			digest, _ := index.Digest()
			if want == (v1.Hash{}) {
				want = digest
			}
			if from == "" && digest != want {
				t.Errorf("%v gave %s, and gzip alone %s", ways, digest, want)
			}
		}
	}
}
