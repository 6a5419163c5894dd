package stages

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	tfjson "github.com/hashicorp/terraform-json"

	"gitops/ci/progress"
	"gitops/ci/review"
)

// The files of a plan folder, which plan writes and review reads, perhaps in another
// container. Only tfplan holds secrets, and review does not need it.
//
// effects.json is what the plan would do, for apply to compare: a JSON array of
// review.Effect. Its digests are made from the plan before it is masked, as apply
// makes them. From plan.json they would be others: that has other values wherever a
// secret was replaced.
const (
	planFile    = "tfplan"       // what terraform apply takes
	planJSON    = "plan.json"    // the plan for reading and for Infracost, without sensitive values and known secrets
	planText    = "plan.txt"     // the plan as terraform prints it, likewise
	planEffects = "effects.json" // the effects
	planError   = "error.txt"    // why there is no plan
	planMeta    = "result.json"  // PlanResult, with the fingerprint
)

// planned is a plan as review and apply use it: just made, or read from its folder.
type planned struct {
	PlanResult
	effects []review.Effect // digests from the plan itself, addresses without secrets
	masked  *tfjson.Plan    // what may be shown
	text    string          // what may be shown
}

// write makes the folder's files but tfplan, which Terraform writes.
func (p planned) write(dir string) error {
	files := []struct {
		name    string
		content any
	}{{planJSON, p.masked}, {planEffects, p.effects}, {planMeta, p.PlanResult}}
	for _, file := range files {
		data, err := json.Marshal(file.content)
		if err != nil {
			return fmt.Errorf("encoding %s: %w", file.name, err)
		}
		if err := os.WriteFile(filepath.Join(dir, file.name), data, 0o600); err != nil {
			return fmt.Errorf("writing the plan: %w", err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, planText), []byte(p.text), 0o600); err != nil {
		return fmt.Errorf("writing the plan: %w", err)
	}
	return nil
}

// show puts the plan into a comment.
func (p planned) show(c *review.Comment) {
	c.Workspace, c.Fingerprint, c.Effects = p.Workspace, p.Fingerprint, p.effects
	c.Summary, c.PlanText = review.Summarize(p.masked), p.text
}

// readPlan reads a plan folder. When planning failed, failure says why.
func readPlan(dir string) (p planned, failure, err error) {
	if reason, err := os.ReadFile(filepath.Join(dir, planError)); err == nil {
		return p, errors.New(string(reason)), nil
	}
	for name, target := range map[string]any{planMeta: &p.PlanResult, planEffects: &p.effects} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			return p, nil, progress.Invalid("%s is not the folder of a plan: %w: give the folder that gitops plan --out wrote", dir, err)
		}
		if err := json.Unmarshal(data, target); err != nil {
			return p, nil, progress.Invalid("reading %s: %w", filepath.Join(dir, name), err)
		}
	}
	if p.masked, err = readPlanJSON(filepath.Join(dir, planJSON)); err != nil {
		return p, nil, err
	}
	text, err := os.ReadFile(filepath.Join(dir, planText))
	if err != nil {
		return p, nil, progress.Invalid("reading the plan: %w", err)
	}
	p.text = string(text)
	return p, nil, nil
}

// readPlanJSON reads a plan as `terraform show -json` prints it.
func readPlanJSON(path string) (*tfjson.Plan, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, progress.Invalid("reading the plan: %w", err)
	}
	plan, err := review.ParsePlan(data)
	if err != nil {
		return nil, progress.Invalid("%s: %w", path, err)
	}
	return plan, nil
}
