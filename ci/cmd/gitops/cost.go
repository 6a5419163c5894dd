package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"gitops/ci/cost"
	"gitops/ci/secret"
	"gitops/ci/stages"
)

func newCost(c *console) *cobra.Command {
	var o stages.CostOptions
	cmd := command(c, "cost", "Estimate what a plan costs a month, with Infracost",
		func(ctx context.Context) (stages.CostResult, error) {
			o.Output, o.Prices = c.stage, prices()
			return stages.Cost(ctx, o)
		}, costText)
	cmd.Flags().StringVar(&o.Plan, "plan", "plan/plan.json", "the plan as JSON")
	cmd.Flags().StringVar(&o.Out, "out", "", "file for Infracost's JSON, or for the reason why there is none")
	cmd.Flags().BoolVar(&o.Require, "require-cost", false, "fail when there is no estimate")
	return cmd
}

// prices returns the price service that the environment names.
func prices() stages.PricingOptions {
	return stages.PricingOptions{APIKey: secret.FromEnv("INFRACOST_API_KEY"), Endpoint: os.Getenv("INFRACOST_PRICING_API_ENDPOINT")}
}

func costText(r stages.CostResult) string {
	if r.Cost == nil {
		return "no cost estimate: " + r.Unavailable
	}
	return fmt.Sprintf("%s/month, was %s (%s)", cost.Money(r.Cost.After, r.Cost.Currency),
		cost.Money(r.Cost.Before, r.Cost.Currency), cost.MoneyDiff(r.Cost.Diff, r.Cost.Currency))
}
