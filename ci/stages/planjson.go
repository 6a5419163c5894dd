package stages

import (
	"io"
	"os"

	"gitops/ci/infra"
	"gitops/ci/progress"
	"gitops/ci/review"
	"gitops/ci/secret"
)

// readPlanJSON reads a plan as `terraform show -json` prints it. Without the plan's text
// and its state there is no fingerprint to apply. What it marks sensitive is masked.
func readPlanJSON(path string, redactor *secret.Redactor) (planned, review.PlanState, error) {
	file, err := os.Open(path)
	if err != nil {
		return planned{}, review.PlanState{}, progress.Invalid("reading the plan: %w", err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, limits[planJSON]+1))
	if err != nil {
		return planned{}, review.PlanState{}, progress.Invalid("reading the plan: %w", err)
	}
	if int64(len(data)) > limits[planJSON] {
		return planned{}, review.PlanState{}, progress.Invalid("reading the plan: %s has more than %d bytes", path, limits[planJSON])
	}
	plan, err := review.ParsePlan(data)
	if err != nil {
		return planned{}, review.PlanState{}, progress.Invalid("%s: %w", path, err)
	}
	masked, _ := infra.Mask(plan, redactor)
	return planned{masked: masked}, review.ParseState(data), nil
}
