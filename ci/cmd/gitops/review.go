package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"gitops/ci/stages"
)

func newReview(c *console) *cobra.Command {
	var o stages.ReviewOptions
	cmd := command(c, "review", "Write plan and cost into the one comment of a pull request, or render it",
		func(ctx context.Context) (stages.ReviewResult, error) {
			o.Output, o.Prices = c.stage, prices()
			return stages.Review(ctx, o)
		}, reviewText)
	flags := cmd.Flags()
	addTerraform(flags, &o.Terraform)
	addGitHub(flags, &o.GitHub)
	addPlatforms(flags, &o.Platforms)
	flags.StringVar(&o.Plan, "plan", "", "plan.json to render, instead of planning")
	flags.StringVar(&o.PlanDir, "plan-dir", "", "folder of a plan to use, instead of planning")
	flags.StringVar(&o.Cost, "cost", "", "Infracost's JSON, instead of asking Infracost")
	flags.StringVar(&o.Out, "out", "", "file for the comment, instead of a pull request")
	flags.StringVar(&o.Commit, "commit", os.Getenv("GITHUB_SHA"), "full SHA of the commit that was planned")
	flags.IntVar(&o.PullRequest, "pull-request", 0, "number of the pull request to comment on")
	flags.BoolVar(&o.RequireCost, "require-cost", false, "fail when there is no cost estimate")
	cmd.MarkFlagsMutuallyExclusive("plan", "plan-dir")
	cmd.MarkFlagsMutuallyExclusive("out", "pull-request")
	return cmd
}

func reviewText(r stages.ReviewResult) string {
	switch {
	case r.Comment != "" && r.Created:
		return fmt.Sprintf("%s\ncommented: %s", r.Headline, r.Comment)
	case r.Comment != "":
		return fmt.Sprintf("%s\ncomment updated: %s", r.Headline, r.Comment)
	case r.File != "":
		return fmt.Sprintf("%s\nwritten to %s", r.Headline, r.File)
	}
	return r.Text
}
