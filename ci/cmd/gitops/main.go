// Command gitops runs the stages of a GitOps loop: infrastructure by Terraform,
// configuration by Ansible, images under the git SHA, a robot that writes them
// into the compose manifest, and a deploy over SSH.
//
// Exit codes: 0 done (also when there was nothing to do), 1 failed, 2 bad usage
// or bad input with nothing touched, 3 refused by a guard.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"gitops/ci/progress"
	"gitops/ci/settings"
)

func main() {
	// The first signal asks the stage to stop tidily; a second one kills it.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// version is set by the linker in releases.
var version = "development"

// run executes the command line and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	c := newConsole(stdout, stderr)
	defer c.close()
	root := newRoot(c)
	root.SetArgs(args)
	root.SetOut(c.out)
	root.SetErr(c.err)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return progress.ExitDone
	}
	if !c.entered && progress.ExitCode(err) != progress.ExitInvalid {
		err = progress.Invalid("%w\nRun 'gitops --help' or 'gitops <stage> --help' for what it takes.", err)
	}
	fmt.Fprintf(c.err, "gitops: %v\n", err)
	return progress.ExitCode(err)
}

func newRoot(c *console) *cobra.Command {
	root := &cobra.Command{
		Use:           "gitops",
		Short:         "Run a stage of the GitOps loop",
		Long:          longHelp,
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c.entered = true
			return cmd.Help()
		},
	}
	root.PersistentFlags().BoolVar(&c.json, "json", false, "print the result as one JSON document on stdout")
	root.PersistentFlags().StringVar(&c.config, "config", settings.DefaultFile, "file of the repository's settings, if it exists; a flag wins over it")
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return configure(cmd.Flags(), c.config) }
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(
		newValidate(c), newPlan(c), newCost(c), newReview(c), newApply(c), newOutputs(c), newCollections(c), newConfigure(c), newProvision(c),
		newBump(c), newPublish(c), newRelease(c), newCommitTime(c),
		newDeploy(c), newRollback(c), newStatus(c), newUnlock(c), newDrift(c), newUnlockState(c),
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
  GIT_TOKEN             the robot's pushes (with GIT_USERNAME)

Their values are taken out of what is printed and written, and so are those of
variables that are named as secrets are, and of every TF_VAR_ that does not have
the form of a setting. Names of variables, separated by commas:
  GITOPS_SECRETS        further secrets
  GITOPS_PUBLIC         no secrets, such as TF_VAR_name`
