package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rhysd/actionlint"
	"github.com/spf13/cobra"

	"gitops/ci/ansible"
	"gitops/ci/infra"
	"gitops/ci/manifest"
	"gitops/ci/progress"
)

// check is the outcome of one part of validate.
type check struct {
	Name     string   `json:"name"`
	Status   string   `json:"status"` // done or failed
	Findings []string `json:"findings,omitempty"`
}

type validateResult struct {
	Checks []check `json:"checks"`
}

// Human implements result.
func (r validateResult) Human() string {
	var out strings.Builder
	for _, c := range r.Checks {
		fmt.Fprintf(&out, "%-10s %s\n", c.Name, c.Status)
		for _, finding := range c.Findings {
			fmt.Fprintf(&out, "  %s\n", strings.ReplaceAll(finding, "\n", "\n  "))
		}
	}
	return strings.TrimRight(out.String(), "\n")
}

func (r validateResult) err() error {
	var failed []string
	for _, c := range r.Checks {
		if c.Status == "failed" {
			failed = append(failed, c.Name+": "+strings.Join(c.Findings, "\n"))
		}
	}
	if failed == nil {
		return nil
	}
	return fmt.Errorf("validating: %s", strings.Join(failed, "\n"))
}

// validateFlags say what validate looks at.
type validateFlags struct {
	terraform, ansible, playbook, manifest, workflows string
	only                                              []string
}

// checkNames are the parts of validate, in the order in which they run.
var checkNames = []string{"terraform", "ansible", "manifest", "workflows"}

func (a *app) validateCommand() *cobra.Command {
	var f validateFlags
	cmd := a.command("validate", "Check formatting and syntax of Terraform, Ansible, the manifest and the workflows",
		func(cmd *cobra.Command, _ []string) (result, error) { return a.validate(cmd.Context(), f) })
	flags := cmd.Flags()
	flags.StringVar(&f.terraform, "terraform-dir", "terraform", "folder of the Terraform configuration")
	flags.StringVar(&f.ansible, "ansible-dir", "ansible", "folder of the playbook")
	flags.StringVar(&f.playbook, "playbook", "site.yml", "playbook, relative to --ansible-dir")
	flags.StringVar(&f.manifest, "manifest", "app/docker-compose.yml", "the compose manifest")
	flags.StringVar(&f.workflows, "workflows", ".github/workflows", "folder of the GitHub Actions workflows")
	flags.StringSliceVar(&f.only, "only", checkNames, "which checks to run")
	return cmd
}

func (a *app) validate(ctx context.Context, f validateFlags) (result, error) {
	for _, name := range f.only {
		if !slices.Contains(checkNames, name) {
			return nil, progress.Invalid("--only %s: there are the checks %s", name, strings.Join(checkNames, ", "))
		}
	}
	var r validateResult
	for _, name := range checkNames {
		if !slices.Contains(f.only, name) {
			continue
		}
		end := a.progress.Start("checking " + name)
		findings, err := a.check(ctx, name, f)
		end(err)
		if err != nil {
			return nil, err
		}
		c := check{Name: name, Status: "done", Findings: findings}
		if len(findings) > 0 {
			c.Status = "failed"
		}
		r.Checks = append(r.Checks, c)
	}
	return r, r.err()
}

// check runs one check and returns what it found wrong.
func (a *app) check(ctx context.Context, name string, f validateFlags) ([]string, error) {
	switch name {
	case "terraform":
		findings, err := infra.Validate(ctx, f.terraform, a.progress)
		var lines []string
		for _, finding := range findings {
			lines = append(lines, finding.String())
		}
		return lines, err
	case "ansible":
		return asFinding(ansible.SyntaxCheck(ctx, f.ansible, f.playbook))
	case "manifest":
		data, err := os.ReadFile(f.manifest)
		if err != nil {
			return nil, progress.Invalid("reading the manifest: %w", err)
		}
		_, err = manifest.Images(data)
		if err != nil {
			err = fmt.Errorf("%s: %w", f.manifest, err)
		}
		return asFinding(err)
	default:
		return lintWorkflows(f.workflows)
	}
}

// asFinding turns the failure of a check into a finding; a cancelled run and a
// tool that is not there stay errors.
func asFinding(err error) ([]string, error) {
	switch {
	case err == nil:
		return nil, nil
	case errors.Is(err, context.Canceled), errors.Is(err, ansible.ErrNotInstalled):
		return nil, err
	}
	return []string{err.Error()}, nil
}

// lintWorkflows runs actionlint, without the external linters it can call.
func lintWorkflows(dir string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.y*ml"))
	if err != nil || len(files) == 0 {
		return nil, progress.Invalid("no workflow files in %s (or leave them out with --only)", dir)
	}
	linter, err := actionlint.NewLinter(io.Discard, &actionlint.LinterOptions{Shellcheck: "", Pyflakes: ""})
	if err != nil {
		return nil, fmt.Errorf("starting actionlint: %w", err)
	}
	found, err := linter.LintFiles(files, nil)
	if err != nil {
		return nil, fmt.Errorf("linting workflows: %w", err)
	}
	var lines []string
	for _, f := range found {
		lines = append(lines, f.Error())
	}
	return lines, nil
}
