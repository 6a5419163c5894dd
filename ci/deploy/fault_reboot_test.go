//go:build faults

package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A host that loses its power in a step, and is up again soon after.
func TestFaultReboot(t *testing.T) {
	p := newFaultEngine(t)
	for _, step := range []string{"lock", "upload", "pull", "start web", "gate", "traefik", "drain", "switch"} {
		p.under(step, 0, func(p *faultPlace) {
			receipt, err := p.during(step, p.reboot)
			p.endedWell(receipt, err)
		})
	}
}

// forget removes what a reboot does: sockets, process numbers, files in memory.
const forget = `awk '$2 ~ "^/(run|var/run|var/lib)/(docker|containerd)/" { print $2 }' /proc/mounts | sort -r | xargs -r umount -l
rm -rf /run/docker /run/docker.pid /run/docker-ssd.pid /run/docker.sock /run/containerd /dev/shm/*`

// reboot ends every process but those of the test, all at once, forgets what was in
// memory, and starts what an init system starts.
func (p *faultPlace) reboot() {
	for range 100 {
		if killOthers() == 0 {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	p.sshd.Close()
	if out, err := exec.Command("sh", "-euc", forget).CombinedOutput(); err != nil {
		p.t.Errorf("forgetting what was in memory: %v\n%s", err, out)
	}
	time.Sleep(2 * time.Second)
	if err := p.sshd.Restart(); err != nil {
		p.t.Error(err)
	}
	p.service("start")
}

// killOthers kills the processes of the machine, and returns how many there were. Those
// that run the test, and the ones that it waits for, are spared.
func killOthers() (killed int) {
	spared := map[int]bool{}
	for pid := os.Getpid(); pid > 0; pid = field(pid, 1) {
		spared[pid] = true
	}
	all, _ := filepath.Glob("/proc/[0-9]*")
	for _, path := range all {
		pid, err := strconv.Atoi(filepath.Base(path))
		if err != nil || spared[pid] || state(pid) == "Z" {
			continue
		}
		if syscall.Kill(pid, syscall.SIGKILL) == nil {
			killed++
		}
	}
	return killed
}

// stat returns what the kernel says about a process after its name: state, parent, …
func stat(pid int) []string {
	content, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return strings.Fields(string(content[strings.LastIndexByte(string(content), ')')+1:]))
}

func state(pid int) string {
	if fields := stat(pid); len(fields) > 0 {
		return fields[0]
	}
	return "Z"
}

func field(pid, i int) int {
	if fields := stat(pid); len(fields) > i {
		number, _ := strconv.Atoi(fields[i])
		return number
	}
	return 0
}
