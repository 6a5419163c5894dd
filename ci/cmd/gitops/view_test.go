package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"gitops/ci/host"
)

// pseudoTerminal returns both ends of a new one.
func pseudoTerminal(t *testing.T) (controller, tty *os.File) {
	t.Helper()
	controller, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("needs pseudo terminals: %v", err)
	}
	t.Cleanup(func() { controller.Close() })
	if err := unix.IoctlSetPointerInt(int(controller.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(controller.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	return controller, tty
}

// onTerminal returns what a command shows on a terminal.
func onTerminal(t *testing.T, args ...string) string {
	t.Helper()
	controller, tty := pseudoTerminal(t)
	shown := make(chan string)
	go func() {
		text, _ := io.ReadAll(controller) // ends with an error when the other end is closed
		shown <- string(text)
	}()
	run(t.Context(), args, io.Discard, tty)
	tty.Close()
	return <-shown
}

// A stage that waits for a host shows a table on a terminal alone, and no secret in
// it.
func TestProgressOnATerminal(t *testing.T) {
	key, public, err := host.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("SSH_PRIVATE_KEY", key.Reveal())
	t.Setenv("HOST_PASSWORD", "localhost")
	t.Setenv("GITHUB_ACTIONS", "")
	t.Setenv("TERM", "xterm")
	args := []string{"status", "--host", "localhost:1", "--host-key", public, "--host-wait", "1200ms"}
	const table = "\x1b[?7l"
	for ci, want := range map[string]bool{"": true, "true": false} {
		t.Setenv("CI", ci)
		text := onTerminal(t, args...)
		if strings.Contains(text, table) != want {
			t.Errorf("CI=%s: a table is %v in %q", ci, !want, text)
		}
		if want && !strings.Contains(text, " s  waiting for host [REDACTED]:1\r\n") {
			t.Errorf("no row of the step in %q", text)
		}
		if strings.Contains(text, "localhost") {
			t.Errorf("CI=%s: a secret shows in %q", ci, text)
		}
	}
	t.Setenv("GITHUB_ACTIONS", "true")
	var out bytes.Buffer
	run(t.Context(), args, io.Discard, &out)
	for _, line := range []string{"::group::waiting for host [REDACTED]:1\n", "::endgroup::\nwaiting for host [REDACTED]:1: failed"} {
		if !strings.Contains(out.String(), line) {
			t.Errorf("no %q in %s", line, out.String())
		}
	}
}
