package stages

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rhysd/actionlint"

	"gitops/ci/ansible"
	"gitops/ci/compose"
	"gitops/ci/infra"
	"gitops/ci/progress"
)

// Check is the outcome of one part of validate.
type Check struct {
	Name     string   `json:"name"`
	Status   string   `json:"status"` // done or failed
	Findings []string `json:"findings,omitempty"`
	// Warnings are what could be better. They fail no check.
	Warnings []string `json:"warnings,omitempty"`
}

// ValidateResult is what validate looked at.
type ValidateResult struct {
	Checks []Check `json:"checks"`
}

// Checks are the parts of validate, in the order in which they run.
var Checks = []string{"terraform", "ansible", "manifest", "workflows"}

// ValidateOptions say what validate looks at.
type ValidateOptions struct {
	Terraform string `json:"terraform"` // folder of the Terraform configuration
	Ansible   string `json:"ansible"`   // folder of the playbook
	Playbook  string `json:"playbook"`  // path relative to Ansible
	Workflows string `json:"workflows"` // folder of the GitHub Actions workflows
	// Manifests, Profiles and Data are those of DeployOptions.
	Manifests []string `json:"manifests"`
	Profiles  []string `json:"profiles,omitempty"`
	Data      []string `json:"data,omitempty"`
	// Only names the checks to run, out of Checks.
	Only []string `json:"only"`
	// Before has checks that ran elsewhere, each in the image of its tool. They come
	// first in the result.
	Before []Check `json:"before,omitempty"`
	Output Output  `json:"-"`
}

// Validate checks formatting and syntax, without credentials. What it finds wrong
// is in the result and in the error.
func Validate(ctx context.Context, o ValidateOptions) (ValidateResult, error) {
	for _, name := range o.Only {
		if !slices.Contains(Checks, name) {
			return ValidateResult{}, progress.Invalid("--only %s: there are the checks %s", name, strings.Join(Checks, ", "))
		}
	}
	r := ValidateResult{Checks: o.Before}
	for _, name := range Checks {
		if !slices.Contains(o.Only, name) {
			continue
		}
		end := o.Output.Progress.Start("checking " + name)
		findings, err := o.check(ctx, name)
		end(err)
		if err != nil {
			return ValidateResult{}, err
		}
		c := Check{Name: name, Status: "done", Findings: findings}
		if len(findings) > 0 {
			c.Status = "failed"
		} else if name == "manifest" {
			if c.Warnings, err = o.adviseManifest(ctx); err != nil {
				return ValidateResult{}, err
			}
		}
		r.Checks = append(r.Checks, c)
	}
	return r, r.err()
}

func (r ValidateResult) err() error {
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

// check runs one check and returns what it found wrong.
func (o ValidateOptions) check(ctx context.Context, name string) ([]string, error) {
	switch name {
	case "terraform":
		findings, err := infra.Validate(ctx, o.Terraform, o.Output.Progress)
		var lines []string
		for _, finding := range findings {
			lines = append(lines, finding.String())
		}
		return lines, err
	case "ansible":
		return asFinding(ansible.SyntaxCheck(ctx, o.Ansible, o.Playbook))
	case "manifest":
		return o.checkManifest(ctx)
	default:
		return lintWorkflows(o.Workflows)
	}
}

// checkManifest reads the compose files without the values of variables, and without
// the files of containers.
func (o ValidateOptions) checkManifest(ctx context.Context) ([]string, error) {
	source, err := sourceOf(".", o.Manifests, o.Profiles, nil)
	if err != nil {
		return nil, err
	}
	source.AnyValue, source.FilesElsewhere = true, true
	_, err = compose.ReadWritten(ctx, source)
	return asFinding(err)
}

// adviseManifest returns what a deploy of the manifest would refuse or do less well.
// A deploy has settings that validate has not, such as which paths are data, so none
// of this fails.
func (o ValidateOptions) adviseManifest(ctx context.Context) ([]string, error) {
	source, err := sourceOf(".", o.Manifests, o.Profiles, o.Data)
	if err != nil {
		return nil, err
	}
	source.AnyValue = true
	manifest, err := compose.Load(ctx, source)
	if err != nil {
		return asFinding(err)
	}
	var lines []string
	for _, advice := range manifest.Advice() {
		lines = append(lines, advice.String())
	}
	return lines, nil
}

// asFinding turns the failure of a check into a finding; a cancelled run, and a tool or
// a collection that is not installed, stay errors.
func asFinding(err error) ([]string, error) {
	switch {
	case err == nil:
		return nil, nil
	case errors.Is(err, context.Canceled), errors.Is(err, ansible.ErrNotInstalled), errors.Is(err, ansible.ErrNoCollections):
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
