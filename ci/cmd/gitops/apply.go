package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"gitops/ci/stages"
)

func newApply(c *console) *cobra.Command {
	var o stages.ApplyOptions
	cmd := command(c, "apply", "Plan again and apply that plan if it is the reviewed one",
		func(ctx context.Context) (stages.ApplyResult, error) {
			o.Output = c.stage
			return stages.Apply(ctx, o)
		}, applyText)
	addApply(cmd, &o)
	return cmd
}

func addApply(cmd *cobra.Command, o *stages.ApplyOptions) {
	flags := cmd.Flags()
	addTerraform(flags, &o.Terraform)
	addGitHub(flags, &o.GitHub)
	addRun(flags, &o.GitHub.Run)
	addPlatforms(flags, &o.Platforms)
	flags.Var((*notEmpty)(&o.Reviewed), "reviewed", "fingerprint that was reviewed, sha256:…, or the file that review --out wrote, instead of looking it up on GitHub")
	flags.StringVar(&o.Commit, "commit", os.Getenv("GITHUB_SHA"), "full SHA of the merged commit, whose pull request has the review")
	flags.StringVar(&o.Branch, "infra-branch", os.Getenv("GITHUB_REF_NAME"), "branch that is applied, which the pull request must have been merged into (default: GITHUB_REF_NAME, then "+stages.DefaultBranch+")")
	flags.StringVar(&o.ReviewAuthor, "review-author", "", "login of who wrote the review, such as github-actions[bot] (default: who GITHUB_TOKEN belongs to)")
	flags.BoolVar(&o.RequireApproval, "require-approval", false, "refuse a review that no person who may push approved since its comment was written")
	flags.BoolVar(&o.AcceptUnreviewed, "accept-unreviewed", false, "apply although no review is found")
	flags.StringVar(&o.Out, "out", "", "file for Terraform's outputs as JSON")
}

// notEmpty is a text that is refused when it is empty, as where a script's variable is
// not set: without the flag something else would count.
type notEmpty string

func (n *notEmpty) String() string { return string(*n) }
func (n *notEmpty) Type() string   { return "string" }

// Set implements pflag.Value.
func (n *notEmpty) Set(text string) error {
	if text == "" {
		return errors.New("it is empty: leave the flag out, or give it a value")
	}
	*n = notEmpty(text)
	return nil
}

func applyText(r stages.ApplyResult) string {
	done := "nothing to apply"
	switch {
	case r.Applied:
		done = "applied: " + r.Headline
	case r.Of > 0:
		done = fmt.Sprintf("applied %d of %d; once the cause is gone, run it again: what is left needs no new review", r.Done, r.Of)
	}
	return fmt.Sprintf("%s\nfingerprint %s", done, r.Fingerprint) + warningText(r.Warning)
}

func newOutputs(c *console) *cobra.Command {
	var o stages.OutputsOptions
	cmd := command(c, "outputs", "Read Terraform's outputs from the state",
		func(ctx context.Context) (stages.OutputsResult, error) {
			o.Output = c.stage
			return stages.Outputs(ctx, o)
		}, outputsText)
	addTerraform(cmd.Flags(), &o.Terraform)
	cmd.Flags().StringVar(&o.Out, "out", "", "file for the outputs as JSON")
	return cmd
}

func outputsText(r stages.OutputsResult) string {
	if r.Missing() != nil {
		return string(r.Raw)
	}
	return fmt.Sprintf("static_ip %s\nssh_user %s\nssh_host_public_key %s", r.StaticIP, r.SSHUser, r.SSHHostPublicKey)
}
