package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"dagger.io/dagger"

	"gitops/ci/progress"
	"gitops/ci/rehearsal"
)

// cliVariable names the Dagger CLI to the Go client, which would otherwise
// download one.
const cliVariable = "_EXPERIMENTAL_DAGGER_CLI_BIN"

// InSession reports whether this process runs inside a Dagger session already,
// as it does under the module's function rehearse.
func InSession() bool { return os.Getenv("DAGGER_SESSION_PORT") != "" }

// Connect opens its own session with the Dagger command on PATH, or joins the
// one that this process runs in. Log gets the engine's progress.
func Connect(ctx context.Context, log io.Writer) (*dagger.Client, error) {
	if !InSession() && os.Getenv(cliVariable) == "" {
		path, err := exec.LookPath("dagger")
		if err != nil {
			return nil, fmt.Errorf("finding the dagger command: %w; install it or rehearse with --engine docker", err)
		}
		os.Setenv(cliVariable, path)
	}
	client, err := dagger.Connect(ctx, dagger.WithLogOutput(log))
	if err != nil {
		return nil, fmt.Errorf("connecting to the Dagger engine: %w", err)
	}
	return client, nil
}

// Options say what to rehearse.
type Options struct {
	Source   string // folder of the module and of what is rehearsed
	Mirror   string // registry that the host pulls Docker Hub's images from; optional
	Progress *progress.Progress
	Log      io.Writer // of the engine
}

// serve loads the module and makes its functions callable.
func serve(ctx context.Context, client *dagger.Client, source string) error {
	if err := client.ModuleSource(source).AsModule().Serve(ctx); err != nil {
		return fmt.Errorf("loading the gitops module from %s: %w", source, err)
	}
	return nil
}

// Rehearse runs the loop inside the session that this process was started in.
func Rehearse(ctx context.Context, o Options) (*rehearsal.Report, error) {
	if !InSession() {
		return nil, errors.New("this process runs in no Dagger session: call the module's function rehearse")
	}
	client, err := Connect(ctx, o.Log)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	source, err := filepath.Abs(o.Source)
	if err != nil {
		return nil, err
	}
	if err := serve(ctx, client, source); err != nil {
		return nil, err
	}
	return rehearse(ctx, client, source, o)
}

func rehearse(ctx context.Context, client *dagger.Client, source string, o Options) (*rehearsal.Report, error) {
	binary, err := os.Executable()
	if err != nil {
		return nil, err
	}
	credentials, err := rehearsal.NewCredentials()
	if err != nil {
		return nil, err
	}
	end := o.Progress.Start("starting the stand-ins")
	stands, err := start(ctx, client, source, binary, credentials, o.Mirror != "")
	end(err)
	if err != nil {
		return nil, err
	}
	leaveOut, notRun, err := available(ctx, client, source)
	if err != nil {
		return nil, err
	}
	var mirrors []string
	if o.Mirror != "" {
		mirrors = append(mirrors, o.Mirror)
	}
	inputs, err := rehearsal.NewInputs(credentials, mirrors, leaveOut)
	if err != nil {
		return nil, err
	}
	authorityFile, err := stands.authority.WriteFile(os.TempDir())
	if err != nil {
		return nil, err
	}
	defer os.Remove(authorityFile)
	world := stands.world(source, authorityFile, notRun)
	report, err := rehearsal.Run(ctx, &runner{stands, inputs, world}, world, o.Progress)
	if report != nil {
		report.With = "as functions of the gitops module on a Dagger engine"
	}
	return report, err
}

// available finds out which images of the monitoring the engine can pull, and
// leaves out the others.
func available(ctx context.Context, client *dagger.Client, source string) (map[string]any, []string, error) {
	needed, err := rehearsal.NeededImages(source)
	if err != nil {
		return nil, nil, err
	}
	missing := map[string]string{}
	for _, ref := range needed.Monitoring {
		if _, err := client.Container().From(ref).ImageRef(ctx); err != nil {
			missing[ref] = "the engine cannot pull " + ref
		}
	}
	leaveOut, notRun := needed.Without(missing)
	return leaveOut, notRun, nil
}
