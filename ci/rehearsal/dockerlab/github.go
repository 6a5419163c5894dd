package dockerlab

import (
	"context"
	"maps"
	"os"

	"gitops/ci/lab"
	"gitops/ci/lab/actions"
	"gitops/ci/lab/githubtest"
	"gitops/ci/rehearsal"
	"gitops/ci/secret"
)

// The roles that terraform/bootstrap makes; the AWS stand-in lets anybody assume any.
const (
	planRole  = "arn:aws:iam::123456789012:role/gitops-plan"
	applyRole = "arn:aws:iam::123456789012:role/gitops-apply"
)

// environments are the secrets and variables that docs/adopt.md asks for, in the
// environments of the repository on GitHub.
func environments(in rehearsal.Inputs) map[string]actions.Environment {
	c := in.Credentials
	aws := func(role string) map[string]string {
		return map[string]string{"AWS_ROLE": role, "AWS_REGION": rehearsal.Region}
	}
	registry := map[string]string{"DOCKERHUB_USERNAME": c.User}
	production := aws(applyRole)
	maps.Copy(production, registry)
	return map[string]actions.Environment{
		"plan":   {Variables: aws(planRole), Secrets: map[string]secret.Value{"SSH_HOST_PRIVATE_KEY": c.HostKey}},
		"review": {Branches: []string{"infra_main"}, Secrets: map[string]secret.Value{"GITOPS_REVIEW_KEY": c.ReviewKey}},
		"drift": {Variables: aws(planRole), Branches: []string{"infra_main"}, Secrets: map[string]secret.Value{
			"SSH_HOST_PRIVATE_KEY": c.HostKey, "SSH_PRIVATE_KEY": c.LoginKey,
		}},
		"release": {Variables: registry, Branches: []string{"integration"}, Secrets: map[string]secret.Value{
			"DOCKERHUB_TOKEN": c.RegistryPassword, "COSIGN_PRIVATE_KEY": c.Signing.Private, "COSIGN_PASSWORD": c.Signing.Password,
		}},
		"production": {Variables: production, Branches: []string{"infra_main", "deployment"}, Secrets: map[string]secret.Value{
			"SSH_PRIVATE_KEY": c.LoginKey, "SSH_HOST_PRIVATE_KEY": c.HostKey, "GITOPS_REVIEW_KEY": c.ReviewKey, "ANSIBLE_EXTRA_VARS": in.ExtraVars,
			"DEPLOY_ENV": in.DeployEnv, "DOCKERHUB_TOKEN": c.RegistryPassword,
		}},
	}
}

// startActions starts what runs the workflows.
func startActions(ctx context.Context, l *lab.Lab, r *runner, o Options) (*actions.Actions, error) {
	act, err := lab.Act(ctx, o.Progress)
	if err != nil {
		return nil, err
	}
	return actions.New(ctx, actions.Options{
		Act: act, Server: l.GitHub.Inside, Outside: l.GitHub.Outside, Repository: rehearsal.GitHubRepo, DefaultBranch: "infra_main",
		Token: func(ctx context.Context, permissions map[string]string) (secret.Value, error) {
			return githubtest.NewToken(ctx, l.Authority.Client(), l.GitHub.Outside, l.GitHubToken, permissions)
		},
		Environments: r.environments, Env: map[string]string{SocketVariable: r.dagger.socket, "AWS_ENDPOINT_URL": l.AWS.Outside},
		Path: []string{r.dagger.folder}, Certificates: r.world.AuthorityFile, Log: os.Stderr,
	})
}
