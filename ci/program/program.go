// Package program runs other programs, all in the same way: each gets only the
// variables of this process that it needs, ends when its context ends, cannot fill
// the memory with its output, and leaves its last words in the error. It also has
// what goes with programs: shell quoting and the last lines of a text.
package program

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"gitops/ci/secret"
)

// defaultGrace is how long a program may take to end after it was asked to.
const defaultGrace = 5 * time.Second

// stdoutLimit is how many bytes of standard output are taken. A program that writes
// more is ended, and that is an error. Bills of materials have tens of megabytes.
var stdoutLimit = 256 << 20

// Command is one run of a program.
type Command struct {
	// Name is looked up in PATH, unless it is a path.
	Name string
	// Args are the arguments. Everybody on the machine can read them: secrets belong
	// in Env or Stdin.
	Args []string
	// Dir is the working folder; this process's when empty.
	Dir string
	// Stdin is read to its end; nil is empty.
	Stdin io.Reader
	// Pass are the names of the variables that the program gets from this process's
	// environment. "AWS_*" is every name that begins with AWS_.
	Pass []string
	// Env are further variables, NAME=value. They win over those of Pass.
	Env []string
	// Merge takes standard output for words as well, in the order of writing. There
	// is no Output.Stdout then.
	Merge bool
	// Log gets what the program says, secrets included, as it comes: standard error,
	// and with Merge standard output.
	Log io.Writer
	// Grace is how long the program and its children may take to end after SIGTERM,
	// before they are killed; 5 seconds when 0.
	Grace time.Duration
	// Redactor takes secrets out of the program's words; nil knows none.
	Redactor *secret.Redactor
}

// Output is what a program wrote.
type Output struct {
	Stdout []byte
	// Said is what it wrote to standard error, without known secrets. Of a long text
	// the middle is missing.
	Said string
}

// Error is a program that ended with another exit code than 0, or by a signal.
type Error struct {
	Command string // the program and its subcommand, such as "git push"
	Said    string // its words, as in Output
	Exit    int    // the exit code; -1 when a signal ended it
	State   string // how it ended: "exit status 1", "signal: killed"
}

// shownLines is how many of the last lines an error repeats.
const shownLines = 20

// Error implements error.
func (e *Error) Error() string {
	words := LastLines(e.Said, shownLines)
	if words == "" {
		words = "it said nothing"
	}
	return e.Command + ": " + e.State + ": " + words
}

// Find returns the path of the program name; the error is an exec.ErrNotFound when
// PATH does not have it.
func Find(name string) (string, error) { return exec.LookPath(name) }

// Missing reports whether err means that a program is not in PATH.
func Missing(err error) bool { return errors.Is(err, exec.ErrNotFound) }

// Run runs the program and waits for its end. A bad end is an *Error beside the
// Output. When ctx ends, the program and its children get SIGTERM, after the grace
// SIGKILL, and the error is ctx's cause.
func Run(ctx context.Context, c Command) (Output, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var said Words
	out := &limited{left: stdoutLimit, over: cancel}
	cmd := c.prepare(ctx, out, &said)
	err := cmd.Run()
	if cmd.Process != nil && (ctx.Err() != nil || errors.Is(err, exec.ErrWaitDelay)) {
		_ = killGroup(cmd, syscall.SIGKILL) // children that outlived the program
	}
	result := Output{Stdout: out.text, Said: c.Redactor.Redact(said.String())}
	if out.exceeded {
		return result, fmt.Errorf("running %s: it wrote more than %d bytes to its standard output", c.words(), stdoutLimit)
	}
	return result, c.ending(ctx, err, result.Said)
}

// prepare returns the command, as a process group that ends with ctx.
func (c Command) prepare(ctx context.Context, out io.Writer, said *Words) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.Name, c.Args...)
	cmd.Dir, cmd.Env, cmd.Stdin = c.Dir, Environ(c.Pass, c.Env...), c.Stdin
	cmd.Stdout, cmd.Stderr = out, said
	if c.Log != nil {
		cmd.Stderr = io.MultiWriter(said, c.Log)
	}
	if c.Merge {
		cmd.Stdout = cmd.Stderr
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return killGroup(cmd, syscall.SIGTERM) }
	// After it the program is killed, and a child that has its output open is not
	// waited for any longer.
	cmd.WaitDelay = c.grace()
	return cmd
}

// killGroup signals the program and its children.
func killGroup(cmd *exec.Cmd, signal syscall.Signal) error {
	err := syscall.Kill(-cmd.Process.Pid, signal)
	if errors.Is(err, syscall.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}

// ending returns what Run says of the end of the command.
func (c Command) ending(ctx context.Context, err error, said string) error {
	var exit *exec.ExitError
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay): // a child held its output open; it ended well itself
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("running %s: %w", c.words(), cause(ctx))
	case errors.As(err, &exit):
		return &Error{Command: c.words(), Said: said, Exit: exit.ExitCode(), State: exit.String()}
	}
	return fmt.Errorf("running %s: %w", c.words(), err)
}

// cause returns why ctx ended, as an error that is also ctx's own.
func cause(ctx context.Context) error {
	if why := context.Cause(ctx); !errors.Is(why, ctx.Err()) {
		return fmt.Errorf("%w (%w)", why, ctx.Err())
	}
	return context.Cause(ctx)
}

func (c Command) grace() time.Duration {
	if c.Grace == 0 {
		return defaultGrace
	}
	return c.Grace
}

// words returns what messages call the command: "git push".
func (c Command) words() string {
	name := filepath.Base(c.Name)
	if len(c.Args) > 0 && !strings.HasPrefix(c.Args[0], "-") {
		return name + " " + c.Args[0]
	}
	return name
}
