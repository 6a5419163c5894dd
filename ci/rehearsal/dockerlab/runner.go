package dockerlab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"gitops/ci/infra"
	"gitops/ci/lab"
	"gitops/ci/lab/actions"
	"gitops/ci/rehearsal"
)

// runner runs stages as GitHub does: something happens in the repository, and the
// workflows that it starts call dagger.
type runner struct {
	lab     *lab.Lab
	inputs  rehearsal.Inputs
	world   rehearsal.World
	actions *actions.Actions
	dagger  *dagger
	// environments are those of the repository on GitHub. An operator adds the server's
	// address once it is known.
	environments map[string]actions.Environment
}

// Run implements rehearsal.Runner.
func (r *runner) Run(ctx context.Context, call rehearsal.Call) ([]byte, error) {
	if call.Outputs != nil {
		if err := r.nameServer(call.Outputs); err != nil {
			return nil, err
		}
	}
	if call.Stage == "rollback" {
		return r.byHand(ctx, call)
	}
	event := event(call)
	runs, err := r.actions.Happen(ctx, event)
	if err != nil {
		return nil, err
	}
	out := r.dagger.result(call.Stage)
	if err := red(call.Stage, runs); err != nil {
		return out, err
	}
	if out == nil {
		return nil, fmt.Errorf("no workflow ran %s when this happened: %s on %s", call.Stage, event.Name, event.Branch)
	}
	return out, nil
}

// event is what happens on GitHub that is to start the stage.
func event(call rehearsal.Call) actions.Event {
	e := actions.Event{Name: "push", Branch: call.Branch, Before: call.Before, Commit: call.Commit, Actor: "ada"}
	switch call.Stage {
	case "review":
		e.Name = "pull_request"
		e.PullRequest = &actions.PullRequest{Number: call.PullRequest, Title: "Change the infrastructure", Head: "infra_features", Base: "infra_main"}
	case "drift":
		return actions.Event{Name: "schedule"}
	}
	return e
}

// red returns the failure of the first run that failed, with the words of its jobs.
func red(stage string, runs []actions.Run) error {
	for _, run := range runs {
		if run.Conclusion == "success" || run.Conclusion == "skipped" {
			continue
		}
		said := []string{run.Message}
		for _, job := range run.Jobs {
			if job.Conclusion != "success" && job.Conclusion != "skipped" {
				said = append(said, job.Log)
			}
		}
		return &rehearsal.StageError{Stage: stage, Exit: -1, Said: strings.TrimSpace(strings.Join(said, "\n"))}
	}
	return nil
}

// nameServer does what docs/adopt.md asks of the operator after the first provision.
func (r *runner) nameServer(outputs []byte) error {
	server, err := infra.ParseOutputs(outputs)
	if err != nil {
		return err
	}
	for _, name := range []string{"production", "drift"} {
		variables := r.environments[name].Variables
		variables["SERVER_IP"], variables["SSH_HOST_PUBLIC_KEY"] = server.StaticIP, server.SSHHostPublicKey
	}
	return nil
}

// byHand is an operator's own call of dagger, in a checkout of the deployed commit.
func (r *runner) byHand(ctx context.Context, call rehearsal.Call) ([]byte, error) {
	checkout, err := rehearsal.Checkout(ctx, r.world, call.Commit)
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(checkout)
	args := []string{"call", call.Stage}
	if call.Release != "" {
		args = append(args, "--release", call.Release)
	}
	command := exec.CommandContext(ctx, filepath.Join(r.dagger.folder, "dagger"), args...)
	command.Dir = checkout
	command.Env = append([]string{SocketVariable + "=" + r.dagger.socket, "PATH=" + os.Getenv("PATH"), "GITHUB_ACTOR=operator"}, r.operator()...)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	err = command.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = &rehearsal.StageError{Stage: call.Stage, Exit: exit.ExitCode(), Said: strings.TrimSpace(stderr.String())}
	}
	return stdout.Bytes(), err
}

// operator is the environment of somebody who works on the server from a laptop: what
// .env refers to.
func (r *runner) operator() []string {
	production := r.environments["production"]
	env := []string{"REGISTRY_USERNAME=" + production.Variables["DOCKERHUB_USERNAME"], "REGISTRY_PASSWORD=" + production.Secrets["DOCKERHUB_TOKEN"].Reveal()}
	for _, name := range []string{"SERVER_IP", "SSH_HOST_PUBLIC_KEY"} {
		env = append(env, name+"="+production.Variables[name])
	}
	for _, name := range []string{"SSH_PRIVATE_KEY", "DEPLOY_ENV"} {
		env = append(env, name+"="+production.Secrets[name].Reveal())
	}
	return env
}
