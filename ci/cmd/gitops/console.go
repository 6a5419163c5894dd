package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"

	"github.com/spf13/cobra"

	"gitops/ci/progress"
	"gitops/ci/registry"
	"gitops/ci/secret"
	"gitops/ci/stages"
	"gitops/ci/terminal"
)

// console is where a command prints: results on out, everything else on err, as
// text for people (see secret.Terminal), or the result as one JSON document.
type console struct {
	out     *secret.Terminal
	err     *secret.Terminal
	stdout  io.Writer
	json    bool
	config  string // file of the settings
	entered bool   // a stage began: its arguments were well-formed
	stage   stages.Output
}

// newConsole knows the secrets of the environment, and has GitHub Actions mask them
// too. Masks go to stderr: stdout has the result. Close it.
func newConsole(stdout, stderr io.Writer) *console {
	redactor := secret.NewRedactor(knownSecrets()...)
	screen := screen(stderr)
	if screen != nil {
		stderr = screen
	}
	c := &console{out: redactor.Terminal(stdout), err: redactor.Terminal(stderr), stdout: stdout}
	redactor.Announce(c.err.Commands())
	how := view(screen, c.err.Commands(), redactor)
	c.stage = stages.Output{Progress: progress.NewView(c.err, how), Redactor: redactor, Log: c.err}
	return c
}

func (c *console) close() error { return errors.Join(c.out.Close(), c.err.Close()) }

// command returns a subcommand that runs a stage and prints its result, as JSON or
// as text has it. A result that is not empty is printed beside an error too: it
// says what was done.
func command[R any](c *console, use, short string, do func(context.Context) (R, error), text func(R) string) *cobra.Command {
	return &cobra.Command{
		Use:   use,
		Short: short,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c.entered = true
			r, err := do(cmd.Context())
			if err == nil || !reflect.ValueOf(&r).Elem().IsZero() {
				c.print(r, text(r))
			}
			return err
		},
	}
}

func (c *console) print(r any, text string) {
	if r == (nothing{}) {
		return
	}
	if !c.json {
		if text != "" {
			fmt.Fprintln(c.out, text)
		}
		return
	}
	if err := c.printJSON(r); err != nil {
		fmt.Fprintf(c.err, "gitops: %v\n", err)
	}
}

// printJSON prints a document that stays valid without secrets, control characters
// and workflow commands.
func (c *console) printJSON(r any) error {
	var document bytes.Buffer
	encoder := json.NewEncoder(&document)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(r); err != nil {
		return fmt.Errorf("encoding the result: %w", err)
	}
	if _, err := c.stdout.Write(terminal.JSON(c.stage.Redactor.JSON(document.Bytes()))); err != nil {
		return fmt.Errorf("printing the result: %w", err)
	}
	return nil
}

// nothing is the result of a step that only leaves files.
type nothing struct{}

func noText(nothing) string { return "" }

// knownSecrets returns the secrets of the environment.
func knownSecrets() []secret.Value {
	values := secret.InEnvironment(os.Environ())
	// Logins that cannot be read are told of by the stage that needs them.
	logins, _ := registry.LoginsFromEnv("")
	for _, login := range logins {
		values = append(values, login.Secrets()...)
	}
	return values
}

// readResult reads the JSON result of another call of gitops, in the image of another
// tool, from a file; nil when no file is given.
func readResult[R any](flag, file string) (*R, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err == nil {
		var r R
		if err = json.Unmarshal(text, &r); err == nil {
			return &r, nil
		}
	}
	return nil, progress.Invalid("--%s: reading the result of an earlier step: %w", flag, err)
}
