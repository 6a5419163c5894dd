package dockerlab

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gitops/ci/images"
	"gitops/ci/lab"
	"gitops/ci/lab/daggermodule"
	"gitops/ci/rehearsal"
	"gitops/ci/secret"
)

// workdir is where a stage finds the checkout.
const workdir = "/work"

// stageCall is a function of the module that is run as the gitops command: the same
// images, secrets and flags as in .dagger.
type stageCall struct {
	*dagger
	constructor daggermodule.Step
	daggermodule.Step
	root string            // of the checkout
	dir  string            // where dagger was called
	in   string            // what the stage is handed beside the checkout, at /in
	env  map[string]string // of the caller
}

// run runs the function, then those of the object that it returns.
func (s *stageCall) run(ctx context.Context, rest []daggermodule.Step) ([]byte, error) {
	switch s.Name {
	case "validate":
		return s.validate(ctx)
	case "plan":
		return s.plan(ctx, rest)
	case "provision":
		return s.provision(ctx)
	case "review":
		return s.review(ctx)
	case "release":
		return s.gitops(ctx, lab.DockerImage, s.args("release"), "git", "registry", "signing")
	case "deploy", "rollback":
		args, err := s.roll()
		if err != nil {
			return nil, err
		}
		return s.gitops(ctx, imageOf[s.Name], args, "host", "registry")
	case "drift":
		args := s.args("drift")
		if folder := s.Value("deployed"); folder != "" {
			if err := os.CopyFS(filepath.Join(s.in, "deployed"), os.DirFS(filepath.Join(s.dir, folder))); err != nil {
				return nil, fmt.Errorf("reading the deployed branch: %w", err)
			}
			args = append(args, "--deployed", "/in/deployed")
		}
		return s.gitops(ctx, imageOf[s.Name], args, "terraform", "host", "github")
	case "status", "unlock":
		return s.gitops(ctx, imageOf[s.Name], s.args(s.Name), "host")
	}
	return nil, fmt.Errorf("the stand-in for dagger does not run the function %s", s.Name)
}

// validate runs the checks in the images that have their tools.
func (s *stageCall) validate(ctx context.Context) ([]byte, error) {
	first, err := s.gitops(ctx, images.Terraform, []string{"validate", "--only", "terraform,manifest,workflows"})
	if err != nil {
		return first, err
	}
	return s.after(ctx, first, images.Ansible, []string{"validate", "--only", "ansible", "--checked", "/in/before.json"})
}

// provision runs its two halves in the images that have their tools.
func (s *stageCall) provision(ctx context.Context) ([]byte, error) {
	apply := s.flags([]string{"apply"}, "reviewed", "commit", "accept-unreviewed")
	applied, err := s.gitops(ctx, images.Terraform, append(apply, s.github()...), "terraform", "github")
	if err != nil {
		return nil, err
	}
	args := s.flags([]string{"provision", "--applied", "/in/before.json"}, "tags")
	vars, err := s.handSecret("extra-vars.yml", "extra-vars")
	if err != nil {
		return nil, err
	}
	if vars {
		args = append(args, "--extra-vars-file", "/in/extra-vars.yml")
	}
	return s.after(ctx, applied, images.Ansible, args, "host")
}

// after runs the second half of a stage, which gets the result of the first.
func (s *stageCall) after(ctx context.Context, first []byte, image string, args []string, secrets ...string) ([]byte, error) {
	if err := os.WriteFile(filepath.Join(s.in, "before.json"), first, 0o600); err != nil {
		return nil, fmt.Errorf("handing a result on: %w", err)
	}
	return s.gitops(ctx, image, args, secrets...)
}

// plan leaves its files in a folder, which the functions of a directory work on.
func (s *stageCall) plan(ctx context.Context, rest []daggermodule.Step) ([]byte, error) {
	out, err := s.gitops(ctx, images.Terraform, []string{"plan", "--out", "/out"}, "terraform")
	if _, failed := err.(*rehearsal.StageError); err != nil && !failed { //nolint:errorlint // gitops returns it as it is
		return nil, err
	}
	// A plan that failed is a folder too: it says why.
	for _, step := range rest {
		switch step.Name {
		case "without-file":
			err = os.RemoveAll(filepath.Join(s.out(), step.Value("path")))
		case "export":
			err = os.CopyFS(filepath.Join(s.dir, step.Value("path")), os.DirFS(s.out()))
		default:
			err = fmt.Errorf("the stand-in for dagger does not run %s on a folder", step.Name)
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// out is the folder that a stage leaves files in.
func (s *stageCall) out() string { return filepath.Join(s.in, "out") }

// review has the plan of another call, or makes one.
func (s *stageCall) review(ctx context.Context) ([]byte, error) {
	if folder := s.Value("plan"); folder == "" {
		if _, err := s.plan(ctx, nil); err != nil {
			return nil, err
		}
	} else if err := os.CopyFS(s.out(), os.DirFS(filepath.Join(s.dir, folder))); err != nil {
		return nil, fmt.Errorf("reading the plan: %w", err)
	}
	args := s.flags([]string{"review", "--plan-dir", "/out"}, "pull-request", "commit", "require-cost")
	return s.gitops(ctx, images.Git, append(args, s.github()...), "github", "infracost")
}

// roll returns the arguments of deploy and rollback.
func (s *stageCall) roll() ([]string, error) {
	args := append(s.args(s.Name), "--actor", s.constructor.Value("actor"), "--registry", s.constructor.Value("registry-address"))
	variables, err := s.handSecret("deploy.env", "variables")
	if variables {
		args = append(args, "--env-file", "/in/deploy.env")
	}
	return args, err
}

// renamed are the flags whose names differ from those of the arguments.
var renamed = map[string]string{
	"manifest-path": "manifest", "manifests": "manifest", "profiles": "profile", "probes": "probe", "services": "service", "build-args": "build-arg", "verify-services": "verify-service",
}

// handed are the arguments that are no flags: they are handed over in another way.
var handed = []string{"source", "deployed", "variables", "extra-vars", "git-token", "git-username", "verify-key", "actor"}

// args returns the arguments of a stage: the function's own, and those that follow
// from the constructor's.
func (s *stageCall) args(stage string) []string {
	var names []string
	for name := range s.Values {
		if !slices.Contains(handed, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	args := s.flags([]string{stage}, names...)
	switch stage {
	case "release":
		return append(args, s.workflow()...)
	case "drift":
		args = append(args, s.github()...)
	}
	return append(args, s.hostFlags()...)
}

// flags appends the arguments of the function that are given.
func (s *stageCall) flags(args []string, names ...string) []string {
	for _, name := range names {
		flag := name
		if other := renamed[name]; other != "" {
			flag = other
		}
		for _, value := range s.Values[name] {
			args = append(args, "--"+flag+"="+value)
		}
	}
	return args
}

func (s *stageCall) hostFlags() (flags []string) {
	for argument, flag := range map[string]string{"address": "--host", "host-key": "--host-key"} {
		if value := s.constructor.Value(argument); value != "" {
			flags = append(flags, flag, value)
		}
	}
	return flags
}

func (s *stageCall) github() []string {
	if repo := s.constructor.Value("github-repo"); repo != "" && s.secret("github-token") != "" {
		return []string{"--github-repo", repo}
	}
	return nil
}

// workflow returns what a release is told of the workflow and its repository.
func (s *stageCall) workflow() []string {
	c := s.constructor
	repository := c.Value("github-server") + "/" + c.Value("github-repo")
	return []string{
		"--repo", repository + ".git", "--registry", c.Value("registry-address"),
		"--builder-id", c.Value("github-server") + "/" + c.Value("workflow"),
		"--invocation-id", repository + "/actions/runs/" + c.Value("run") + "/attempts/" + c.Value("attempt"),
	}
}

// secret returns the value of a secret argument of the constructor or the function;
// empty when its variable is not set or empty.
func (s *stageCall) secret(argument string) string {
	reference := s.Value(argument)
	if reference == "" {
		reference = s.constructor.Value(argument)
	}
	name, isVariable := strings.CutPrefix(reference, "env:")
	if !isVariable {
		return ""
	}
	return s.env[strings.TrimPrefix(name, "//")]
}

// bound are the secrets that the stages of a kind get, by the variable that has them.
var bound = map[string]map[string]string{
	"terraform": { //nolint:gosec // names of arguments
		"AWS_ACCESS_KEY_ID": "aws-access-key-id", "AWS_SECRET_ACCESS_KEY": "aws-secret-access-key",
		"AWS_SESSION_TOKEN": "aws-session-token", "TF_VAR_ssh_host_private_key": "host-private-key",
	},
	"host":      {"SSH_PRIVATE_KEY": "ssh-key"},
	"github":    {"GITHUB_TOKEN": "github-token"},
	"registry":  {"REGISTRY_PASSWORD": "registry-password"},
	"signing":   {"COSIGN_PRIVATE_KEY": "signing-key", "COSIGN_PASSWORD": "signing-password"},
	"git":       {"GIT_TOKEN": "git-token"},
	"infracost": {"INFRACOST_API_KEY": "infracost-api-key"},
}

// gitops runs the gitops command in an image, with the secrets of some kinds, and
// returns its result.
func (s *stageCall) gitops(ctx context.Context, image string, args []string, kinds ...string) ([]byte, error) {
	if err := s.prepare(); err != nil {
		return nil, err
	}
	command := lab.Command{
		Image: image, Args: append([]string{"gitops", "--json"}, args...), Dir: workdir, Env: s.variables(), Secrets: map[string]secret.Value{},
		Mounts: []lab.Mount{{Source: s.root, Target: workdir}, {Source: s.in, Target: "/in"}, {Source: s.out(), Target: "/out", Writable: true}},
	}
	for _, kind := range kinds {
		for variable, argument := range bound[kind] {
			if value := s.secret(argument); value != "" {
				command.Secrets[variable] = secret.New(value)
			}
		}
	}
	if image == lab.DockerImage {
		command.Mounts = append(command.Mounts, lab.Mount{Source: "/var/run/docker.sock", Target: "/var/run/docker.sock"})
	}
	out, err := s.lab.Run(ctx, command)
	if err == nil && out.Exit != 0 {
		err = &rehearsal.StageError{Stage: args[0], Exit: out.Exit, Said: strings.TrimSpace(out.Stderr)}
	}
	return []byte(out.Stdout), err
}

// variables returns the environment of a stage that is not secret.
func (s *stageCall) variables() map[string]string {
	variables := environment(s.constructor.Values["environment"])
	maps.Copy(variables, map[string]string{
		// Go reads the image's own certificates beside this file, from /etc/ssl/certs.
		"SSL_CERT_FILE": "/in/ca.pem", "GIT_SSL_CAINFO": "/in/ca.pem",
		"GITHUB_API_URL":    s.constructor.Value("github-api"),
		"REGISTRY_USERNAME": s.constructor.Value("registry-username"), "GIT_USERNAME": "x-access-token",
	})
	return variables
}

func (s *stageCall) prepare() error {
	if err := os.MkdirAll(s.out(), 0o700); err != nil {
		return fmt.Errorf("making a folder for the stage's files: %w", err)
	}
	return os.WriteFile(filepath.Join(s.in, "ca.pem"), []byte(s.lab.Authority.PEM()), 0o600)
}

// handSecret gives a secret to the stage as a file, and reports whether there is one.
func (s *stageCall) handSecret(name, argument string) (bool, error) {
	value := s.secret(argument)
	if value == "" {
		return false, nil
	}
	return true, os.WriteFile(filepath.Join(s.in, name), []byte(value), 0o600)
}
