package compose_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/distribution/reference"

	"gitops/ci/builds"
	"gitops/ci/compose"
	"gitops/ci/progress"
)

// FuzzBuilds gives arbitrary bytes as manifest, config and --service: they are
// refused with exit 2, or every build stays inside the repository and has an image.
func FuzzBuilds(f *testing.F) {
	f.Add([]byte("services:\n  web:\n    image: o/web:1\n    build: {context: web, dockerfile: ../D, target: t, args: [A=b], platforms: [linux/arm64]}\n"), []byte{}, "")
	f.Add([]byte("services:\n  web: {image: o/web:1}\n"), []byte("services: {web: {build: {context: src}}}\n"), `web=a,platform=linux/amd64,"arg=L=a,b"`)
	f.Add([]byte("x-b: &b {context: ., args: {K: $$V}}\nservices:\n  a: {image: o/a:1, build: *b}\n  b: {extends: a, image: o/b:1}\n"), []byte{}, "a")
	f.Fuzz(func(t *testing.T, text, config []byte, service string) {
		defer time.AfterFunc(10*time.Second, func() { panic("selecting builds takes too long") }).Stop()
		o := builds.Options{Manifest: text, ManifestPath: "app/compose.yml", Config: config, Commit: "0123456789abcdef0123456789abcdef01234567"}
		if len(config) == 0 {
			o.Config = nil
		}
		if service != "" {
			o.Services = []string{service}
		}
		all, err := compose.Builds(o)
		if err != nil {
			if progress.ExitCode(err) != progress.ExitInvalid {
				t.Fatalf("not refused as bad input: %v", err)
			}
			return
		}
		for _, b := range all {
			if _, err := reference.ParseNormalizedNamed(b.Image); err != nil || !filepath.IsLocal(b.Context) || !filepath.IsLocal(filepath.Join(b.Context, b.Dockerfile)) {
				t.Fatalf("%+v: %v", b, err)
			}
		}
	})
}
