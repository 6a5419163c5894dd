// Command rehearse runs the whole loop against stand-ins, without any account: by its
// workflow files, on a Dagger engine where one is reachable, else on plain Docker. It also
// serves the stand-ins that are Go programs, and keeps a Docker engine up for
// another command.
//
// Exit codes are those of gitops: 0 passed, 1 failed, 2 bad usage.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"gitops/ci/progress"
	"gitops/ci/rehearsal"
	"gitops/ci/rehearsal/dockerlab"
	"gitops/ci/rehearsal/engine"
)

func main() {
	// The first signal asks for a tidy end; a second one kills.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run executes the command line and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRehearse(stdout, stderr)
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.AddCommand(newStandIn(), newWithDocker(progress.NewProgress(stderr)), newOnHost(progress.NewProgress(stderr)), newPictures())
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintf(stderr, "rehearse: %v\n", err)
		return progress.ExitCode(err)
	}
	return progress.ExitDone
}

// options are the flags of a rehearsal.
type options struct {
	engine   string
	source   string
	report   string
	mirror   string
	keep     bool
	log      io.Writer
	progress *progress.Progress
}

func newRehearse(stdout, stderr io.Writer) *cobra.Command {
	o := options{log: stderr, progress: progress.NewProgress(stderr)}
	var asJSON bool
	cmd := &cobra.Command{
		Use: "rehearse", Short: "Run the whole loop against stand-ins, without any account",
		Args: cobra.NoArgs, SilenceErrors: true, SilenceUsage: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			report, err := o.rehearse(cmd.Context())
			if report != nil {
				err = errors.Join(err, show(stdout, report, asJSON))
			}
			return err
		},
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return progress.Invalid("%w\nRun 'rehearse --help' for what it takes.", err)
	})
	cmd.CompletionOptions.DisableDefaultCmd = true
	flags := cmd.Flags()
	flags.StringVar(&o.engine, "engine", "auto", "what runs the stages: auto, docker, dagger (session: inside a Dagger session)")
	flags.StringVar(&o.source, "source", ".", "folder of the repository to rehearse")
	flags.StringVar(&o.report, "report", ".", "folder for rehearsal.html and rehearsal.json")
	flags.StringVar(&o.mirror, "mirror", os.Getenv("GITOPS_MIRROR"), "in a Dagger session: registry that the host pulls Docker Hub's images from")
	flags.BoolVar(&o.keep, "keep", false, "leave the lab up and say how to work on it")
	flags.BoolVar(&asJSON, "json", false, "print the report as one JSON document on stdout")
	return cmd
}

func (o options) rehearse(ctx context.Context) (*rehearsal.Report, error) {
	if err := o.settle(ctx); err != nil {
		return nil, err
	}
	report, err := o.here(ctx)
	if report == nil {
		return nil, err
	}
	if writeErr := writeReport(o.report, report); writeErr != nil {
		o.progress.Say("writing the report: %v", writeErr)
	}
	return report, err
}

// settle checks the options and chooses the engine.
func (o *options) settle(ctx context.Context) error {
	if _, err := os.Stat(filepath.Join(o.source, rehearsal.ManifestPath)); err != nil {
		return progress.Invalid("--source %s is not a repository to rehearse: %w", o.source, err)
	}
	switch o.engine {
	case "auto":
		o.engine = "docker"
		if dockerlab.DaggerReachable(ctx) {
			o.engine = "dagger"
		}
	case "docker", "dagger", "session":
	default:
		return progress.Invalid("--engine %s: there are auto, docker and dagger", o.engine)
	}
	if o.keep && o.engine == "session" {
		return progress.Invalid("--keep does not work in a Dagger session: its services end with it")
	}
	return nil
}

func (o options) here(ctx context.Context) (*rehearsal.Report, error) {
	if o.engine == "session" {
		return engine.Rehearse(ctx, engine.Options{Source: o.source, Mirror: o.mirror, Progress: o.progress, Log: o.log})
	}
	return dockerlab.Rehearse(ctx, dockerlab.Options{Source: o.source, Keep: o.keep, Dagger: o.engine == "dagger", Progress: o.progress})
}
