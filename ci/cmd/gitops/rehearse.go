package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"gitops/ci/progress"
	"gitops/ci/rehearsal"
	"gitops/ci/rehearsal/dockerlab"
	"gitops/ci/rehearsal/engine"
)

type rehearseResult struct{ *rehearsal.Report }

// Human implements result: what ran, what did not, and the verdict as the last line.
func (r rehearseResult) Human() string {
	text := ""
	for i, s := range r.Steps {
		verdict := "ok    "
		if s.Failure != "" {
			verdict = "FAILED"
		}
		text += fmt.Sprintf("%2d  %s  %8s  %-40s %s\n", i+1, verdict, progress.Seconds(s.Took), s.Name, s.Detail)
	}
	for _, line := range r.Instead {
		text += "in place of " + line + "\n"
	}
	for _, line := range r.NotRun {
		text += "not run: " + line + "\n"
	}
	return text + r.Summary()
}

type rehearseFlags struct {
	engine string
	source string
	report string
	mirror string
	keep   bool
}

func (a *app) rehearseCommand() *cobra.Command {
	var f rehearseFlags
	cmd := a.command("rehearse", "Run the whole loop against stand-ins, without any account",
		func(cmd *cobra.Command, _ []string) (result, error) { return a.rehearse(cmd.Context(), f) })
	flags := cmd.Flags()
	flags.StringVar(&f.engine, "engine", "auto", "what runs the stages: auto, docker, dagger (session: inside a Dagger session)")
	flags.StringVar(&f.source, "source", ".", "folder of the repository to rehearse")
	flags.StringVar(&f.report, "report", ".", "folder for rehearsal.html and rehearsal.json")
	flags.StringVar(&f.mirror, "mirror", os.Getenv("GITOPS_MIRROR"), "with Dagger: registry that the host pulls Docker Hub's images from")
	flags.BoolVar(&f.keep, "keep", false, "with Docker: leave the lab up and say how to look at it")
	return cmd
}

func (a *app) rehearse(ctx context.Context, f rehearseFlags) (result, error) {
	if _, err := os.Stat(filepath.Join(f.source, rehearsal.ManifestPath)); err != nil {
		return nil, progress.Invalid("--source %s is not a repository to rehearse: %w", f.source, err)
	}
	switch f.engine {
	case "auto":
		f.engine = "docker"
		if engine.Reachable(ctx) {
			f.engine = "dagger"
		}
	case "docker", "dagger", "session":
	default:
		return nil, progress.Invalid("--engine %s: there are auto, docker and dagger", f.engine)
	}
	if f.keep && f.engine != "docker" {
		return nil, progress.Invalid("--keep works with --engine docker: the services of a Dagger session end with it")
	}
	if f.engine == "dagger" {
		return a.rehearseByModule(ctx, f)
	}
	report, err := a.rehearseHere(ctx, f)
	if report == nil {
		return nil, err
	}
	if writeErr := writeReport(f.report, report); writeErr != nil {
		a.progress.Say("writing the report: %v", writeErr)
	}
	return rehearseResult{report}, err
}

func (a *app) rehearseHere(ctx context.Context, f rehearseFlags) (*rehearsal.Report, error) {
	if f.engine == "docker" {
		return dockerlab.Rehearse(ctx, dockerlab.Options{Source: f.source, Keep: f.keep, Progress: a.progress})
	}
	return engine.Rehearse(ctx, a.engineOptions(f))
}

func (a *app) engineOptions(f rehearseFlags) engine.Options {
	return engine.Options{Source: f.source, Mirror: f.mirror, Progress: a.progress, Log: a.err}
}

// rehearseByModule calls the module's function rehearse, which comes back here
// inside the session, and reads the report that it leaves.
func (a *app) rehearseByModule(ctx context.Context, f rehearseFlags) (result, error) {
	if err := engine.Call(ctx, a.engineOptions(f), f.report); err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(f.report, reportJSON))
	if err != nil {
		return nil, fmt.Errorf("reading the report: %w", err)
	}
	var report rehearsal.Report
	if err := json.Unmarshal(text, &report); err != nil {
		return nil, fmt.Errorf("reading the report: %w", err)
	}
	return rehearseResult{&report}, nil
}

// The files of a report.
const (
	reportJSON = "rehearsal.json"
	reportHTML = "rehearsal.html"
)

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
	return report.WriteHTML(page)
}
