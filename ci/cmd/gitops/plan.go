package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

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
	planMeta  = "result.json" // planResult
)

type planResult struct {
	Changes     bool   `json:"changes"`
	Headline    string `json:"headline"`
	Fingerprint string `json:"fingerprint"`
	Workspace   string `json:"workspace"`
	Dir         string `json:"dir"`
	plan        *infra.Plan
}

// Human implements result.
func (r planResult) Human() string {
	return fmt.Sprintf("%s\nfingerprint %s\nplan in %s", r.Headline, r.Fingerprint, r.Dir)
}

func (a *app) planCommand() *cobra.Command {
	var tf terraformFlags
	var out string
	cmd := a.command("plan", "Plan the infrastructure: plan file, masked JSON, text and fingerprint",
		func(cmd *cobra.Command, _ []string) (result, error) {
			r, _, err := a.plan(cmd.Context(), tf, out)
			if err != nil {
				// The review stage reads from here why there is no plan.
				writeErr := os.WriteFile(filepath.Join(out, planError), []byte(redact(err.Error())), 0o600)
				return nil, firstError(err, writeErr)
			}
			return r, nil
		})
	tf.add(cmd.Flags())
	cmd.Flags().StringVar(&out, "out", "plan", "folder for the plan's files")
	return cmd
}

// plan writes a plan folder and returns the workspace that made it, which can apply it.
func (a *app) plan(ctx context.Context, tf terraformFlags, out string) (planResult, *infra.Workspace, error) {
	out, err := filepath.Abs(out)
	if err != nil {
		return planResult{}, nil, err
	}
	if err := os.MkdirAll(out, 0o700); err != nil {
		return planResult{}, nil, fmt.Errorf("making the plan's folder: %w", err)
	}
	workspace, err := infra.Open(ctx, tf.options(a))
	if err != nil {
		return planResult{}, nil, err
	}
	p, err := workspace.Plan(ctx, filepath.Join(out, planFile))
	if err != nil {
		return planResult{}, workspace, err
	}
	r := planResult{
		Changes: p.HasChanges, Headline: review.Headline(review.Summarize(p.JSON), nil),
		Workspace: "default", Dir: out, plan: p,
	}
	if r.Fingerprint, err = fingerprint(ctx, workspace, p, tf.dir); err != nil {
		return planResult{}, workspace, err
	}
	return r, workspace, writePlan(out, p, r)
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

func writePlan(dir string, p *infra.Plan, r planResult) error {
	plan, err := json.Marshal(infra.Masked(p.JSON))
	if err != nil {
		return fmt.Errorf("encoding the plan: %w", err)
	}
	meta, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("encoding the plan's result: %w", err)
	}
	for name, content := range map[string][]byte{planJSON: plan, planText: []byte(redact(p.Text)), planMeta: meta} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return fmt.Errorf("writing the plan: %w", err)
		}
	}
	return nil
}

// readPlan returns what a plan folder says; ok is false when planning failed,
// and text then says why.
func readPlan(dir string) (r planResult, text string, ok bool, err error) {
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
