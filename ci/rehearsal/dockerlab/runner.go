package dockerlab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"gitops/ci/images"
	"gitops/ci/lab"
	"gitops/ci/rehearsal"
	"gitops/ci/secret"
)

// runner runs stages as containers on the lab's network.
type runner struct {
	lab    *lab.Lab
	inputs rehearsal.Inputs
	world  rehearsal.World
}

// workdir is where a stage finds the checkout.
const workdir = "/work"

// Run implements rehearsal.Runner.
func (r *runner) Run(ctx context.Context, call rehearsal.Call) ([]byte, error) {
	checkout, err := rehearsal.Checkout(ctx, r.world, call.Commit)
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(checkout)
	in, err := os.MkdirTemp("", "gitops-stage-")
	if err != nil {
		return nil, fmt.Errorf("making a folder for the stage: %w", err)
	}
	defer os.RemoveAll(in)
	s := &stageRun{runner: r, call: call, checkout: checkout, in: in}
	return s.run(ctx)
}

// stageRun is one stage with its checkout and what it is handed beside it.
type stageRun struct {
	*runner
	call     rehearsal.Call
	checkout string
	in       string
	before   []byte // result of the half that ran in another image
}

func (s *stageRun) run(ctx context.Context) ([]byte, error) {
	switch s.call.Stage {
	case "validate":
		return s.validate(ctx)
	case "provision":
		return s.provision(ctx)
	}
	return s.gitops(ctx, s.image(), s.arguments()...)
}

// image is the image that the stage runs in.
func (s *stageRun) image() string {
	switch s.call.Stage {
	case "review", "drift":
		return images.Terraform
	case "release":
		return lab.DockerImage
	case "deploy":
		return images.Cosign
	}
	return images.Git
}

// arguments are what a workflow would give the stage.
func (s *stageRun) arguments() []string {
	commit := []string{"--commit", s.call.Commit}
	switch s.call.Stage {
	case "review":
		return concat([]string{"review", "--pull-request", strconv.Itoa(s.call.PullRequest)}, commit, s.backend(), github)
	case "release":
		return concat([]string{"release", "--plain-http-host", "registry.local", "--registry", rehearsal.RegistryAddress, "--repo", rehearsal.GitAddress}, commit)
	case "deploy":
		return concat([]string{"deploy", "--verify-key", "/in/cosign.pub", "--plain-http-host", "registry.local"}, commit, deployment, s.outputs())
	case "rollback":
		return concat([]string{"rollback"}, deployment, s.outputs())
	case "drift":
		return concat([]string{"drift", "--manifest", "/in/docker-compose.yml"}, s.backend(), github, s.outputs())
	}
	return []string{s.call.Stage}
}

var (
	github     = []string{"--github-repo", rehearsal.GitHubRepo}
	deployment = []string{"--env-file", "/in/deploy.env", "--registry", rehearsal.RegistryAddress, "--actor", "rehearsal"}
)

func (s *stageRun) backend() []string {
	var flags []string
	for _, setting := range s.inputs.Backend {
		flags = append(flags, "--backend-config", setting)
	}
	return flags
}

func (s *stageRun) outputs() []string { return []string{"--outputs", "/in/outputs.json"} }

// validate runs the checks in the images that have their tools.
func (s *stageRun) validate(ctx context.Context) ([]byte, error) {
	first, err := s.gitops(ctx, images.Terraform, "validate", "--only", "terraform,manifest,workflows")
	if err != nil {
		return first, err
	}
	s.before = first
	return s.gitops(ctx, images.Ansible, "validate", "--only", "ansible", "--before", "/in/before.json")
}

// provision runs its two halves in the images that have their tools.
func (s *stageRun) provision(ctx context.Context) ([]byte, error) {
	applied, err := s.gitops(ctx, images.Terraform, concat([]string{"apply", "--commit", s.call.Commit}, s.backend(), github)...)
	if err != nil {
		return nil, err
	}
	s.before = applied
	return s.gitops(ctx, images.Ansible, "provision", "--applied", "/in/before.json", "--tags", "common,monitoring",
		"--extra-vars-file", "/in/extra-vars.yml")
}

// gitops runs the gitops command in an image and returns its result.
func (s *stageRun) gitops(ctx context.Context, image string, args ...string) ([]byte, error) {
	if err := s.hand(); err != nil {
		return nil, err
	}
	command := lab.Command{
		Image: image, Args: append([]string{"gitops", "--json"}, args...), Dir: workdir,
		Env: map[string]string{"REGISTRY_USERNAME": s.inputs.Credentials.User, "GIT_USERNAME": s.inputs.Credentials.User,
			// Go reads the image's own certificates beside this file, from /etc/ssl/certs.
			"SSL_CERT_FILE": "/in/ca.pem", "GIT_SSL_CAINFO": "/in/ca.pem"},
		Secrets: map[string]secret.Value{
			"GITHUB_TOKEN": s.inputs.Credentials.GitHubToken, "SSH_PRIVATE_KEY": s.inputs.Credentials.LoginKey,
			"REGISTRY_PASSWORD": s.inputs.Credentials.RegistryPassword, "GIT_TOKEN": s.inputs.Credentials.GitPassword,
		},
		Mounts: []lab.Mount{{Source: s.checkout, Target: workdir}, {Source: s.in, Target: "/in"}},
	}
	for name, value := range s.inputs.Variables {
		command.Env[name] = value
	}
	for name, value := range s.inputs.Secrets {
		command.Secrets[name] = value
	}
	if s.call.Stage == "release" {
		signing := s.inputs.Credentials.Signing
		command.Secrets["COSIGN_PRIVATE_KEY"], command.Secrets["COSIGN_PASSWORD"] = signing.Private, signing.Password
		command.Mounts = append(command.Mounts, lab.Mount{Source: "/var/run/docker.sock", Target: "/var/run/docker.sock"})
	}
	out, err := s.lab.Run(ctx, command)
	if err == nil && out.Exit != 0 {
		err = &rehearsal.StageError{Stage: args[0], Exit: out.Exit, Said: strings.TrimSpace(out.Stderr)}
	}
	return []byte(out.Stdout), err
}

// hand writes what the stage is handed as files.
func (s *stageRun) hand() error {
	files := map[string]string{
		"outputs.json": string(s.call.Outputs), "docker-compose.yml": string(s.call.Manifest), "deploy.env": s.inputs.DeployEnv.Reveal(),
		"extra-vars.yml": s.inputs.ExtraVars.Reveal(), "cosign.pub": s.inputs.Credentials.Signing.Public, "before.json": string(s.before),
		"ca.pem": s.lab.Authority.PEM(),
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(s.in, name), []byte(content), 0o600); err != nil {
			return fmt.Errorf("handing files to the stage: %w", err)
		}
	}
	return nil
}

func concat(lists ...[]string) []string {
	var all []string
	for _, list := range lists {
		all = append(all, list...)
	}
	return all
}
