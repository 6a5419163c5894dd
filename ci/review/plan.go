package review

import (
	"encoding/json"

	"gitops/ci/progress"

	tfjson "github.com/hashicorp/terraform-json"
)

// ParsePlan reads the output of `terraform show -json PLANFILE`. Numbers keep
// all their digits, which a float64 would not.
func ParsePlan(data []byte) (*tfjson.Plan, error) {
	plan := &tfjson.Plan{}
	plan.UseJSONNumber(true)
	if err := json.Unmarshal(slim(data), plan); err != nil {
		return nil, progress.Invalid("reading plan JSON: %w; give the output of `terraform show -json PLANFILE`", err)
	}
	return plan, nil
}
