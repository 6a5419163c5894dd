package stages

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"gitops/ci/cost"
	"gitops/ci/progress"
	"gitops/ci/secret"
)

// CostOptions say what to estimate and how to reach Infracost.
type CostOptions struct {
	// Plan is the plan as JSON, a file.
	Plan string `json:"plan"`
	// Out is a file for Infracost's JSON, or for the reason why there is none.
	Out string `json:"out,omitempty"`
	// Require makes a missing estimate an error.
	Require bool           `json:"require,omitempty"`
	Prices  PricingOptions `json:"prices"`
	Output  Output         `json:"-"`
}

// PricingOptions say how the price service is reached.
type PricingOptions struct {
	// APIKey is the key of Infracost's service; without it there is no estimate.
	APIKey secret.Value `json:"-"`
	// Endpoint is another price service, which may need no key.
	Endpoint string `json:"endpoint,omitempty"`
}

// CostResult is what a plan costs a month, or why that is not known.
type CostResult struct {
	Cost        *cost.Cost `json:"cost,omitempty"`
	Unavailable string     `json:"cost_unavailable,omitempty"`
}

// noEstimate is the content of a cost file without an estimate.
type noEstimate struct {
	Unavailable string `json:"unavailable"`
}

// Cost estimates what a plan costs a month. An estimate that is not available is
// a result with its reason, and an error only where it is required.
func Cost(ctx context.Context, o CostOptions) (CostResult, error) {
	r, document, err := estimate(ctx, o.Plan, o.Prices, o.Output)
	if err != nil {
		return CostResult{}, err
	}
	if o.Require && r.Cost == nil {
		return CostResult{}, errNoCost(r.Unavailable)
	}
	if o.Out != "" {
		err = os.WriteFile(o.Out, document, 0o644)
	}
	return r, err
}

func errNoCost(why string) error {
	return fmt.Errorf("estimating the cost: %s (--require-cost)", why)
}

// estimate asks Infracost. Without an estimate the result and the document say why.
func estimate(ctx context.Context, plan string, prices PricingOptions, out Output) (CostResult, []byte, error) {
	info, err := os.Stat(plan)
	switch {
	case err != nil:
		return CostResult{}, nil, progress.Invalid("reading the plan: %w", err)
	case !info.Mode().IsRegular() || info.Size() > limits[planJSON]:
		return CostResult{}, nil, progress.Invalid("reading the plan: %s must be a plain file of at most %d bytes", plan, limits[planJSON])
	}
	found, err := cost.Run(ctx, cost.Options{
		PlanFile: plan, APIKey: prices.APIKey, PricingEndpoint: prices.Endpoint, Progress: out.Progress, Redactor: out.Redactor,
	})
	var unavailable *cost.Unavailable
	if errors.As(err, &unavailable) {
		document, err := json.Marshal(noEstimate{unavailable.Why})
		return CostResult{Unavailable: unavailable.Why}, document, err
	}
	if err != nil {
		return CostResult{}, nil, err
	}
	return CostResult{Cost: &found.Cost}, found.JSON, nil
}

// readCost reads the file that Cost wrote.
func readCost(file string) (CostResult, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return CostResult{}, progress.Invalid("reading the cost: %w", err)
	}
	var none noEstimate
	if json.Unmarshal(data, &none) == nil && none.Unavailable != "" {
		return CostResult{Unavailable: none.Unavailable}, nil
	}
	parsed, err := cost.Parse(data)
	var unavailable *cost.Unavailable
	if errors.As(err, &unavailable) {
		return CostResult{Unavailable: unavailable.Why}, nil
	}
	if err != nil {
		return CostResult{}, progress.Invalid("%s: %w", file, err)
	}
	return CostResult{Cost: &parsed}, nil
}
