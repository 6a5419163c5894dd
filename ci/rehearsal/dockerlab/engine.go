package dockerlab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"

	"gitops/ci/lab"
	"gitops/ci/rehearsal"
)

// runnerVariable names the engine to the dagger command; without it the command starts
// one in Docker.
const runnerVariable = "_EXPERIMENTAL_DAGGER_RUNNER_HOST"

// DaggerReachable reports whether there is a dagger command that reaches an engine. It
// does not make one start: an engine is there when its address is given.
func DaggerReachable(ctx context.Context) bool {
	path, err := exec.LookPath("dagger")
	if err != nil || os.Getenv(runnerVariable) == "" {
		return false
	}
	return exec.CommandContext(ctx, path, "--silent", "core", "version").Run() == nil
}

// realDagger is the dagger command of this machine with its engine.
type realDagger struct {
	path      string
	container string // of the engine, connected to the lab's network; empty for an engine elsewhere
	lab       *lab.Lab
}

// connectDagger finds the dagger command and lets its engine into the lab's network. An
// engine that is no container of this Docker must reach that network by itself.
func connectDagger(ctx context.Context, l *lab.Lab) (*realDagger, error) {
	path, err := exec.LookPath("dagger")
	if err != nil {
		return nil, fmt.Errorf("finding the dagger command: %w; install it or rehearse with --engine docker", err)
	}
	// This starts the engine.
	if out, err := exec.CommandContext(ctx, path, "--silent", "core", "version").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("reaching the Dagger engine: %w: %s", err, bytes.TrimSpace(out))
	}
	d := &realDagger{path: path, lab: l}
	address := os.Getenv(runnerVariable)
	if address != "" && !strings.HasPrefix(address, "docker-container://") {
		return d, nil
	}
	if d.container = strings.TrimPrefix(address, "docker-container://"); d.container == "" {
		if d.container, err = l.Docker.FindContainer(ctx, "dagger-engine-"); err != nil {
			return nil, fmt.Errorf("finding the engine's container: %w", err)
		}
	}
	return d, l.Connect(ctx, d.container)
}

func (d *realDagger) close(ctx context.Context) error {
	if d == nil || d.container == "" {
		return nil
	}
	return d.lab.Disconnect(ctx, d.container)
}

// call runs the command as it was called.
func (d *realDagger) call(ctx context.Context, r DaggerRequest, stage string) ([]byte, error) {
	command := exec.CommandContext(ctx, d.path, r.Args...) //nolint:gosec // the workflow's own arguments
	command.Dir = r.Dir
	// act hands on nothing of this machine: how the engine is reached is added.
	command.Env = slices.Concat(r.Env, []string{runnerVariable + "=" + os.Getenv(runnerVariable)})
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	err := command.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = &rehearsal.StageError{Stage: stage, Exit: exit.ExitCode(), Said: strings.TrimSpace(stderr.String())}
	}
	return stdout.Bytes(), err
}
