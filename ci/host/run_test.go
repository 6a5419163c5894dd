package host_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"gitops/ci/host"
	"gitops/ci/lab/hosttest"
	"gitops/ci/progress"
)

// nasty are arguments that a careless quoting would break or execute.
var nasty = []string{
	"", " ", "plain", "two words", "it's", `'"'"'`, `"$HOME"`, "$(id)", "`id`", `back\slash\`, "new\nline", "tab\tand ", "*", "~root",
	"-n", "--", "a=b", "!history", "#comment", ";&|<>(){}[]?", "ünïcödé ☃", "'", "''", "\x01\x7f\xff", strings.Repeat("x'", 1000),
}

func dial(t *testing.T, config host.Config) *host.Client {
	t.Helper()
	client, err := host.Dial(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

func TestRunOnSSHD(t *testing.T) {
	t.Parallel()
	client := dial(t, hosttest.Start(t).Config())
	t.Run("arguments arrive as they are", func(t *testing.T) {
		out, err := client.Run(t.Context(), host.Command{Args: append([]string{"printf", `%s\0`}, nasty...)})
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Split(strings.TrimSuffix(out.Stdout, "\x00"), "\x00")
		if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", nasty) {
			t.Errorf("got  %q\nwant %q", got, nasty)
		}
	})
	t.Run("script arguments arrive as they are", func(t *testing.T) {
		out, err := client.Script(t.Context(), `for word in "$@"; do printf '%s\0' "$word"; done`, nasty...)
		if want := strings.Join(nasty, "\x00") + "\x00"; err != nil || out.Stdout != want {
			t.Errorf("got %q, %v, want %q", out.Stdout, err, want)
		}
	})
	t.Run("exit code, both outputs", func(t *testing.T) {
		out, err := client.Run(t.Context(), host.Command{Args: []string{"sh", "-c", "echo out; echo why it broke >&2; exit 42"}})
		var exit *host.ExitError
		if !errors.As(err, &exit) || exit.Exit != 42 || out.Exit != 42 || out.Stdout != "out\n" || out.Stderr != "why it broke\n" {
			t.Fatalf("got %+v, %v", out, err)
		}
		if !strings.Contains(err.Error(), "exit code 42: why it broke") || !strings.Contains(err.Error(), client.Address()) {
			t.Errorf("error says %q", err)
		}
	})
	t.Run("ended by a signal", func(t *testing.T) {
		_, err := client.Run(t.Context(), host.Command{Args: []string{"sh", "-c", "kill -KILL $$"}})
		var exit *host.ExitError
		if !errors.As(err, &exit) || exit.Signal != "KILL" {
			t.Fatalf("got %v", err)
		}
	})
	t.Run("standard input", func(t *testing.T) {
		big := strings.Repeat("0123456789abcdef", 1<<16)
		out, err := client.Run(t.Context(), host.Command{Args: []string{"cat"}, Stdin: strings.NewReader(big)})
		if err != nil || out.Stdout != big {
			t.Errorf("%d bytes came back of %d, %v", len(out.Stdout), len(big), err)
		}
	})
	t.Run("output as it comes", func(t *testing.T) {
		read, write := io.Pipe()
		first := make(chan string, 1)
		go func() {
			line := make([]byte, 6)
			io.ReadFull(read, line)
			first <- string(line)
			io.Copy(io.Discard, read)
		}()
		script := `echo first; i=0; while [ $i -lt 50 ] && ! [ -e "$1" ]; do sleep 0.1; i=$((i+1)); done; [ -e "$1" ]`
		seen := t.TempDir() + "/seen"
		go func() {
			<-first
			client.Upload(context.WithoutCancel(t.Context()), seen, 0o600, nil)
		}()
		out, err := client.Run(t.Context(), host.Command{Args: []string{"sh", "-c", script, "sh", seen}, Stdout: write})
		if err != nil || out.Stdout != "" {
			t.Errorf("output did not come before the end: %+v, %v", out, err)
		}
	})
	t.Run("script stops at the first failure", func(t *testing.T) {
		out, err := client.Script(t.Context(), "echo one\nfalse\necho two")
		if err == nil || out.Stdout != "one\n" {
			t.Errorf("got %q, %v", out.Stdout, err)
		}
		if _, err := client.Script(t.Context(), `echo "$missing"`); err == nil {
			t.Error("an unset variable passed")
		}
	})
	t.Run("script commands do not eat the script", func(t *testing.T) {
		out, err := client.Script(t.Context(), "cat\necho after")
		if err != nil || out.Stdout != "after\n" {
			t.Errorf("got %q, %v", out.Stdout, err)
		}
	})
	t.Run("cancelling ends the command on the host", func(t *testing.T) {
		if os.Geteuid() == 0 {
			t.Skip("needs a login user other than root: sshd passes signals on only then")
		}
		mark := fmt.Sprintf("%d.%d", 300+time.Now().Nanosecond()%600, time.Now().Nanosecond())
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		_, err := client.Run(ctx, host.Command{Args: []string{"sleep", mark}})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v", err)
		}
		for range 50 {
			out, err := client.Run(t.Context(), host.Command{Args: []string{"pgrep", "-fx", "sleep " + mark}})
			if err != nil && out.Exit == 1 {
				return // pgrep found nothing
			}
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		t.Errorf("sleep %s still runs", mark)
	})
	t.Run("many at once", func(t *testing.T) {
		var failed atomic.Int64
		done := make(chan struct{})
		const commands = 8
		for i := range commands {
			go func() {
				defer func() { done <- struct{}{} }()
				out, err := client.Run(t.Context(), host.Command{Args: []string{"echo", fmt.Sprint(i)}})
				if err != nil || out.Stdout != fmt.Sprintln(i) {
					failed.Add(1)
				}
			}()
		}
		for range commands {
			<-done
		}
		if failed.Load() > 0 {
			t.Errorf("%d of %d failed", failed.Load(), commands)
		}
	})
}

func TestRunRefusesWhatCannotBeQuoted(t *testing.T) {
	t.Parallel()
	key := signer(t, "ed25519")
	client := dial(t, newServer(t, key).client(key))
	for _, args := range [][]string{nil, {"echo", "a\x00b"}} {
		if _, err := client.Run(t.Context(), host.Command{Args: args}); progress.ExitCode(err) != progress.ExitInvalid {
			t.Errorf("%q: got %v, want bad input", args, err)
		}
	}
}

func TestRunWhenTheConnectionIsCut(t *testing.T) {
	t.Parallel()
	key := signer(t, "ed25519")
	s := newServer(t, key)
	s.exec = func(_ string, channel ssh.Channel) (int, error) {
		io.WriteString(channel, "half of it")
		time.Sleep(50 * time.Millisecond)
		return 0, errCut
	}
	client := dial(t, s.client(key))
	out, err := client.Run(t.Context(), host.Command{Args: []string{"docker", "compose", "up", "-d", "--wait"}})
	var lost *host.ConnectionError
	if !errors.As(err, &lost) || lost.Phase != host.PhaseCommand {
		t.Fatalf("got %v, want a ConnectionError", err)
	}
	for _, words := range []string{"running docker compose up -d …", s.address, "the connection was lost"} {
		if !strings.Contains(err.Error(), words) {
			t.Errorf("error lacks %q: %v", words, err)
		}
	}
	if out.Stdout != "half of it" {
		t.Errorf("what came before was lost: %q", out.Stdout)
	}
	if _, err := client.Run(t.Context(), host.Command{Args: []string{"true"}}); !errors.As(err, &lost) {
		t.Errorf("on the dead connection: got %v, want a ConnectionError", err)
	}
}

func TestCancellingSignalsTheCommand(t *testing.T) {
	t.Parallel()
	key := signer(t, "ed25519")
	s := newServer(t, key)
	started := make(chan struct{})
	s.exec = func(string, ssh.Channel) (int, error) {
		close(started)
		<-s.signalled
		return 0, nil
	}
	client := dial(t, s.client(key))
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-started; cancel() }()
	if _, err := client.Run(ctx, host.Command{Args: []string{"sleep", "60"}}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	select {
	case got := <-s.seen:
		if got != "TERM" {
			t.Errorf("signal %q, want TERM", got)
		}
	case <-time.After(3 * time.Second):
		t.Error("the command got no signal")
	}
}

func TestRunDoesNotWaitForAHostThatIgnoresTheSignal(t *testing.T) {
	t.Parallel()
	key := signer(t, "ed25519")
	s := newServer(t, key)
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	s.exec = func(string, ssh.Channel) (int, error) { <-release; return 0, nil }
	client := dial(t, s.client(key))
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	begun := time.Now()
	if _, err := client.Run(ctx, host.Command{Args: []string{"true"}}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if took := time.Since(begun); took > 4*time.Second {
		t.Errorf("took %s to give up", took)
	}
}

func TestLargeOutput(t *testing.T) {
	t.Parallel()
	client := dial(t, hosttest.Start(t).Config())
	var sink bytes.Buffer
	_, err := client.Run(t.Context(), host.Command{Args: []string{"head", "-c", "50000000", "/dev/zero"}, Stdout: &sink})
	if err != nil || sink.Len() != 50_000_000 {
		t.Errorf("got %d bytes, %v", sink.Len(), err)
	}
}
