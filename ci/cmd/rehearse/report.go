package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"gitops/ci/progress"
	"gitops/ci/rehearsal"
)

// The files of a report.
const (
	reportJSON = "rehearsal.json"
	reportHTML = "rehearsal.html"
)

// benchmark is the picture that make bench-deploy draws.
const benchmark = "docs/pictures/deploy.svg"

func writeReport(dir string, report *rehearsal.Report) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	text, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, reportJSON), text, 0o644); err != nil {
		return err
	}
	page, err := os.Create(filepath.Join(dir, reportHTML))
	if err != nil {
		return err
	}
	defer page.Close()
	picture, err := os.ReadFile(benchmark)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return report.WriteHTML(page, picture)
}

// show prints what ran, what did not, and the verdict as the last line; or the
// report as JSON.
func show(out io.Writer, r *rehearsal.Report, asJSON bool) error {
	if asJSON {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(r)
	}
	for i, s := range r.Steps {
		verdict := "ok    "
		if s.Failure != "" {
			verdict = "FAILED"
		}
		fmt.Fprintf(out, "%2d  %s  %8s  %-40s %s\n", i+1, verdict, progress.Seconds(s.Took), s.Name, s.Detail)
	}
	for _, line := range r.Instead {
		fmt.Fprintln(out, "in place of "+line)
	}
	for _, line := range r.NotRun {
		fmt.Fprintln(out, "not run: "+line)
	}
	_, err := fmt.Fprintln(out, r.Summary())
	return err
}
