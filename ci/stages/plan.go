package stages

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"gitops/ci/infra"
	"gitops/ci/progress"
	"gitops/ci/review"
)

// The files of a plan folder, through which the stages hand a plan on.
const (
	planFile  = "tfplan"      // what terraform apply takes; holds secrets
	planJSON  = "plan.json"   // the plan for reading, sensitive values masked
	planText  = "plan.txt"    // the plan as terraform prints it
	planError = "error.txt"   // why there is no plan
	planMeta  = "result.json" // PlanResult
)

// PlanOptions say what to plan, and where to.
type PlanOptions struct {
	Terraform TerraformOptions `json:"terraform"`
	// Dir is the folder for the plan's files. It is made, for its owner only.
	Dir    string `json:"dir"`
	Output Output `json:"-"`
}

// PlanResult is a plan and the fingerprint that names exactly what it does.
type PlanResult struct {
	Changes     bool   `json:"changes"`
	Headline    string `json:"headline"`
	Fingerprint string `json:"fingerprint"`
	Workspace   string `json:"workspace"`
	Dir         string `json:"dir"`
	plan        *infra.Plan
}

// Plan writes a plan folder: the plan file, its masked JSON, its text and the
// fingerprint. When there is no plan, the folder says why, for review.
func Plan(ctx context.Context, o PlanOptions) (PlanResult, error) {
	r, workspace, err := o.plan(ctx)
	if workspace != nil {
		workspace.Close()
	}
	if err == nil {
		return r, nil
	}
	reason := []byte(o.Output.redactor().Redact(err.Error()))
	return PlanResult{}, firstError(err, os.WriteFile(filepath.Join(o.Dir, planError), reason, 0o600))
}

// plan writes a plan folder and returns the workspace that made it, which can apply it.
func (o PlanOptions) plan(ctx context.Context) (PlanResult, *infra.Workspace, error) {
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return PlanResult{}, nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return PlanResult{}, nil, fmt.Errorf("making the plan's folder: %w", err)
	}
	workspace, err := o.Terraform.open(ctx, o.Output)
	if err != nil {
		return PlanResult{}, nil, err
	}
	p, err := workspace.Plan(ctx, filepath.Join(dir, planFile))
	if err != nil {
		return PlanResult{}, workspace, err
	}
	r := PlanResult{
		Changes: p.HasChanges, Headline: review.Headline(review.Summarize(p.JSON), nil),
		Workspace: o.Terraform.workspace(), Dir: dir, plan: p,
	}
	if r.Fingerprint, err = fingerprint(ctx, workspace, p, o.Terraform.Dir); err != nil {
		return PlanResult{}, workspace, err
	}
	return r, workspace, o.write(dir, p, r)
}

// fingerprint names what the plan of the configuration in dir would do.
func fingerprint(ctx context.Context, w *infra.Workspace, p *infra.Plan, dir string) (string, error) {
	lineage, err := w.Lineage(ctx)
	if err != nil {
		return "", err
	}
	lock, err := os.ReadFile(filepath.Join(dir, ".terraform.lock.hcl"))
	if err != nil {
		lock = nil // no providers are locked
	}
	return review.Fingerprint(p.JSON, review.Extra{LockFile: lock, Lineage: lineage}), nil
}

func (o PlanOptions) write(dir string, p *infra.Plan, r PlanResult) error {
	plan, err := json.Marshal(infra.Masked(p.JSON))
	if err != nil {
		return fmt.Errorf("encoding the plan: %w", err)
	}
	meta, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encoding the plan's result: %w", err)
	}
	text := []byte(o.Output.redactor().Redact(p.Text))
	for name, content := range map[string][]byte{planJSON: plan, planText: text, planMeta: meta} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return fmt.Errorf("writing the plan: %w", err)
		}
	}
	return nil
}

// readPlan returns what a plan folder says; ok is false when planning failed,
// and text then says why.
func readPlan(dir string) (r PlanResult, text string, ok bool, err error) {
	if failure, readErr := os.ReadFile(filepath.Join(dir, planError)); readErr == nil {
		return r, string(failure), false, nil
	}
	meta, err := os.ReadFile(filepath.Join(dir, planMeta))
	if err != nil {
		return r, "", false, progress.Invalid("%s is not the folder of a plan: %w", dir, err)
	}
	if err := json.Unmarshal(meta, &r); err != nil {
		return r, "", false, progress.Invalid("reading %s: %w", filepath.Join(dir, planMeta), err)
	}
	content, err := os.ReadFile(filepath.Join(dir, planText))
	return r, string(content), true, err
}
