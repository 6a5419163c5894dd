package publish

import (
	"archive/tar"
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

var commitTime = time.Date(2026, 3, 4, 5, 6, 7, 0, time.FixedZone("", 3600))

func layer(t *testing.T, content string, modified time.Time) v1.Layer {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	w.WriteHeader(&tar.Header{Name: "file", Size: int64(len(content)), Mode: 0o755, Uname: "builder", ModTime: modified})
	io.WriteString(w, content)
	w.Close()
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(out.Bytes())), nil })
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// builtAt returns an image as an engine would have built it at a time, and the
// digests of its base.
func builtAt(t *testing.T, base v1.Layer, at time.Time, host string) (v1.Image, []string) {
	t.Helper()
	image, err := mutate.AppendLayers(empty.Image, base, layer(t, "ours", at))
	if err != nil {
		t.Fatal(err)
	}
	config, _ := image.ConfigFile()
	config = config.DeepCopy()
	config.Created, config.Container, config.DockerVersion, config.Config.Hostname = v1.Time{Time: at}, host, "20.10", host //nolint:staticcheck // engines write the field
	config.Config.Env = []string{"A=b"}
	for i := range config.History {
		config.History[i].Created = v1.Time{Time: at}
		config.History[i].CreatedBy, config.History[i].Comment = "cached "+at.String(), "buildkit.exporter.image.v0"
	}
	if image, err = mutate.ConfigFile(image, config); err != nil {
		t.Fatal(err)
	}
	id, _ := base.DiffID()
	return image, []string{id.String()}
}

func TestNormaliseDependsOnTheInputAlone(t *testing.T) {
	base := layer(t, "base", time.Unix(1, 0))
	var digests []v1.Hash
	var shared v1.Hash // the base's layer
	for _, at := range []time.Time{time.Unix(1e9, 0), time.Unix(2e9, 0)} {
		image, ids := builtAt(t, base, at, at.String())
		result, err := normalise(image, ids, form{created: commitTime}, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		digest, _ := result.Digest()
		digests = append(digests, digest)
		checkNormal(t, result)
		layers, _ := result.Layers()
		shared, _ = layers[0].Digest()
	}
	if digests[0] != digests[1] {
		t.Errorf("the same input gave %v", digests)
	}
	image, ids := builtAt(t, base, time.Unix(1e9, 0), "a")
	later, err := normalise(image, ids, form{created: commitTime.Add(time.Second)}, t.TempDir())
	if digest, _ := later.Digest(); err != nil || digest == digests[0] {
		t.Errorf("another commit gave the same digest, %v", err)
	}
	layers, _ := later.Layers()
	if digest, _ := layers[0].Digest(); digest != shared {
		t.Errorf("another commit has another base layer: %s, not %s", digest, shared)
	}
	if id, _ := layers[0].DiffID(); id.String() != ids[0] {
		t.Errorf("the base's layer holds %s, and held %s", id, ids[0])
	}
}

func checkNormal(t *testing.T, image v1.Image) {
	t.Helper()
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if !config.Created.Equal(commitTime) || config.Container != "" || config.Config.Hostname != "" || config.Config.Env[0] != "A=b" {
		t.Errorf("the configuration is %+v", config)
	}
	layers, _ := image.Layers()
	for i, want := range []time.Time{time.Unix(1, 0), commitTime} {
		content, _ := layers[i].Uncompressed()
		defer content.Close()
		header, err := tar.NewReader(content).Next()
		if err != nil || !header.ModTime.Equal(want) || header.Mode != 0o755 {
			t.Errorf("layer %d has %+v, %v", i, header, err)
		}
	}
}

// Engines write the same files in several forms; what is pushed has one.
func TestNormaliseGivesLayersOneForm(t *testing.T) {
	write := func(header tar.Header) v1.Layer {
		var out bytes.Buffer
		w := tar.NewWriter(&out)
		if err := w.WriteHeader(&header); err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, "text")
		w.Close()
		l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(out.Bytes())), nil })
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	capability := map[string]string{"SCHILY.xattr.security.capability": "x"}
	digests := map[string][]string{}
	for name, header := range map[string]tar.Header{
		"same: plain":         {Mode: 0o4755, ModTime: time.Unix(5, 0)},
		"same: kind in mode":  {Mode: 0o104755, ModTime: time.Unix(5, 0)},
		"same: owner by name": {Mode: 0o4755, ModTime: time.Unix(5, 0), Uname: "root", Gname: "root"},
		"same: more times":    {Mode: 0o4755, ModTime: time.Unix(5, 7), AccessTime: time.Unix(9, 1), ChangeTime: time.Unix(9, 2), Format: tar.FormatPAX},
		"other: mode":         {Mode: 0o755, ModTime: time.Unix(5, 0)},
		"other: owner":        {Mode: 0o4755, ModTime: time.Unix(5, 0), Uid: 3},
		"other: capability":   {Mode: 0o4755, ModTime: time.Unix(5, 0), PAXRecords: capability, Format: tar.FormatPAX},
		"same: time":          {Mode: 0o4755, ModTime: time.Unix(6, 0)},
	} {
		header.Name, header.Size, header.Typeflag = "file", 4, tar.TypeReg
		image, err := mutate.AppendLayers(empty.Image, write(header))
		if err != nil {
			t.Fatal(err)
		}
		result, err := normalise(image, nil, form{created: commitTime}, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		digest, _ := result.Digest()
		digests[digest.Hex] = append(digests[digest.Hex], name)
	}
	for _, names := range digests {
		if slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(n, "other") }) && len(names) > 1 {
			t.Errorf("these have the same digest: %v", names)
		}
	}
	if len(digests) != 4 {
		t.Errorf("want one digest for the same and three others, got %v", digests)
	}
}

// Where the image does not start with the base's layers, all are ours.
func TestNormaliseWithAnotherBase(t *testing.T) {
	image, _ := builtAt(t, layer(t, "base", time.Unix(1e9, 0)), time.Unix(1e9, 0), "a")
	result, err := normalise(image, []string{"sha256:other"}, form{created: commitTime}, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	layers, _ := result.Layers()
	content, _ := layers[0].Uncompressed()
	defer content.Close()
	if header, err := tar.NewReader(content).Next(); err != nil || !header.ModTime.Equal(commitTime) {
		t.Errorf("the first layer has %+v, %v", header, err)
	}
}
