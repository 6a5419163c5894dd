package infra

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hashicorp/terraform-exec/tfexec"
	tfjson "github.com/hashicorp/terraform-json"
	"golang.org/x/sync/errgroup"

	"gitops/ci/program"
	"gitops/ci/progress"
)

// Plan is what Terraform would do.
type Plan struct {
	File       string       // the saved plan, which Apply takes; it holds secrets in the clear
	JSON       *tfjson.Plan // the plan's content with secrets in the clear: to hash and compare, never to show or write
	Masked     *tfjson.Plan // JSON without sensitive values and known secrets: to show and write
	Text       string       // the plan as Terraform prints it, without sensitive values and known secrets
	HasChanges bool         // whether anything would be done, outputs included
	Warnings   []string     // what Terraform warned of, without sensitive values and known secrets

	redact func(string) string
}

// Redact returns text without the plan's sensitive values and without known secrets.
func (p *Plan) Redact(text string) string { return p.redact(text) }

// Plan makes a plan and saves it to planFile, readable by its owner only. An
// empty planFile saves it where Close removes it.
func (w *Workspace) Plan(ctx context.Context, planFile string) (*Plan, error) {
	return w.plan(ctx, "planning", planFile)
}

func (w *Workspace) plan(ctx context.Context, doing, planFile string, extra ...tfexec.PlanOption) (*Plan, error) {
	file, err := w.reserve(planFile)
	if err != nil {
		return nil, err
	}
	plan := &Plan{File: file}
	printed := &program.Words{}
	w.tf.SetStdout(printed)
	err = w.tf.run(ctx, doing, w.progress, func() (err error) {
		plan.HasChanges, err = w.tf.Plan(ctx, append(w.planOptions(file), extra...)...)
		return err
	})
	w.tf.SetStdout(nil)
	if err != nil {
		return nil, err
	}
	if err := w.show(ctx, plan); err != nil {
		return nil, err
	}
	w.mask(plan)
	for _, warning := range warnings(printed.String()) {
		plan.Warnings = append(plan.Warnings, plan.redact(warning))
	}
	return plan, nil
}

// mask takes the plan's sensitive values and known secrets out of what is shown.
// Terraform leaves sensitive values out of its text, but not where their mark was lost.
func (w *Workspace) mask(plan *Plan) {
	own := sensitive(plan.JSON)
	plan.redact = func(text string) string { return w.tf.redactor.Redact(own.Redact(text)) }
	plan.Masked = masked(plan.JSON, plan.redact)
	plan.Text = plan.redact(plan.Text)
}

func (w *Workspace) planOptions(file string) []tfexec.PlanOption {
	options := []tfexec.PlanOption{tfexec.Out(file), tfexec.LockTimeout(w.timeout)}
	for _, vars := range w.varFiles {
		options = append(options, tfexec.VarFile(vars))
	}
	return options
}

// reserve makes the plan file before Terraform does, so that it never is
// readable by others.
func (w *Workspace) reserve(planFile string) (string, error) {
	if planFile == "" {
		planFile = filepath.Join(w.tf.temp, "plan")
	}
	planFile, err := filepath.Abs(planFile)
	if err != nil {
		return "", progress.Invalid("saving the plan: %w", err)
	}
	file, err := os.OpenFile(planFile, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return "", progress.Invalid("saving the plan: %w", err)
	}
	defer file.Close()
	if err := file.Chmod(0o600); err != nil {
		return "", fmt.Errorf("closing the plan to others: %w", err)
	}
	return planFile, nil
}

// show reads the saved plan in both its forms at once: each one starts the
// providers anew.
func (w *Workspace) show(ctx context.Context, plan *Plan) error {
	return w.tf.run(ctx, "reading the plan", w.progress, func() error {
		group, ctx := errgroup.WithContext(ctx)
		group.Go(func() (err error) {
			// Numbers stay as they are written: floats would change long ones.
			plan.JSON, err = w.tf.ShowPlanFile(ctx, plan.File, tfexec.JSONNumber(true))
			return err
		})
		group.Go(func() error {
			text, err := w.tf.ShowPlanFileRaw(ctx, plan.File)
			plan.Text = text
			return err
		})
		return group.Wait()
	})
}
