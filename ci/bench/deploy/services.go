package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// many are so many services of the service to load. Few of them have a health check: what
// is measured is the deploy, not the machine's starting of programs.
func (p *place) many(services, changed int) string {
	var b strings.Builder
	b.WriteString("services:\n")
	for i := range services {
		n := 0
		if i < changed {
			n = 1
		}
		fmt.Fprintf(&b, "  s%03d:\n    image: %s\n    restart: always\n    stop_grace_period: 1s\n    networks: [web_net]\n", i, p.world.ref("plain", n))
	}
	fmt.Fprintf(&b, "networks:\n  web_net: {external: true, name: %s}\n", p.values.Network)
	return b.String()
}

// benchServices times the command itself, as a process, with many services.
func benchServices(ctx context.Context, w *world, s size) error {
	if err := w.build(ctx, 1); err != nil {
		return err
	}
	p, err := w.newPlace(ctx, plain, false)
	if err != nil {
		return err
	}
	defer p.remove(ctx)
	gitops := filepath.Join(w.dir, "gitops")
	if _, err := command(ctx, "", []string{"CGO_ENABLED=0"}, "go", "build", "-trimpath", "-o", gitops, "gitops/ci/cmd/gitops"); err != nil {
		return err
	}
	if err := p.writeHost(); err != nil {
		return err
	}
	fmt.Printf("\n%d services, the command as a process over SSH:\n\n| what | seconds | most memory of the command | of the engine |\n|---|---|---|---|\n", s.services)
	for _, one := range []struct {
		name    string
		changed int
		args    []string
	}{
		{"the first deploy", 0, nil}, {"`deploy --plan`, nothing changed", 0, []string{"--plan"}}, {"deploy, nothing changed", 0, nil},
		{"`deploy --plan`, one changed", 1, []string{"--plan"}}, {"deploy, one changed", 1, nil},
	} {
		if err := p.process(ctx, gitops, one.name, p.many(s.services, one.changed), one.args); err != nil {
			return fmt.Errorf("%s: %w", one.name, err)
		}
	}
	return nil
}

// writeHost writes what the command needs to reach the host.
func (p *place) writeHost() error {
	return errors.Join(os.WriteFile(filepath.Join(p.dir, "key"), []byte(p.world.sshd.Key.Reveal()), 0o600),
		os.WriteFile(filepath.Join(p.dir, "known_hosts"), p.world.sshd.KnownHosts, 0o600))
}

// process runs the command and prints its row.
func (p *place) process(ctx context.Context, gitops, name, manifest string, more []string) error {
	if err := os.WriteFile(filepath.Join(p.dir, "many.yml"), []byte(manifest), 0o600); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, gitops, append([]string{"deploy", "--host", p.world.sshd.Address, "--ssh-user", p.world.sshd.User, "--ssh-key-file", "key",
		"--host-key", p.world.sshd.HostPublicKey, "--deploy-dir", p.dir + "/deploy", "--project", p.values.Project, "--manifest", "many.yml",
		"--commit", commit(1), "--gate-timeout", "20m"}, more...)...)
	cmd.Dir = p.dir
	took, used, out, err := watched(cmd)
	if err != nil && strings.Contains(out, "unknown flag: --plan") {
		fmt.Printf("| %s | this command has no `--plan` | | |\n", name)
		return nil
	}
	if err != nil {
		return fmt.Errorf("%w: %s", err, lastLines(out))
	}
	fmt.Printf("| %s | %.1f | %d MiB | %s |\n", name, took.Seconds(), used, engineMemory())
	return nil
}

// watched runs a program and returns its time, its most memory in MiB and what it printed.
func watched(cmd *exec.Cmd) (took time.Duration, most int, printed string, err error) {
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	begun := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, 0, "", err
	}
	stop, memory := make(chan struct{}), make(chan int)
	go func() { memory <- watchMemory(cmd.Process.Pid, stop) }()
	err = cmd.Wait()
	took = time.Since(begun)
	close(stop)
	return took, <-memory, out.String(), err
}

// watchMemory returns the most memory that a process has had, in MiB. What the kernel
// tells at the process's end has that of its parent in it.
func watchMemory(process int, stop <-chan struct{}) (most int) {
	for {
		select {
		case <-stop:
			return most
		case <-time.After(20 * time.Millisecond):
			if now, ok := mostMemory(process); ok {
				most = max(most, now)
			}
		}
	}
}

// mostMemory returns the most memory that a process has had since it was started, in MiB.
func mostMemory(process int) (int, bool) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", process))
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(status)) {
		if value, found := strings.CutPrefix(line, "VmHWM:"); found {
			kilobytes, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(value), " kB"))
			return kilobytes / 1024, err == nil
		}
	}
	return 0, false
}

// engineMemory returns what the engine's process had at most since it was started, if it
// runs on this machine.
func engineMemory() string {
	files, _ := filepath.Glob("/proc/[0-9]*/comm")
	for _, file := range files {
		if name, err := os.ReadFile(file); err != nil || strings.TrimSpace(string(name)) != "dockerd" {
			continue
		}
		process, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if most, known := mostMemory(process); err == nil && known {
			return fmt.Sprintf("%d MiB", most)
		}
	}
	return "not known"
}
