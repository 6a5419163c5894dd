package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"gitops/ci/progress"
)

// largeManifest has so many services that reading it takes tens of seconds. It is
// below what a manifest may have in bytes.
func largeManifest() []byte {
	var b bytes.Buffer
	b.WriteString("services:\n")
	for i := range 40_000 {
		fmt.Fprintf(&b, "  s%d:\n    image: registry.example.com/app:v%d\n    environment:\n      A: a%d\n", i, i, i)
	}
	return b.Bytes()
}

// TestSignalWhileReading stops each stage that reads a manifest while it reads one.
func TestSignalWhileReading(t *testing.T) {
	dir := t.TempDir()
	original := largeManifest()
	if err := os.WriteFile(filepath.Join(dir, "large.yml"), original, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "known_hosts"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	host := " --host deploy@127.0.0.1:1 --known-hosts known_hosts --manifest large.yml"
	for _, stage := range []string{
		"bump --manifest large.yml --image s1=registry.example.com/app:new",
		"deploy --commit " + strings.Repeat("a", 40) + host,
		"deploy --plan --commit " + strings.Repeat("a", 40) + host,
		"drift" + host,
	} {
		name, _, _ := strings.Cut(stage, " --m")
		t.Run(name, func(t *testing.T) { stopped(t, dir, strings.Fields(stage)) })
	}
	left, err := os.ReadFile(filepath.Join(dir, "large.yml"))
	if err != nil || !bytes.Equal(left, original) {
		t.Errorf("the manifest is another one after the signals: %v", err)
	}
}

// stopped runs a stage, sends it SIGTERM after a second, and expects its end within
// five.
func stopped(t *testing.T, dir string, stage []string) {
	t.Helper()
	var said bytes.Buffer
	command := exec.Command("gitops", stage...)
	command.Dir, command.Stdout, command.Stderr = dir, &said, &said
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second)
	signalled := time.Now()
	if err := command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatalf("it ended before the signal: %v: %s", err, said.String())
	}
	err := command.Wait()
	if took := time.Since(signalled); took > 5*time.Second {
		t.Errorf("it ended %s after the signal", took)
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != progress.ExitFailed || !strings.Contains(said.String(), "interrupted") {
		t.Errorf("%v: %s", err, said.String())
	}
}
