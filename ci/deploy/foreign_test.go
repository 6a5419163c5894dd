package deploy_test

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"gitops/ci/deploy"
	"gitops/ci/progress"
)

// An image for another machine is refused while the old one still runs. Where the
// service names a platform, Docker may try.
func TestAnImageForAnotherMachineIsRefused(t *testing.T) {
	l := newLab(t)
	foreign := image("foreign")
	loadForeign(t, foreign)
	l.deploy(l.options(commitA, l.manifest(image("v1"))))
	web := l.containers("web")

	receipt, err := deploy.Deploy(context.Background(), l.client, l.options(commitB, l.manifest(foreign)))
	if progress.ExitCode(err) != progress.ExitRefused || receipt.Outcome != deploy.Untouched ||
		!strings.Contains(err.Error(), foreign+" is built for linux/s390x and the host is linux/") || !strings.Contains(err.Error(), "set release.platforms: [linux/") {
		t.Errorf("%s: %v", receipt.Outcome, err)
	}
	if l.runs(image("v1")); l.containers("web") != web {
		t.Error("web was started again")
	}

	chosen := strings.Replace(l.manifest(foreign), "restart: always", "platform: linux/s390x\n    restart: always", 1)
	receipt, err = deploy.Deploy(context.Background(), l.client, l.options(commitC, chosen))
	if err == nil || progress.ExitCode(err) == progress.ExitRefused || receipt.Outcome == deploy.Untouched {
		t.Errorf("with a platform: %s, %v", receipt.Outcome, err)
	}
	l.runs(image("v1"))
}

// loadForeign gives Docker an image for a mainframe.
func loadForeign(t *testing.T, ref string) {
	t.Helper()
	config := v1.ConfigFile{OS: "linux", Architecture: "s390x", Config: v1.Config{Entrypoint: []string{"/app"}}}
	built, err := mutate.ConfigFile(empty.Image, &config)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "image.tar")
	tag, err := name.NewTag(ref)
	if err != nil {
		t.Fatal(err)
	}
	if err := tarball.WriteToFile(file, tag, built); err != nil {
		t.Fatal(err)
	}
	run(t, exec.Command("docker", "load", "--quiet", "--input", file))
	t.Cleanup(func() { exec.Command("docker", "image", "rm", ref).Run() })
}
