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
	addPlatforms(cmd.Flags(), &o.Platforms)
	cmd.Flags().StringVar(&o.Dir, "out", "plan", "folder for the plan's files")
	return cmd
}

func planText(r stages.PlanResult) string {
	return fmt.Sprintf("%s\nfingerprint %s\nplan in %s", r.Headline, r.Fingerprint, r.Dir) + warningText(r.Warning)
}

// warningText is a warning as the last line of a result.
func warningText(warning string) string {
	if warning == "" {
		return ""
	}
	return "\nwarning: " + warning
}
