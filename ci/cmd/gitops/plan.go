package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"gitops/ci/stages"
)

func newPlan(c *console) *cobra.Command {
	var o stages.PlanOptions
	cmd := command(c, "plan", "Plan the infrastructure: plan file, masked JSON, text and fingerprint",
		func(ctx context.Context) (stages.PlanResult, error) {
			o.Output = c.stage
			return stages.Plan(ctx, o)
		}, planText)
	addTerraform(cmd.Flags(), &o.Terraform)
	cmd.Flags().StringVar(&o.Dir, "out", "plan", "folder for the plan's files")
	return cmd
}

func planText(r stages.PlanResult) string {
	return fmt.Sprintf("%s\nfingerprint %s\nplan in %s", r.Headline, r.Fingerprint, r.Dir)
}
