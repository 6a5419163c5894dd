//go:build faults

package deploy_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"gitops/ci/deploy"
	"gitops/ci/progress"
)

// downtime is how many requests may fail while what answers them is stopped by hand:
// all of the time until the next deploy has started it.
const downtime = 4 * 60 * rate

// TestFaultHost is what happens to a host by hand, or by itself.
func TestFaultHost(t *testing.T) {
	small := false
	p := newFaultPlace(t, func(p *faultPlace) { small = p.onSmallDisk(2 << 20) })
	p.under("lock of a dead run, clock a day off", 0, func(p *faultPlace) {
		for _, ahead := range []time.Duration{-24 * time.Hour, 24 * time.Hour} {
			lock := filepath.Join(p.dir, "lock")
			if err := os.WriteFile(lock, []byte("dead-token\nmallory\n"+commitB+"\n2026-01-02T03:04:05Z\n"), 0o600); err != nil {
				p.t.Fatal(err)
			}
			then := time.Now().Add(ahead)
			if err := os.Chtimes(lock, then, then); err != nil {
				p.t.Fatal(err)
			}
			receipt := p.recovers()
			if receipt.TookOver == nil || receipt.TookOver.Owner != "mallory" {
				p.t.Errorf("took over %+v", receipt.TookOver)
			}
		}
	})
	p.under("old release removed", 0, func(p *faultPlace) {
		p.recovers() // so that there are two
		state := p.status()
		old := state.Releases[0].Name
		if old == state.Current {
			p.t.Fatal("there is no old release")
		}
		if err := os.RemoveAll(filepath.Join(p.dir, "releases", old)); err != nil {
			p.t.Fatal(err)
		}
		_, err := deploy.Rollback(context.Background(), p.client, deploy.RollbackOptions{Options: p.lab.options("", ""), Release: old})
		if progress.ExitCode(err) == progress.ExitFailed || err == nil || !strings.Contains(err.Error(), old) {
			p.t.Errorf("rolling back to it: exit %d, %v", progress.ExitCode(err), err)
		}
	})
	p.under("current release removed", 0, func(p *faultPlace) {
		if err := os.RemoveAll(filepath.Join(p.dir, "releases", p.status().Current)); err != nil {
			p.t.Fatal(err)
		}
	})
	p.under("volume removed", 0, func(p *faultPlace) {
		run(p.t, exec.Command("docker", "rm", "--force", p.containers("db")))
		run(p.t, exec.Command("docker", "volume", "rm", p.project+"_data"))
	})
	if small {
		p.underFullDisk("disk full before the deploy", "", deploy.Untouched, "0 KiB free: make room on the host")
		p.underFullDisk("disk full at the end", "drain", deploy.Failed, "No space left on device", "it was not made the current release", "deploy it again")
	}
	p.under("web stopped", downtime, func(p *faultPlace) { run(p.t, exec.Command("docker", "stop", p.containers("web"))) })
	p.under("Traefik down", downtime, func(p *faultPlace) {
		run(p.t, exec.Command("docker", "stop", p.containers("traefik")))
	})
}

// onSmallDisk puts the place's folder on a file system of so many bytes; false where
// this machine does not allow that.
func (p *faultPlace) onSmallDisk(size int) bool {
	if err := os.MkdirAll(p.dir, 0o700); err != nil {
		p.t.Fatal(err)
	}
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", fmt.Sprintf("mode=700,size=%d", size), "tmpfs", p.dir).CombinedOutput(); err != nil {
		p.t.Logf("full disks are not tested, since no file system can be mounted here: %s", out)
		return false
	}
	p.t.Cleanup(func() { exec.Command("umount", "--lazy", p.dir).Run() })
	return true
}

// underFullDisk fills the disk before a deploy, or once a step began, and empties it
// afterwards.
func (p *faultPlace) underFullDisk(name, step, outcome string, says ...string) {
	p.under(name, 0, func(p *faultPlace) {
		filler := filepath.Join(p.dir, "filler")
		defer os.Remove(filler)
		o := p.to(image(p.other()))
		if step == "" {
			fill(p.t, filler)
		} else {
			o.Progress = progress.NewProgress(writerFunc(func(line string) {
				if strings.HasPrefix(line, step+" …") {
					fill(p.t, filler)
				}
			}))
		}
		receipt, err := deploy.Deploy(context.Background(), p.client, o)
		if err == nil || receipt.Outcome != outcome {
			p.t.Errorf("%s, want %s: %v", receipt.Outcome, outcome, err)
			return
		}
		for _, words := range says {
			if !strings.Contains(err.Error(), words) {
				p.t.Errorf("the message lacks %q", words)
			}
		}
		p.t.Logf("%s: %v", receipt.Outcome, err)
	})
}

// fill writes until the disk is full.
func fill(t *testing.T, path string) {
	file, err := os.Create(path)
	if err != nil {
		t.Error(err)
		return
	}
	defer file.Close()
	for size := 1 << 16; size > 0; {
		if _, err := file.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
	var left syscall.Statfs_t
	if err := syscall.Statfs(filepath.Dir(path), &left); err != nil || left.Bavail > 1 {
		t.Errorf("the disk is not full: %d blocks are left, %v", left.Bavail, err)
	}
}
