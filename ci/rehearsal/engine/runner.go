package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sort"

	"dagger.io/dagger"
	"github.com/dagger/querybuilder"

	"gitops/ci/rehearsal"
)

// runner runs stages by calling the module's public functions.
type runner struct {
	stands *stands
	inputs rehearsal.Inputs
	world  rehearsal.World
}

// Run implements rehearsal.Runner.
func (r *runner) Run(ctx context.Context, call rehearsal.Call) ([]byte, error) {
	dir, err := rehearsal.Checkout(ctx, r.world, call.Commit)
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	source := r.stands.client.Host().Directory(dir)
	function, err := r.function(call, source)
	if err != nil {
		return nil, err
	}
	var out string
	if err := function.Bind(&out).Execute(ctx); err != nil {
		return nil, stageError(call.Stage, err)
	}
	return []byte(out), nil
}

// stageError tells a stage that failed from an engine that did.
func stageError(stage string, err error) error {
	var failed *dagger.ExecError
	if errors.As(err, &failed) {
		return &rehearsal.StageError{Stage: stage, Exit: failed.ExitCode, Said: failed.Stderr}
	}
	return fmt.Errorf("calling %s: %w", stage, err)
}

// function selects the stage's function with its arguments, as a workflow does. The
// settings are in the repository's gitops.yml.
func (r *runner) function(call rehearsal.Call, source *dagger.Directory) (*querybuilder.Selection, error) {
	in := r.inputs
	switch call.Stage {
	case "validate":
		return r.module().Select("validate").Arg("source", source), nil
	case "review":
		return r.terraform().Select("review").Arg("source", source).
			Arg("pullRequest", call.PullRequest).Arg("commit", call.Commit), nil
	case "provision":
		return r.withKey(r.terraform()).Select("provision").Arg("source", source).Arg("commit", call.Commit).
			Arg("extraVars", r.stands.secret("extra-vars", in.ExtraVars)), nil
	case "release":
		return r.module().Select("withSigningKey").Arg("key", r.stands.secret("signing-key", in.Credentials.Signing.Private)).
			Arg("password", r.stands.secret("signing-password", in.Credentials.Signing.Password)).
			Select("release").Arg("source", source).Arg("commit", call.Commit).
			Arg("repo", rehearsal.GitAddress).Arg("gitUsername", in.Credentials.User).
			Arg("gitToken", r.stands.secret("git-password", in.Credentials.GitPassword)), nil
	case "deploy":
		return r.withHost(r.module(), call).Select("deploy").Arg("source", source).Arg("commit", call.Commit).
			Arg("variables", r.stands.secret("deploy-env", in.DeployEnv)).Arg("actor", "rehearsal"), nil
	case "rollback":
		return r.withHost(r.module(), call).Select("rollback").Arg("release", call.Release).
			Arg("variables", r.stands.secret("deploy-env", in.DeployEnv)).Arg("actor", "rehearsal"), nil
	case "drift":
		deployed := r.stands.client.Directory().WithNewFile(rehearsal.ManifestPath, string(call.Manifest))
		return r.withKey(r.terraform()).Select("drift").Arg("source", source).Arg("deployed", deployed), nil
	}
	return nil, fmt.Errorf("no function for stage %s", call.Stage)
}

// module returns the module with what every stage is given.
func (r *runner) module() *querybuilder.Selection {
	q := r.stands.client.QueryBuilder().Select("gitops")
	for _, name := range sortedKeys(r.stands.services) {
		q = q.Select("withService").Arg("alias", name).Arg("service", r.stands.services[name])
	}
	q = q.Select("withAuthority").Arg("certificates",
		r.stands.client.Directory().WithNewFile("authority.pem", r.stands.authority.PEM()).File("authority.pem"))
	q = q.Select("withVariable").Arg("name", "GITHUB_API_URL").Arg("value", rehearsal.GitHubAPI)
	for _, name := range sortedKeys(r.inputs.Variables) {
		q = q.Select("withVariable").Arg("name", name).Arg("value", r.inputs.Variables[name])
	}
	return q.Select("withRegistry").Arg("address", rehearsal.RegistryAddress).Arg("username", r.inputs.Credentials.User).
		Arg("password", r.stands.secret("registry-password", r.inputs.Credentials.RegistryPassword))
}

// terraform returns the module with credentials for the cloud and GitHub.
func (r *runner) terraform() *querybuilder.Selection {
	q := r.module()
	for _, name := range sortedKeys(r.inputs.Secrets) {
		q = q.Select("withSecret").Arg("name", name).Arg("value", r.stands.secret(name, r.inputs.Secrets[name]))
	}
	return q.Select("withGithub").Arg("repo", rehearsal.GitHubRepo).
		Arg("token", r.stands.secret("github-token", r.inputs.Credentials.GitHubToken))
}

func (r *runner) withKey(q *querybuilder.Selection) *querybuilder.Selection {
	return q.Select("withHost").Arg("sshKey", r.stands.secret("login-key", r.inputs.Credentials.LoginKey))
}

func (r *runner) withHost(q *querybuilder.Selection, call rehearsal.Call) *querybuilder.Selection {
	outputs := r.stands.client.Directory().WithNewFile("outputs.json", string(call.Outputs)).File("outputs.json")
	return r.withKey(q).Arg("outputs", outputs)
}

func sortedKeys[V any](m map[string]V) []string {
	var keys []string
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}
