package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"reflect"

	"github.com/spf13/cobra"

	"gitops/ci/progress"
	"gitops/ci/registry"
	"gitops/ci/secret"
	"gitops/ci/stages"
)

// console is where a command prints: results on out, everything else on err.
// Secrets of the environment are taken out of both.
type console struct {
	out     io.Writer
	err     io.Writer
	json    bool
	entered bool // a stage began: its arguments were well-formed
	stage   stages.Output
}

func newConsole(stdout, stderr io.Writer) *console {
	secrets := knownSecrets()
	redactor := secret.NewRedactor(secrets...)
	stderr = redactor.Writer(stderr)
	return &console{
		out: redactor.Writer(stdout), err: stderr,
		stage: stages.Output{Progress: progress.NewProgress(stderr), Secrets: secrets, Log: stderr},
	}
}

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
	encoder := json.NewEncoder(c.out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(r); err != nil {
		fmt.Fprintf(c.err, "gitops: encoding the result: %v\n", err)
	}
}

// nothing is the result of a step that only leaves files.
type nothing struct{}

func noText(nothing) string { return "" }

// secretVariables are the environment variables whose values never appear in
// anything that gitops prints.
var secretVariables = []string{
	"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "INFRACOST_API_KEY", "GITHUB_TOKEN",
	"SSH_PRIVATE_KEY", "REGISTRY_PASSWORD", registry.AuthVariable, "COSIGN_PRIVATE_KEY", "COSIGN_PASSWORD", "SIGSTORE_ID_TOKEN",
	"ACTIONS_ID_TOKEN_REQUEST_TOKEN",
	"GIT_TOKEN", "TF_VAR_ssh_host_private_key",
}

func knownSecrets() []secret.Value {
	var values []secret.Value
	for _, name := range secretVariables {
		values = append(values, secret.FromEnv(name))
	}
	// Logins that cannot be read are told of by the stage that needs them.
	logins, _ := registry.LoginsFromEnv("")
	for _, login := range logins {
		values = append(values, login.Secrets()...)
	}
	return values
}

// firstError returns the first error that is not nil.
func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
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
