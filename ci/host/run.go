package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"gitops/ci/program"
	"gitops/ci/progress"
)

// stderrShown is how much of the end of stderr an ExitError repeats.
const stderrShown = 2000

// Command is a program and its arguments. Secrets belong on its standard input:
// arguments can be seen by everyone on the host.
type Command struct {
	Args []string
	// Stdin is read to its end; nil is empty.
	Stdin io.Reader
	// Stdout and Stderr, when set, get the output as it comes, and Output then
	// has none of it.
	Stdout, Stderr io.Writer
}

// Output is what a command wrote and how it ended.
type Output struct {
	Stdout, Stderr string
	Exit           int
}

// Run runs cmd on the host and waits for its end. An exit code other than 0 is
// an *ExitError beside the Output; a connection that breaks is a
// *ConnectionError. When ctx ends, the command is asked to terminate.
func (c *Client) Run(ctx context.Context, cmd Command) (Output, error) {
	text, err := line(cmd.Args...)
	if err != nil {
		return Output{}, err
	}
	return c.run(ctx, text, name(cmd.Args), cmd)
}

// Script runs a POSIX shell script on the host with args as $1, $2, … and stops
// at the first command that fails or the first unset variable. The script goes
// over standard input and starts only once it arrived whole; its commands have
// an empty standard input.
func (c *Client) Script(ctx context.Context, script string, args ...string) (Output, error) {
	text, err := line(append([]string{"sh", "-eu", "-s", "--"}, args...)...)
	if err != nil {
		return Output{}, err
	}
	whole := "{\n:\n" + script + "\n} </dev/null\n"
	return c.run(ctx, text, "script", Command{Stdin: strings.NewReader(whole)})
}

func (c *Client) run(ctx context.Context, line, name string, cmd Command) (Output, error) {
	session, err := c.link.Load().ssh.NewSession()
	if err != nil {
		return Output{}, c.broken(ctx, name, err)
	}
	defer session.Close()
	var stdout, stderr bytes.Buffer
	session.Stdin = cmd.Stdin
	session.Stdout, session.Stderr = orBuffer(cmd.Stdout, &stdout), orBuffer(cmd.Stderr, &stderr)
	if err := session.Start(line); err != nil {
		return Output{}, c.broken(ctx, name, err)
	}
	err = c.wait(ctx, session)
	out := Output{Stdout: stdout.String(), Stderr: stderr.String()}
	var exit *ssh.ExitError
	switch {
	case ctx.Err() != nil:
		return out, c.broken(ctx, name, ctx.Err())
	case errors.As(err, &exit):
		out.Exit = exit.ExitStatus()
		return out, &ExitError{Address: c.address, Command: name, Exit: out.Exit, Signal: exit.Signal(), Stderr: tail(out.Stderr)}
	case errors.Is(err, io.EOF):
		// It ended with 0 and did not read all of its input: a lost connection has no exit
		// code, which is an *ssh.ExitMissingError.
		return out, nil
	case err != nil:
		return out, c.broken(ctx, name, err)
	}
	return out, nil
}

// wait waits for the session's end. When ctx ends first it signals the command,
// since closing the channel alone would leave it running on the host.
func (c *Client) wait(ctx context.Context, session *ssh.Session) error {
	done := make(chan error, 1)
	go func() { done <- session.Wait() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		_ = session.Signal(ssh.SIGTERM)
		session.Close()
	}
	select {
	case err := <-done:
		return err
	case <-time.After(cancelPatience):
		return ctx.Err()
	}
}

// cancelPatience is how long a cancelled command is waited for. Wait can hang on
// a writer or reader of the caller's.
const cancelPatience = 2 * time.Second

// broken returns the error for a command whose session ended without an exit code.
func (c *Client) broken(ctx context.Context, name string, err error) error {
	doing := fmt.Sprintf("running %s on %s", name, c.address)
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", doing, context.Cause(ctx))
	}
	return &ConnectionError{Address: c.address, Phase: PhaseCommand, Doing: doing,
		Err: fmt.Errorf("the connection was lost, so it is not known how it ended: %w", err)}
}

func orBuffer(w io.Writer, buffer *bytes.Buffer) io.Writer {
	if w != nil {
		return w
	}
	return buffer
}

// line returns args as the line that the host's shell reads as exactly these words.
func line(args ...string) (string, error) {
	if len(args) == 0 {
		return "", progress.Invalid("no command to run")
	}
	for i, arg := range args {
		if strings.ContainsRune(arg, 0) {
			return "", progress.Invalid("argument %d of %s has a NUL byte, which no command can take", i, name(args))
		}
	}
	return program.Quote(args...), nil
}

// name is what messages call a command: its first words, so that they stay short.
func name(args []string) string {
	const shown = 4
	args = slices.Clone(args[:min(len(args), shown+1)])
	for i, word := range args {
		if strings.Contains(word, "\n") {
			args[i] = "…" // a script: nobody reads it in a message
		}
	}
	if len(args) == 0 {
		return "nothing"
	}
	if len(args) > shown {
		return strings.Join(args[:shown], " ") + " …"
	}
	return strings.Join(args, " ")
}

func tail(text string) string {
	text = strings.TrimSpace(text)
	if len(text) > stderrShown {
		return "… " + text[len(text)-stderrShown:]
	}
	return text
}
