package main

import (
	"context"
	"errors"

	"gitops/.dagger/internal/dagger"
)

var errNoHost = errors.New("this stage logs in to the host: call with-host first")

// onHost returns a container that can log in to the host, and the arguments of a
// stage that does.
func (m *Gitops) onHost(c *dagger.Container, args ...string) (*dagger.Container, []string, error) {
	if m.Host == nil {
		return nil, nil, errNoHost
	}
	c = c.WithSecretVariable("SSH_PRIVATE_KEY", m.Host.SSHKey)
	if m.Host.Outputs != nil {
		return c.WithFile("/gitops/outputs.json", m.Host.Outputs), append(args, "--outputs", "/gitops/outputs.json"), nil
	}
	return c, append(args, "--host", m.Host.Address, "--host-key", m.Host.HostKey, "--ssh-user", m.Host.User), nil
}

// onGithub returns a container that can talk to GitHub, and the arguments of a
// stage that does; without with-github, as they were.
func (m *Gitops) onGithub(c *dagger.Container, args ...string) (*dagger.Container, []string) {
	if m.Github == nil {
		return c, args
	}
	return c.WithSecretVariable("GITHUB_TOKEN", m.Github.Token), append(args, "--github-repo", m.Github.Repo)
}

// putOut runs deploy or rollback and returns the receipt.
func (m *Gitops) putOut(ctx context.Context, c *dagger.Container, env *dagger.Secret, actor string, args ...string) (string, error) {
	c, args, err := m.onHost(c, append(args, "--actor", actor)...)
	if err != nil {
		return "", err
	}
	if env != nil {
		c = c.WithMountedSecret("/gitops/env", env)
		args = append(args, "--env-file", "/gitops/env")
	}
	if c, err = m.withLogins(ctx, c); err != nil {
		return "", err
	}
	return effect(c, args...).Stdout(ctx)
}

// Deploy puts the manifest on the host and goes back if a service fails.
//
// It rolls the services and waits for their gates; it needs with-host, and
// returns the receipt.
//
// +cache="never"
func (m *Gitops) Deploy(
	ctx context.Context,
	// The compose manifest.
	manifest *dagger.File,
	// Full SHA of the commit that the manifest is from.
	commit string,
	// NAME=value lines for the manifest's variables.
	// +optional
	env *dagger.Secret,
	// Who deploys, for the lock and the receipt.
	// +default="dagger"
	actor string,
	// Require that the images are signed by the private half of this cosign key.
	// +optional
	verifyKey *dagger.File,
	// Require that the images are signed by this identity, with verify-issuer.
	// +optional
	verifyIdentity string,
	// Who vouches for the identity, such as https://token.actions.githubusercontent.com.
	// +optional
	verifyIssuer string,
	// Services that must be signed, instead of all that have a build section.
	// +optional
	verifyServices []string,
) (string, error) {
	image := m.GitImage
	if verifyKey != nil || verifyIdentity != "" {
		image = m.CosignImage
	}
	c := m.container(image).WithFile("/gitops/docker-compose.yml", manifest)
	args := concat([]string{"deploy", "--manifest", "/gitops/docker-compose.yml", "--commit", commit},
		optional("--verify-identity", verifyIdentity), optional("--verify-issuer", verifyIssuer))
	if verifyKey != nil {
		c = c.WithFile("/gitops/cosign.pub", verifyKey)
		args = append(args, "--verify-key", "/gitops/cosign.pub")
	}
	for _, service := range verifyServices {
		args = append(args, "--verify-service", service)
	}
	return m.putOut(ctx, c, env, actor, args...)
}

// Rollback deploys an earlier release again and returns the receipt.
//
// +cache="never"
func (m *Gitops) Rollback(
	ctx context.Context,
	// NAME=value lines for the manifest's variables: none stay on the host.
	// +optional
	env *dagger.Secret,
	// Release to go back to; the one before the current by default.
	// +optional
	release string,
	// Who rolls back, for the lock and the receipt.
	// +default="dagger"
	actor string,
) (string, error) {
	return m.putOut(ctx, m.container(m.GitImage), env, actor, concat([]string{"rollback"}, optional("--release", release))...)
}

// Status returns what runs on the host, its releases and its last receipt.
//
// +cache="never"
func (m *Gitops) Status(ctx context.Context) (string, error) {
	c, args, err := m.onHost(m.container(m.GitImage), "status")
	if err != nil {
		return "", err
	}
	return effect(c, args...).Stdout(ctx)
}

// Drift compares what runs, in the cloud and on the host, with git.
//
// The cloud is compared with Terraform, the host's containers with the manifest.
// After with-github it keeps one issue about it, which it closes when the drift
// is gone.
//
// +cache="never"
func (m *Gitops) Drift(
	ctx context.Context,
	// Repository with the folder terraform, as it is on infra_main.
	// +defaultPath="/"
	// +ignore=["**/.git", "**/node_modules", "**/.terraform"]
	source *dagger.Directory,
	// The compose manifest as it is on deployment; that of source by default.
	// +optional
	manifest *dagger.File,
) (string, error) {
	c := m.terraform(source)
	flags := []string{"drift"}
	if manifest != nil {
		c = c.WithFile("/gitops/docker-compose.yml", manifest)
		flags = append(flags, "--manifest", "/gitops/docker-compose.yml")
	}
	c, args, err := m.onHost(c, flags...)
	if err != nil {
		return "", err
	}
	c, args = m.onGithub(c, args...)
	return effect(c, append(args, m.backend()...)...).Stdout(ctx)
}

// Outputs reads Terraform's outputs from the state, for with-host.
//
// +cache="never"
func (m *Gitops) Outputs(
	// Repository with the folder terraform.
	// +defaultPath="/"
	// +ignore=["**/.git", "**/node_modules", "**/.terraform"]
	source *dagger.Directory,
) *dagger.File {
	return effect(m.terraform(source), concat([]string{"outputs", "--out", "/outputs.json"}, m.backend())...).
		File("/outputs.json")
}
