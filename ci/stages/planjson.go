package stages

import (
	"io"
	"os"

	"gitops/ci/progress"
	"gitops/ci/review"
)

// readPlanJSON reads a plan as `terraform show -json` prints it. Without the plan's text
// and its state there is no fingerprint to apply.
func readPlanJSON(path string) (planned, review.PlanState, error) {
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
	return planned{masked: plan}, review.ParseState(data), nil
}
