package infra

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"sort"

	"github.com/hashicorp/terraform-exec/tfexec"
	tfjson "github.com/hashicorp/terraform-json"

	"gitops/ci/progress"
)

// Finding is one thing that is wrong with a configuration.
type Finding struct {
	File     string `json:"file"`     // its path, beginning with the directory as it was given; empty when it concerns no file
	Line     int    `json:"line"`     // from 1; 0 when it concerns the whole file
	Column   int    `json:"column"`   // from 1; 0 when it concerns the whole file
	Severity string `json:"severity"` // "error" or "warning"
	Summary  string `json:"summary"`  // one line
	Detail   string `json:"detail"`   // more about it; may be empty
}

// String returns the finding as file:line:column: severity: summary: detail.
func (f Finding) String() string {
	text := f.Severity + ": " + f.Summary
	if f.Detail != "" {
		text += ": " + f.Detail
	}
	switch {
	case f.File == "":
		return text
	case f.Line == 0:
		return f.File + ": " + text
	default:
		return fmt.Sprintf("%s:%d:%d: %s", f.File, f.Line, f.Column, text)
	}
}

// Validate checks the configuration in dir without its backend and without
// credentials: its format, whether it can be initialised, and whether it is
// consistent. What is wrong with the configuration is a finding; an error means
// that it could not be checked.
func Validate(ctx context.Context, dir string, p *progress.Progress) (findings []Finding, err error) {
	tf, err := open(dir, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, tf.Close()) }()
	check := &validation{terraform: tf, given: dir, progress: p}
	formatErr := check.format(ctx)
	if interrupted(formatErr) {
		return nil, formatErr
	}
	if err := check.initialise(ctx); err != nil {
		return nil, err
	}
	if check.failed() {
		return check.sorted(), nil
	}
	// The format could not be read, and yet nothing else is wrong.
	if formatErr != nil {
		return nil, formatErr
	}
	if err := check.consistency(ctx); err != nil {
		return nil, err
	}
	return check.sorted(), nil
}

// validation collects the findings of one directory.
type validation struct {
	*terraform
	given    string
	progress *progress.Progress
	findings []Finding
	broken   bool
}

// failed reports whether the configuration is too broken to go on.
func (v *validation) failed() bool { return v.broken }

func (v *validation) format(ctx context.Context) error {
	return v.run(ctx, "checking the format", v.progress, func() error {
		_, files, err := v.FormatCheck(ctx, tfexec.Recursive(true))
		for _, file := range files {
			v.findings = append(v.findings, Finding{
				File: filepath.Join(v.given, file), Severity: "error",
				Summary: "not in Terraform's format", Detail: "run terraform fmt -recursive",
			})
		}
		return err
	})
}

// initialise fetches modules and providers. Findings come from Terraform's JSON
// log. A failure without a line is an error and not a finding.
func (v *validation) initialise(ctx context.Context) error {
	var log bytes.Buffer
	err := v.run(ctx, "initialising without a backend", v.progress, func() error {
		return v.InitJSON(ctx, &log, tfexec.Backend(false))
	})
	v.SetStdout(nil)
	if interrupted(err) {
		return err
	}
	diagnostics := diagnosticsOf(log.Bytes())
	v.add(diagnostics)
	if err == nil || v.broken {
		return nil
	}
	return initFailure(diagnostics, err)
}

func initFailure(diagnostics []tfjson.Diagnostic, err error) error {
	var words bytes.Buffer
	for _, d := range diagnostics {
		if d.Severity == tfjson.DiagnosticSeverityError {
			fmt.Fprintf(&words, "Error: %s\n\n%s\n\n", d.Summary, d.Detail)
		}
	}
	if words.Len() == 0 {
		return err
	}
	return explain("initialising without a backend", "", words.String(), exit(err))
}

func (v *validation) consistency(ctx context.Context) error {
	return v.run(ctx, "validating", v.progress, func() error {
		result, err := v.Validate(ctx)
		if err != nil {
			return err
		}
		v.add(result.Diagnostics)
		v.addUnplaced(result.Diagnostics)
		return nil
	})
}

// add makes findings of the diagnostics that point at a place. Init ends with
// one that only repeats that there were others.
func (v *validation) add(diagnostics []tfjson.Diagnostic) {
	for _, d := range diagnostics {
		if d.Range == nil {
			continue
		}
		v.broken = v.broken || d.Severity == tfjson.DiagnosticSeverityError
		v.findings = append(v.findings, Finding{
			File: filepath.Join(v.given, d.Range.Filename), Line: d.Range.Start.Line, Column: d.Range.Start.Column,
			Severity: string(d.Severity), Summary: d.Summary, Detail: d.Detail,
		})
	}
}

// addUnplaced makes findings of the diagnostics that point at no place.
func (v *validation) addUnplaced(diagnostics []tfjson.Diagnostic) {
	for _, d := range diagnostics {
		if d.Range == nil {
			v.findings = append(v.findings, Finding{
				File: v.given, Severity: string(d.Severity), Summary: d.Summary, Detail: d.Detail,
			})
		}
	}
}

func (v *validation) sorted() []Finding {
	sort.SliceStable(v.findings, func(i, j int) bool {
		a, b := v.findings[i], v.findings[j]
		if a.File != b.File {
			return a.File < b.File
		}
		return a.Line < b.Line
	})
	return v.findings
}

// diagnosticsOf returns the diagnostics in Terraform's JSON log, one object a
// line. Lines of another kind are skipped.
func diagnosticsOf(log []byte) []tfjson.Diagnostic {
	var all []tfjson.Diagnostic
	for _, line := range bytes.Split(log, []byte("\n")) {
		var entry struct {
			Diagnostic *tfjson.Diagnostic `json:"diagnostic"`
		}
		if json.Unmarshal(line, &entry) == nil && entry.Diagnostic != nil {
			all = append(all, *entry.Diagnostic)
		}
	}
	return all
}
