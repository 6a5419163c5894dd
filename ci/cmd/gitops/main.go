// Command gitops runs the stages of a GitOps loop: infrastructure by Terraform,
// configuration by Ansible, images under the git SHA, a robot that writes them
// into the compose manifest, and a deploy over SSH.
//
// Exit codes: 0 done (also when there was nothing to do), 1 failed, 2 bad usage
// or bad input with nothing touched, 3 refused by a guard.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"gitops/ci/lab/forward"
	"gitops/ci/progress"
	"gitops/ci/registry"
	"gitops/ci/secret"
)

func main() {
	// The first signal asks the stage to stop tidily; a second one kills it.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// app is what every subcommand shares.
type app struct {
	out      io.Writer
	err      io.Writer
	json     bool
	entered  bool // a stage began: its arguments were well-formed
	progress *progress.Progress
}

// run executes the command line and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	redactor := secret.NewRedactor(knownSecrets()...)
	stderr = redactor.Writer(stderr)
	a := &app{out: redactor.Writer(stdout), err: stderr, progress: progress.NewProgress(stderr)}
	root := a.root()
	root.SetArgs(args)
	root.SetOut(a.out)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return progress.ExitDone
	}
	if !a.entered {
		err = progress.Invalid("%w\nRun 'gitops --help' or 'gitops <stage> --help' for what it takes.", err)
	}
	fmt.Fprintf(stderr, "gitops: %v\n", err)
	return progress.ExitCode(err)
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "gitops",
		Short:         "Run a stage of the GitOps loop",
		Long:          longHelp,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			a.entered = true
			return cmd.Help()
		},
		PersistentPreRunE: startForward,
	}
	root.PersistentFlags().BoolVar(&a.json, "json", false, "print the result as one JSON document on stdout")
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(
		a.validateCommand(), a.planCommand(), a.costCommand(), a.reviewCommand(), a.applyCommand(),
		a.outputsCommand(), a.configureCommand(), a.provisionCommand(), a.bumpCommand(), a.publishCommand(), a.releaseCommand(), a.commitTimeCommand(),
		a.deployCommand(), a.rollbackCommand(), a.statusCommand(), a.unlockCommand(), a.driftCommand(),
		a.rehearseCommand(), a.labCommand(),
	)
	return root
}

const longHelp = `gitops runs one stage of the GitOps loop; see the README for the loop.

Exit codes: 0 done (also when there was nothing to do), 1 failed,
2 bad usage or bad input with nothing touched, 3 refused by a guard.

The result is printed on stdout, progress on stderr. Secrets come from
environment variables or files, never from flags' values:
  AWS_*                 credentials for Terraform
  TF_VAR_name           Terraform variables
  INFRACOST_API_KEY     price service of cost and review
  GITHUB_TOKEN          comments and issues
  SSH_PRIVATE_KEY       login key of the host (or --ssh-key-file)
  REGISTRY_PASSWORD     image registry (with REGISTRY_USERNAME)
  REGISTRY_AUTH         several registries, in the form of Docker's config.json
  COSIGN_PRIVATE_KEY    signs images (with COSIGN_PASSWORD)
  SIGSTORE_ID_TOKEN     signs images without a key
  GIT_TOKEN             the robot's pushes (with GIT_USERNAME)`

// result is what a stage returns: JSON by its fields, text by Human.
type result interface{ Human() string }

// stageFunc runs a stage. It may return a result beside an error: what was done
// before the failure.
type stageFunc func(cmd *cobra.Command, args []string) (result, error)

// command returns a subcommand that runs do and prints its result.
func (a *app) command(use, short string, do stageFunc) *cobra.Command {
	return &cobra.Command{
		Use:   use,
		Short: short,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			a.entered = true
			r, err := do(cmd, args)
			if r != nil {
				a.print(r)
			}
			return err
		},
	}
}

func (a *app) print(r result) {
	if !a.json {
		if text := r.Human(); text != "" {
			fmt.Fprintln(a.out, text)
		}
		return
	}
	encoder := json.NewEncoder(a.out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(r); err != nil {
		fmt.Fprintf(a.err, "gitops: encoding the result: %v\n", err)
	}
}

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

// startForward serves the addresses in GITOPS_FORWARD, which a rehearsal sets:
// its cloud hands out loopback addresses, and these lead to the stand-in host.
func startForward(cmd *cobra.Command, _ []string) error {
	spec := os.Getenv("GITOPS_FORWARD")
	if spec == "" {
		return nil
	}
	rules, err := forward.Parse(spec)
	if err != nil {
		return fmt.Errorf("reading GITOPS_FORWARD: %w", err)
	}
	return forward.Start(cmd.Context(), rules)
}

// redact takes the secrets of the environment out of text that goes to a file.
func redact(text string) string { return secret.NewRedactor(knownSecrets()...).Redact(text) }

// firstError returns the first error that is not nil.
func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
