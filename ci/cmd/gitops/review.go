package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gitops/ci/review"
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
	flags.StringVar(&o.HTML, "html", "", "file for a page that shows the comment as GitHub does")
	addRun(flags, &o.GitHub.Run)
	addPolicy(flags, &o.Policy, &o.Facts)
	flags.IntVar(&o.PullRequest, "pull-request", 0, "number of the pull request to comment on")
	flags.BoolVar(&o.RequireCost, "require-cost", false, "fail when there is no cost estimate")
	cmd.MarkFlagsMutuallyExclusive("plan", "plan-dir")
	cmd.MarkFlagsMutuallyExclusive("out", "pull-request")
	return cmd
}

// addPolicy adds the flags for the rules that a plan must keep, and for what allows to
// break them.
func addPolicy(flags *pflag.FlagSet, p *review.Policy, facts *review.Facts) {
	flags.StringArrayVar(&p.NoDestroy, "no-destroy", nil, "type of resource that no plan destroys or replaces without the label, such as aws_db_* (repeatable)")
	flags.StringVar(&p.AllowLabel, "allow-label", "", "label of the pull request that allows to destroy (default: "+review.DefaultAllowLabel+")")
	flags.StringVar(&p.MaxCost, "max-cost", "", "how much more a month may cost without an approval")
	flags.StringArrayVar(&p.CostApproval, "cost-approval", nil, "login whose approval allows a higher cost (repeatable)")
	flags.StringArrayVar(&facts.Labels, "label", nil, "label that the pull request has (repeatable)")
	flags.StringArrayVar(&facts.Approvals, "approved-by", nil, "login that approved the pull request (repeatable)")
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
