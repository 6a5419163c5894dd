package dockerlab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gitops/ci/lab"
	"gitops/ci/progress"
	"gitops/ci/rehearsal"
)

// close stops what runs the workflows.
func (r *runner) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return errors.Join(r.actions.Close(), r.dagger.close(), r.dagger.real.close(ctx))
}

// keep leaves in dir all that a person needs to work on the lab that stays up, and says
// how: a checkout of what is deployed, the keys, and a file of the environment.
func (r *runner) keep(ctx context.Context, dir string, p *progress.Progress) error {
	checkout, err := rehearsal.CheckoutBranch(ctx, r.world, "deployment")
	if err != nil {
		return err
	}
	server, production := r.lab.HostAddress, r.environments["production"]
	files := map[string]string{
		"login_key": production.Secrets["SSH_PRIVATE_KEY"].Reveal(), "deploy.env": production.Secrets["DEPLOY_ENV"].Reveal(),
		"extra-vars.yml": production.Secrets["ANSIBLE_EXTRA_VARS"].Reveal(),
		"lab.env": exports(map[string]string{
			"PATH": dir + ":" + os.Getenv("PATH"), "SSL_CERT_FILE": r.world.AuthorityFile, "GIT_SSL_CAINFO": r.world.AuthorityFile,
			"SSH_PRIVATE_KEY": production.Secrets["SSH_PRIVATE_KEY"].Reveal(), "REGISTRY_USERNAME": lab.User,
			"REGISTRY_PASSWORD": r.lab.RegistryPassword.Reveal(), "GIT_USERNAME": lab.User, "GIT_TOKEN": r.lab.GitPassword.Reveal(),
			"GITHUB_TOKEN": r.lab.GitHubToken.Reveal(), "GITHUB_API_URL": r.lab.GitHub.Outside + "/api/v3/", "GITHUB_REPOSITORY": rehearsal.GitHubRepo,
			"AWS_ENDPOINT_URL": r.lab.AWS.Outside, "AWS_ACCESS_KEY_ID": "lab", "AWS_SECRET_ACCESS_KEY": "lab",
			"TF_VAR_ssh_host_private_key": r.lab.HostKey.Reveal(),
		}),
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			return fmt.Errorf("keeping the lab's keys: %w", err)
		}
	}
	host := fmt.Sprintf("--host %s --host-key %q", server, strings.TrimSpace(r.lab.HostPublicKey))
	p.Say("the lab stays up; its keys are in %s", dir)
	p.Say("  cd %s && . %s/lab.env", checkout, dir)
	p.Say("  gitops status %s", host)
	p.Say("  gitops deploy --commit $(git rev-parse HEAD) --env-file %s/deploy.env --registry %s %s", dir, rehearsal.RegistryAddress, host)
	p.Say("  gitops rollback --env-file %s/deploy.env --registry %s %s", dir, rehearsal.RegistryAddress, host)
	p.Say("  gitops configure --extra-vars-file %s/extra-vars.yml %s", dir, host)
	p.Say("  gitops plan")
	p.Say("  ssh -i %s/login_key %s@%s", dir, lab.SSHUser, server)
	p.Say("  application  http://%s/", server)
	p.Say("  git          %s/%s.git", r.lab.GitHub.Outside, rehearsal.GitHubRepo)
	p.Say("  GitHub       %s/_lab/state", strings.TrimSuffix(r.lab.GitHub.Outside, "/"))
	p.Say("remove it with: docker rm --force --volumes $(docker ps --all --quiet --filter label=gitops.lab=%s) && docker network rm %s && rm -r %s %s",
		r.lab.ID, r.lab.Network, dir, checkout)
	return nil
}

// exports returns lines for a shell.
func exports(variables map[string]string) string {
	var lines []string
	for name, value := range variables {
		lines = append(lines, "export "+name+"='"+strings.ReplaceAll(value, "'", `'\''`)+"'\n")
	}
	return strings.Join(lines, "")
}
