package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"gitops/ci/cost"
	"gitops/ci/progress"
	"gitops/ci/review"
	"gitops/ci/secret"
)

// noEstimate stands in a cost file where Infracost could not be had.
type noEstimate struct {
	Unavailable string `json:"unavailable"`
}

type costResult struct {
	Cost        *review.Cost `json:"cost,omitempty"`
	Unavailable string       `json:"cost_unavailable,omitempty"`
}

// Human implements result.
func (r costResult) Human() string {
	if r.Cost == nil {
		return "no cost estimate: " + r.Unavailable
	}
	return fmt.Sprintf("%s/month, was %s (%s)", review.Money(r.Cost.After, r.Cost.Currency),
		review.Money(r.Cost.Before, r.Cost.Currency), review.MoneyDiff(r.Cost.Diff, r.Cost.Currency))
}

func (a *app) costCommand() *cobra.Command {
	var plan, out string
	var require bool
	cmd := a.command("cost", "Estimate what a plan costs a month, with Infracost",
		func(cmd *cobra.Command, _ []string) (result, error) {
			r, document, err := a.estimate(cmd.Context(), plan)
			if err != nil {
				return nil, err
			}
			if require && r.Cost == nil {
				return nil, fmt.Errorf("estimating the cost: %s (--require-cost)", r.Unavailable)
			}
			if out != "" {
				err = os.WriteFile(out, document, 0o644)
			}
			return r, err
		})
	cmd.Flags().StringVar(&plan, "plan", "plan/plan.json", "the plan as JSON")
	cmd.Flags().StringVar(&out, "out", "", "file for Infracost's JSON, or for the reason why there is none")
	cmd.Flags().BoolVar(&require, "require-cost", false, "fail when there is no estimate")
	return cmd
}

// estimate asks Infracost; where it cannot be had, the result and the document
// say why.
func (a *app) estimate(ctx context.Context, plan string) (costResult, []byte, error) {
	if _, err := os.Stat(plan); err != nil {
		return costResult{}, nil, progress.Invalid("reading the plan: %w", err)
	}
	estimate, err := cost.Run(ctx, cost.Options{
		PlanFile: plan, APIKey: secret.FromEnv("INFRACOST_API_KEY"),
		PricingEndpoint: os.Getenv("INFRACOST_PRICING_API_ENDPOINT"), Progress: a.progress,
	})
	var unavailable *cost.Unavailable
	if errors.As(err, &unavailable) {
		document, err := json.Marshal(noEstimate{unavailable.Why})
		return costResult{Unavailable: unavailable.Why}, document, err
	}
	if err != nil {
		return costResult{}, nil, err
	}
	return costResult{Cost: &estimate.Cost}, estimate.JSON, nil
}

// costOf returns the cost of a plan: from file when one is given, else from
// Infracost; without a cost, the reason.
func (a *app) costOf(ctx context.Context, file, plan string) (*review.Cost, string, error) {
	if file == "" {
		r, _, err := a.estimate(ctx, plan)
		return r.Cost, r.Unavailable, err
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, "", progress.Invalid("reading the cost: %w", err)
	}
	var none noEstimate
	if json.Unmarshal(data, &none) == nil && none.Unavailable != "" {
		return nil, none.Unavailable, nil
	}
	parsed, err := review.ParseCost(data)
	if err != nil {
		return nil, "", progress.Invalid("%s: %w", file, err)
	}
	return &parsed, "", nil
}
