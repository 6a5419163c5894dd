//go:build faults

package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"gitops/ci/deploy"
	"gitops/ci/lab/registrytest"
	"gitops/ci/progress"
)

// engineRoot is where an engine has its images.
const engineRoot = "/var/lib/docker"

// An engine whose disk is full: the image does not arrive, and what runs goes on.
func TestFaultEngineDiskFull(t *testing.T) {
	l := newLabOnSmallDisk(t)
	p := l.faultPlace()
	ref := registrytest.Start(t, true, nil) + "/team/web:large"
	pushNew(t, ref, runtime.GOARCH, 100<<20)
	p.under("while pulling", 0, func(p *faultPlace) {
		filler := filepath.Join(engineRoot, "filler")
		fill(p.t, filler)
		defer os.Remove(filler)
		// Room for what the engine writes of the containers that run.
		if err := os.Truncate(filler, size(p.t, filler)-(10<<20)); err != nil {
			p.t.Fatal(err)
		}
		p.fails(p.to(ref), deploy.Untouched, progress.ExitFailed, "pulling "+ref, "no space left on device", "make room on the host", "nothing was stopped")
	})
}

func size(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// newLabOnSmallDisk is a lab whose engine has its images on a disk of their own.
func newLabOnSmallDisk(t *testing.T) *lab {
	t.Helper()
	needsOwnEngine(t)
	run(t, exec.Command("service", "docker", "stop"))
	run(t, exec.Command("mount", "-t", "tmpfs", "-o", "size=2g", "tmpfs", engineRoot))
	t.Cleanup(func() {
		run(t, exec.Command("service", "docker", "stop"))
		run(t, exec.Command("umount", "--lazy", engineRoot))
		run(t, exec.Command("service", "docker", "start"))
	})
	run(t, exec.Command("service", "docker", "start"))
	for range 100 {
		if exec.Command("docker", "info").Run() == nil {
			break
		}
		time.Sleep(200 * time.Millisecond)
	}
	return newLabAlone(t)
}
