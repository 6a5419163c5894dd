package attest

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"gitops/ci/lab"
	"gitops/ci/lab/labtest"
	"gitops/ci/progress"
	"gitops/ci/secret"
)

func TestSyftArgs(t *testing.T) {
	for want, got := range map[string][]string{
		"scan oci-dir:/layout --output spdx-json --source-name app --source-version v1": syftArgs("/layout", "app", "v1"),
		"scan oci-dir:/layout --output spdx-json":                                       syftArgs("/layout", "", ""),
	} {
		if strings.Join(got, " ") != want {
			t.Errorf("got %v, want %s", got, want)
		}
	}
}

// debianLayout makes an image whose package database has one package.
func debianLayout(t *testing.T) string {
	t.Helper()
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for name, text := range map[string]string{
		"etc/os-release":      "ID=debian\nVERSION_ID=\"13\"\n",
		"var/lib/dpkg/status": "Package: gitops-example\nStatus: install ok installed\nVersion: 1.2-3\nArchitecture: all\nMaintainer: Nobody <nobody@example.org>\nDescription: nothing\n",
	} {
		w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text)), Typeflag: tar.TypeReg})
		w.Write([]byte(text))
	}
	w.Close()
	image, err := mutate.AppendLayers(mutate.MediaType(empty.Image, types.OCIManifestSchema1), static.NewLayer(archive.Bytes(), types.OCIUncompressedLayer))
	if err != nil {
		t.Fatal(err)
	}
	return writeLayout(t, image)
}

func writeLayout(t *testing.T, image v1.Image) string {
	t.Helper()
	dir := t.TempDir()
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	if err := path.AppendImage(image); err != nil {
		t.Fatal(err)
	}
	return dir
}

// ownTemp gives the test its own folder for temporary files, and checks in the
// end that nothing is left there.
func ownTemp(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	t.Cleanup(func() {
		left, err := os.ReadDir(dir)
		if err != nil || len(left) > 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
	})
}

func TestSBOMForReal(t *testing.T) {
	labtest.OnPath(t, lab.Syft)
	ownTemp(t)
	text, err := SBOM(context.Background(), debianLayout(t), "team/app", "v1")
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Version  string `json:"spdxVersion"`
		Name     string `json:"name"`
		Packages []struct{ Name, VersionInfo string }
	}
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	var packages []string
	for _, p := range document.Packages {
		packages = append(packages, p.Name+" "+p.VersionInfo)
	}
	if !strings.HasPrefix(document.Version, "SPDX-2") || document.Name != "team/app" ||
		!slices.Contains(packages, "gitops-example 1.2-3") || !slices.Contains(packages, "team/app v1") {
		t.Errorf("got %s %s with %v", document.Version, document.Name, packages)
	}

	t.Run("a layout that is broken", func(t *testing.T) {
		dir := debianLayout(t)
		os.WriteFile(dir+"/index.json", []byte(`{"schemaVersion": 2, "manifests": [{"digest": "sha256:`+nines+`", "size": 5, "mediaType": "application/vnd.oci.image.manifest.v1+json"}]}`), 0o600)
		if _, err := SBOM(context.Background(), dir, "app", ""); err == nil || !strings.Contains(err.Error(), "making an SBOM of app") || !strings.Contains(err.Error(), "no source providers were able") {
			t.Errorf("got %v, want syft's last words", err)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := SBOM(ctx, debianLayout(t), "app", ""); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("no layout", func(t *testing.T) {
		if _, err := SBOM(context.Background(), t.TempDir(), "app", ""); progress.ExitCode(err) != progress.ExitInvalid {
			t.Errorf("got %v, want exit 2", err)
		}
	})
}

func TestMissingProgramsAreNamed(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, sbom := SBOM(context.Background(), t.TempDir(), "app", "")
	_, sign := Signer{Key: secret.New("any")}.Sign(context.Background(), Attested{})
	verify := Verify(context.Background(), Policy{PublicKey: publicHeader}, nil)
	for _, c := range []struct {
		err  error
		says []string
	}{
		{sbom, []string{"syft", "anchore/syft:", "--no-attestations"}},
		{sign, []string{"cosign", "sigstore/cosign/cosign:v2", "--no-attestations"}},
		{verify, []string{"cosign", "sigstore/cosign/cosign:v2"}},
	} {
		for _, word := range c.says {
			if progress.ExitCode(c.err) != progress.ExitInvalid || !strings.Contains(c.err.Error(), word) {
				t.Errorf("got %v (exit %d), want exit 2 and %s", c.err, progress.ExitCode(c.err), word)
			}
		}
	}
	if strings.Contains(verify.Error(), "--no-attestations") {
		t.Errorf("what deploy does not take: %v", verify)
	}
}
