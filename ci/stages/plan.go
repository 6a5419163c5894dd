package stages

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"

	"gitops/ci/infra"
	"gitops/ci/review"
)

// PlanOptions say what to plan, and where to.
type PlanOptions struct {
	Terraform TerraformOptions `json:"terraform"`
	// Dir is the folder for the plan's files. It is made, for its owner only.
	Dir string `json:"dir"`
	// Platforms are what images are built for, to compare with the server; empty is the
	// builder's.
	Platforms []string `json:"platforms,omitempty"`
	Output    Output   `json:"-"`
}

// PlanResult is a plan and the fingerprint that names exactly what it does.
type PlanResult struct {
	Changes     bool   `json:"changes"`
	Headline    string `json:"headline"`
	Fingerprint string `json:"fingerprint"`
	Workspace   string `json:"workspace"`
	Dir         string `json:"dir"`
	// Runs are what the configuration also runs and asks, and Volatile its functions that
	// give another value each time.
	Runs     []infra.Run      `json:"runs,omitempty"`
	Volatile []infra.Volatile `json:"volatile,omitempty"`
	// Platforms are those of PlanOptions, and Warning says that they are not the server's.
	Platforms []string `json:"platforms,omitempty"`
	Warning   string   `json:"warning,omitempty"`
	// Warnings are Terraform's.
	Warnings []string `json:"warnings,omitempty"`
}

// Plan writes a plan folder: the plan file, its masked JSON, its text, its effects and
// the fingerprint. When there is no plan, the folder says why, for review.
func Plan(ctx context.Context, o PlanOptions) (PlanResult, error) {
	p, workspace, err := o.plan(ctx)
	if workspace != nil {
		workspace.Close()
	}
	if err == nil {
		return p.PlanResult, nil
	}
	reason := []byte(o.Output.Redactor.Redact(err.Error()))
	return PlanResult{}, cmp.Or(err, os.WriteFile(filepath.Join(o.Dir, planError), reason, 0o600))
}

// plan writes a plan folder and returns the workspace that made it, which can apply it.
func (o PlanOptions) plan(ctx context.Context) (planned, *infra.Workspace, error) {
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return planned{}, nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return planned{}, nil, fmt.Errorf("making the plan's folder: %w", err)
	}
	if err := empty(dir); err != nil {
		return planned{}, nil, err
	}
	workspace, err := o.Terraform.open(ctx, o.Output)
	if err != nil {
		return planned{}, nil, err
	}
	made, err := workspace.Plan(ctx, filepath.Join(dir, planFile))
	if err != nil {
		return planned{}, workspace, err
	}
	inputs, err := workspace.Inputs(made.JSON)
	if err != nil {
		return planned{}, workspace, err
	}
	extra, err := o.Terraform.extra(ctx, workspace, inputs)
	if err != nil {
		return planned{}, workspace, err
	}
	p := newPlanned(made, extra)
	p.Runs, p.Volatile = cleanRuns(inputs.Runs, made.Redact), inputs.Volatile
	p.Workspace, p.Dir, p.Platforms = o.Terraform.workspace(), dir, o.Platforms
	p.Warning = p.platforms().Warning()
	return p, workspace, p.write(dir)
}

// cleanRuns takes secrets out of what is shown of runs.
func cleanRuns(runs []infra.Run, redact func(string) string) []infra.Run {
	clean := make([]infra.Run, len(runs))
	for i, run := range runs {
		run.Text = redact(run.Text)
		clean[i] = run
	}
	return clean
}

// newPlanned makes hashes of the plan as Terraform made it, and shows it masked.
func newPlanned(made *infra.Plan, extra review.Extra) planned {
	extra.Shown = made.Masked
	o := review.Observe(made.JSON, extra)
	p := planned{plan: made.JSON, extra: extra, record: o.Record.Clean(made.Redact), masks: o.Masks, masked: made.Masked, text: made.Text}
	p.Changes, p.Fingerprint = made.HasChanges, o.Fingerprint.String()
	p.Warnings = made.Warnings
	p.Headline = review.Headline(review.Summarize(made.Masked), nil)
	return p
}

// extra returns what a plan depends on and does not say.
func (t TerraformOptions) extra(ctx context.Context, w *infra.Workspace, inputs infra.Inputs) (review.Extra, error) {
	lineage, err := w.Lineage(ctx)
	if err != nil {
		return review.Extra{}, err
	}
	return review.Extra{Lineage: lineage, Key: t.ReviewKey, Parts: parts(inputs.Parts)}, nil
}

// parts are inputs as a review takes them.
func parts(inputs []infra.Input) []review.Part {
	all := make([]review.Part, len(inputs))
	for i, in := range inputs {
		all[i] = review.Part(in)
	}
	return all
}
