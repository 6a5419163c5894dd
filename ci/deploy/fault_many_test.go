//go:build faults

package deploy_test

import (
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"gitops/ci/progress"
)

// manyServices is how many services a manifest has that is large, and mostMemory what
// the client may take for it, in KiB.
const (
	manyServices = 300
	mostMemory   = 256 << 10
)

// A manifest of 300 services: its plan and the deploy of one that changed leave all
// others as they are.
func TestFaultManyServices(t *testing.T) {
	begun := time.Now()
	p := newFaultPlace(t, func(p *faultPlace) { p.idle = manyServices - 4 })
	t.Logf("the first deploy: %s", progress.Seconds(time.Since(begun)))
	p.under("300 services", 0, func(p *faultPlace) {
		said := p.measured("plan", p.elsewhere(p.commit(), p.manifest(image(p.other())), true))
		if kept := regexp.MustCompile(`(?m)^\s*idle-\d+ +unchanged`).FindAllString(said, -1); len(kept) != p.idle || !strings.Contains(said, "rolls: Traefik") {
			p.t.Errorf("%d services are kept, want %d:\n%s", len(kept), p.idle, said)
		}
		before := p.footprintOf("idle-")
		next := p.other()
		p.measured("deploy of one changed", p.elsewhere(p.commit(), p.manifest(image(next)), false))
		p.current = next
		p.runs(image(next))
		if after := p.footprintOf("idle-"); after != before {
			p.t.Error("services that did not change have other containers")
		}
	})
}

// measured runs a deploy in another process, and tells its seconds and its memory.
func (p *faultPlace) measured(what string, cmd *exec.Cmd) string {
	p.t.Helper()
	begun := time.Now()
	out, err := cmd.CombinedOutput()
	if err != nil {
		p.t.Fatalf("%s: %v\n%s", what, err, out)
	}
	peak := regexp.MustCompile(`peak memory: (\d+) kB`).FindSubmatch(out)
	if peak == nil {
		p.t.Fatalf("%s: no peak memory was told:\n%s", what, out)
	}
	p.t.Logf("%s: %s, peak memory %s KiB", what, progress.Seconds(time.Since(begun)), peak[1])
	if kib, err := strconv.Atoi(string(peak[1])); err != nil || kib > mostMemory {
		p.t.Errorf("%s took %s KiB of memory, at most %d may be", what, peak[1], mostMemory)
	}
	return string(out)
}

// footprintOf are the containers whose names have a word.
func (p *faultPlace) footprintOf(word string) string {
	p.t.Helper()
	ids := run(p.t, exec.Command("docker", "ps", "--all", "--no-trunc", "--format", "{{.ID}} {{.Names}} {{.CreatedAt}}",
		"--filter", "label=com.docker.compose.project="+p.project, "--filter", "name="+word))
	if ids == "" {
		p.t.Errorf("no container has %s in its name", word)
	}
	return ids
}
