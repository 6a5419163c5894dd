//go:build faults || swarm

package deploy_test

import (
	"context"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	engines "gitops/ci/lab"
	"gitops/ci/progress"
)

// traefikImage is the Traefik before the services.
const traefikImage = "traefik:v3.7.12"

// faultImages are what web runs in the tests of faults: two good images that know
// nothing of drains, and bad ones (see testdata/app).
func init() { faultImages = []string{"good-1", "good-2", "late", "ends", "dies", "broken"} }

func provideTraefik(t *testing.T) {
	t.Helper()
	if exec.Command("docker", "image", "inspect", traefikImage).Run() == nil {
		return
	}
	docker, err := engines.OpenDocker(context.Background(), progress.NewProgress(io.Discard))
	if err != nil {
		t.Skipf("needs a Docker engine: %v", err)
	}
	t.Cleanup(func() { docker.Close() })
	if err := docker.Provide(context.Background(), traefikImage); err != nil {
		t.Fatal(err)
	}
}

var builtFaults sync.Once

func buildFaultImages(t *testing.T) {
	t.Helper()
	builtFaults.Do(func() {
		dir := t.TempDir()
		for _, name := range faultImages {
			program := "./testdata/app"
			if strings.HasPrefix(name, "good-") {
				program = "gitops/ci/lab/loadtest/app"
			}
			build := exec.Command("go", "build", "-o", dir+"/app", program)
			build.Env = append(os.Environ(), "CGO_ENABLED=0")
			run(t, build)
			dockerfile := "FROM scratch\nCOPY app /app\nENV BEHAVIOUR=" + name + " VERSION=" + name + "\nENTRYPOINT [\"/app\"]\n"
			if err := os.WriteFile(dir+"/Dockerfile", []byte(dockerfile), 0o600); err != nil {
				t.Fatal(err)
			}
			run(t, exec.Command("docker", "build", "--quiet", "--tag", image(name), dir))
		}
	})
}
