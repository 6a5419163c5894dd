package publish

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"gitops/ci/lab/registrytest"
	"gitops/ci/lab/texttest"
	"gitops/ci/progress"
	"gitops/ci/registry"
)

// options asks for the services to be published, without any tool.
func options(services ...Service) Options {
	return Options{
		Services: services, Tag: commit, Created: commitTime, SourceURL: "https://git.local/app", NoAttestations: true,
		Registry: registry.Options{Timeout: 20 * time.Second, Answer: time.Second, FirstWait: time.Millisecond},
	}
}

// archive writes an image as an engine exports it, for a platform.
func archive(t *testing.T, platform string) string {
	t.Helper()
	image, err := random.Image(2000, 2)
	if err != nil {
		t.Fatal(err)
	}
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, _ = strings.Cut(platform, "/")
	if image, err = mutate.ConfigFile(image, config); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "image.tar")
	tag, _ := name.NewTag("any")
	if err := tarball.WriteToFile(path, tag, image); err != nil {
		t.Fatal(err)
	}
	return path
}

// built puts an image for each platform into the folder that Push reads.
func built(t *testing.T, o Options, found []Found, platforms ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, f := range found {
		for i, platform := range platforms {
			place := filepath.Join(dir, f.Service, string(rune('0'+i)))
			if err := os.MkdirAll(place, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := Layout(o, f.Inputs, archive(t, platform), "", "", filepath.Join(place, ImageFolder)); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

// publishAll goes through the steps as an engine of another kind does.
func publishAll(t *testing.T, o Options, platforms ...string) ([]Ref, error) {
	t.Helper()
	found, err := Reuse(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return Push(t.Context(), o, found, built(t, o, found, platforms...))
}

func named(t *testing.T, address, name string) Service {
	t.Helper()
	s := service(t, map[string]string{"Dockerfile": "FROM scratch\n", "name": name})
	s.Name, s.Image = name, address+"/team/"+name
	return s
}

func get(t *testing.T, ref string) *remote.Descriptor {
	t.Helper()
	parsed, err := name.ParseReference(ref)
	if err != nil {
		t.Fatal(err)
	}
	descriptor, err := remote.Get(parsed)
	if err != nil {
		t.Fatal(err)
	}
	return descriptor
}

func TestPushThenNothing(t *testing.T) {
	address := registrytest.Start(t, false, nil)
	o := options(named(t, address, "backend"), named(t, address, "frontend"))
	refs, err := publishAll(t, o, "linux/amd64")
	if err != nil {
		t.Fatal(err)
	}
	for i, service := range []string{"backend", "frontend"} {
		if refs[i].Service != service || !refs[i].Pushed || refs[i].Reused || refs[i].Bytes < 4000 || !strings.HasPrefix(refs[i].Ref, address+"/team/"+service+":"+commit+"@sha256:") {
			t.Errorf("ref %d is %+v", i, refs[i])
		}
		tagged, _, _ := strings.Cut(refs[i].Ref, "@")
		image, err := get(t, tagged).Image()
		if err != nil {
			t.Fatal(err)
		}
		checkLabels(t, image)
	}
	found, err := Reuse(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Push(t.Context(), o, found, t.TempDir())
	for i := range again {
		if again[i].Ref != refs[i].Ref || again[i].Pushed || !again[i].Reused || again[i].Bytes != 0 {
			t.Errorf("again: %+v, first %+v", again[i], refs[i])
		}
	}
	if err != nil || len(again) != 2 {
		t.Errorf("again: %v, %v", again, err)
	}
}

func checkLabels(t *testing.T, image v1.Image) {
	t.Helper()
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := image.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"org.opencontainers.image.source": "https://git.local/app", "org.opencontainers.image.revision": commit,
		"org.opencontainers.image.created": "2026-03-04T04:06:07Z", "org.opencontainers.image.version": commit,
	}
	for key, value := range want {
		if config.Config.Labels[key] != value || manifest.Annotations[key] != value {
			t.Errorf("%s: label %q, annotation %q, want %q", key, config.Config.Labels[key], manifest.Annotations[key], value)
		}
	}
	if !config.Created.Equal(commitTime) || manifest.MediaType != types.OCIManifestSchema1 || manifest.Layers[0].MediaType != types.OCILayer {
		t.Errorf("created %s, %s with %s", config.Created, manifest.MediaType, manifest.Layers[0].MediaType)
	}
}

func TestSeveralPlatformsMakeAnIndex(t *testing.T) {
	address := registrytest.Start(t, false, nil)
	s := named(t, address, "backend")
	s.Platforms = []string{"linux/arm64", "linux/amd64"}
	refs, err := publishAll(t, options(s), "linux/arm64", "linux/amd64")
	if err != nil {
		t.Fatal(err)
	}
	index, err := get(t, refs[0].Ref).ImageIndex()
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var platforms []string
	for _, m := range manifest.Manifests {
		platforms = append(platforms, m.Platform.String())
		image, err := index.Image(m.Digest)
		if err != nil {
			t.Fatal(err)
		}
		checkLabels(t, image)
	}
	if !slices.Equal(platforms, []string{"linux/amd64", "linux/arm64"}) || manifest.MediaType != types.OCIImageIndex || manifest.Annotations["org.opencontainers.image.revision"] != commit {
		t.Errorf("platforms %v, %s, annotations %v", platforms, manifest.MediaType, manifest.Annotations)
	}
	again, err := Reuse(t.Context(), options(s))
	if err != nil || again[0].Ref != refs[0].Ref {
		t.Errorf("again: %+v, %v", again, err)
	}
}

// An unchanged service gets the new commit's tag, and no layer moves.
func TestUnchangedServiceIsTaggedAgain(t *testing.T) {
	var mu sync.Mutex
	var blobs []string
	address := registrytest.Start(t, false, func(_ http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		if strings.Contains(r.URL.Path, "/blobs/") {
			blobs = append(blobs, r.Method+" "+r.URL.Path)
		}
		return false
	})
	s := named(t, address, "backend")
	first, err := publishAll(t, options(s), "linux/amd64")
	if err != nil {
		t.Fatal(err)
	}
	if len(blobs) == 0 {
		t.Fatal("the first time, no layer moved: this test proves nothing")
	}
	blobs = nil
	later := strings.Repeat("f", 40)
	o := options(s)
	o.Tag, o.Services[0].Previous, o.Services[0].Args = later, first[0].Ref, map[string]string{"GIT_SHA": later, "MODE": "fast"}
	found, err := Reuse(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	refs, err := Push(t.Context(), o, found, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	want := texttest.Replace(t, first[0].Ref, commit, later)
	if refs[0].Ref != want || !refs[0].Reused || len(blobs) != 0 {
		t.Errorf("got %+v with %v, want %s", refs[0], blobs, want)
	}
	tagged, digest, _ := strings.Cut(want, "@")
	if there := get(t, tagged); there.Digest.String() != digest {
		t.Errorf("the registry has %s", there.Digest)
	}
	t.Run("but not a changed one", func(t *testing.T) {
		os.WriteFile(o.Services[0].Context+"/name", []byte("changed"), 0o644)
		o.Tag = strings.Repeat("e", 40)
		if found, err := Reuse(t.Context(), o); err != nil || found[0].Ref != "" {
			t.Errorf("got %+v, %v", found, err)
		}
	})
	t.Run("nor when asked to rebuild", func(t *testing.T) {
		o := options(s)
		o.Rebuild = true
		if found, err := Reuse(t.Context(), o); err != nil || found[0].Ref != "" {
			t.Errorf("got %+v, %v", found, err)
		}
	})
	t.Run("nor from another repository", func(t *testing.T) {
		o := options(s)
		o.Tag, o.Services[0].Image = strings.Repeat("d", 40), address+"/team/other"
		if found, err := Reuse(t.Context(), o); err != nil || found[0].Ref != "" {
			t.Errorf("got %+v, %v", found, err)
		}
	})
}

// A registry that cannot be read costs a build and no more.
func TestUnreadableRegistryMeansBuild(t *testing.T) {
	address := registrytest.Start(t, false, func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/v2/" {
			return false
		}
		w.WriteHeader(http.StatusForbidden)
		return true
	})
	var said strings.Builder
	o := options(named(t, address, "backend"))
	o.Progress = progress.NewProgress(&said)
	if found, err := Reuse(t.Context(), o); err != nil || found[0].Ref != "" || !strings.Contains(said.String(), "so it is built") {
		t.Errorf("got %+v, %v; said %s", found, err, said.String())
	}
}

// The tag comes last: while anything is missing, nobody can see the commit's tag.
func TestTagComesLast(t *testing.T) {
	var mu sync.Mutex
	var puts []string
	address := registrytest.Start(t, false, func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/manifests/") {
			mu.Lock()
			defer mu.Unlock()
			puts = append(puts, r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:])
		}
		return false
	})
	if _, err := publishAll(t, options(named(t, address, "backend")), "linux/amd64"); err != nil {
		t.Fatal(err)
	}
	if len(puts) != 2 || !strings.HasPrefix(puts[0], "sha256:") || puts[1] != commit {
		t.Errorf("put %v", puts)
	}
}

// When one of several cannot be pushed, no ref comes back, and each failure is told.
func TestAllArePushedOrNone(t *testing.T) {
	address := registrytest.Start(t, false, func(w http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.Path, "/bad") && r.Method == http.MethodPost {
			w.WriteHeader(http.StatusForbidden)
			return true
		}
		return false
	})
	refs, err := publishAll(t, options(named(t, address, "good"), named(t, address, "bad"), named(t, address, "bad-too")), "linux/amd64")
	if err == nil || refs != nil || !strings.Contains(err.Error(), "team/bad ") || !strings.Contains(err.Error(), "team/bad-too ") {
		t.Errorf("refs %v, error %v", refs, err)
	}
}

func TestPushRefusesWhatDoesNotFit(t *testing.T) {
	address := registrytest.Start(t, false, nil)
	o := options(named(t, address, "backend"))
	found, err := Reuse(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	for says, c := range map[string]struct {
		found []Found
		dir   string
	}{
		"2 services were looked for and 1": {append(slices.Clone(found), found...), t.TempDir()},
		"not for backend":                  {[]Found{{Service: "frontend"}}, t.TempDir()},
		"reading what was built":           {found, t.TempDir()},
	} {
		if _, err := Push(context.Background(), o, c.found, c.dir); progress.ExitCode(err) != progress.ExitInvalid || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v, want exit 2 and %q", err, says)
		}
	}
}

// An engine may not know the platform of an image that starts from nothing. Of one
// that starts from a base it does, and must have built for what was asked.
func TestLayoutHasThePlatformThatWasAskedFor(t *testing.T) {
	o, image := options(), archive(t, "linux/amd64")
	dir := t.TempDir()
	if err := Layout(o, "sha256:in", image, "", "linux/arm64/v8", filepath.Join(dir, "0", ImageFolder)); err != nil {
		t.Fatal(err)
	}
	parts, err := readParts(dir)
	if err != nil || parts[0].platform.String() != "linux/arm64/v8" {
		t.Errorf("got %v, %v", parts, err)
	}
	if err := Layout(o, "sha256:in", image, image, "linux/arm64", t.TempDir()); err == nil || !strings.Contains(err.Error(), "built for linux/amd64, not for linux/arm64") {
		t.Errorf("with a base: %v", err)
	}
	if err := Layout(o, "sha256:in", image, image, "linux/amd64", t.TempDir()); err != nil {
		t.Errorf("as asked: %v", err)
	}
}
