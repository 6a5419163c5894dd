package main

import (
	"context"
	"strconv"

	"gitops/.dagger/internal/dagger"
)

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
	variables *dagger.Secret,
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
	// Services that must be signed, beside all that have a build section in the manifest
	// or in config.
	// +optional
	verifyServices []string,
	// The repository's gitops.yml, for the services that a release builds and the
	// manifest does not say so of. By default that of the caller's repository.
	// +optional
	config *dagger.File,
	// The caller's repository, which the engine fills in.
	// +optional
	workspace *dagger.Workspace,
	// How long a service may take to become healthy, such as 2m.
	// +optional
	gateTimeout string,
	// How long to wait for another deploy to the same host, such as 5m.
	// +optional
	lockWait string,
	// Releases to keep on the host.
	// +default=5
	keep int,
) (string, error) {
	c := m.container(m.GitImage, "deploy")
	var plainHTTP []string
	if verifyKey != nil || verifyIdentity != "" {
		c = m.container(m.CosignImage, "deploy")
		config, err := ownConfig(ctx, config, workspace)
		if err != nil {
			return "", err
		}
		c = c.WithFile("/gitops/gitops.yml", config)
		plainHTTP = m.verifyPlainHTTP()
	}
	args := concat([]string{"deploy", "--manifest", "/gitops/docker-compose.yml", "--commit", commit, "--config", "/gitops/gitops.yml"},
		optional("--verify-identity", verifyIdentity), optional("--verify-issuer", verifyIssuer), repeated("--verify-service", verifyServices), plainHTTP)
	if verifyKey != nil {
		c = c.WithFile("/gitops/cosign.pub", verifyKey)
		args = append(args, "--verify-key", "/gitops/cosign.pub")
	}
	return m.roll(ctx, c.WithFile("/gitops/docker-compose.yml", manifest), roll{variables, actor, gateTimeout, lockWait, keep}, args...)
}

// ownConfig returns the gitops.yml that was given, or that of the caller's repository;
// an empty one where the repository has none.
func ownConfig(ctx context.Context, config *dagger.File, workspace *dagger.Workspace) (*dagger.File, error) {
	if config != nil {
		return config, nil
	}
	if workspace != nil {
		root := workspace.Directory("/", dagger.WorkspaceDirectoryOpts{Include: []string{configFile}})
		there, err := root.Exists(ctx, configFile)
		if err != nil {
			return nil, err
		}
		if there {
			return root.File(configFile), nil
		}
	}
	return dag.Directory().WithNewFile(configFile, "").File(configFile), nil
}

// configFile is where a repository says what its manifest does not.
const configFile = "gitops.yml"

// Rollback deploys an earlier release again and returns the receipt.
//
// +cache="never"
func (m *Gitops) Rollback(
	ctx context.Context,
	// NAME=value lines for the manifest's variables: none stay on the host.
	// +optional
	variables *dagger.Secret,
	// Release to go back to; the one before the current by default.
	// +optional
	release string,
	// Who rolls back, for the lock and the receipt.
	// +default="dagger"
	actor string,
	// How long a service may take to become healthy, such as 2m.
	// +optional
	gateTimeout string,
	// How long to wait for another deploy to the same host, such as 5m.
	// +optional
	lockWait string,
	// Releases to keep on the host.
	// +default=5
	keep int,
) (string, error) {
	return m.roll(ctx, m.container(m.GitImage, "rollback"), roll{variables, actor, gateTimeout, lockWait, keep},
		concat([]string{"rollback"}, optional("--release", release))...)
}

// roll is what deploy and rollback share.
type roll struct {
	variables   *dagger.Secret
	actor       string
	gateTimeout string
	lockWait    string
	keep        int
}

// roll runs deploy or rollback and returns the receipt.
func (m *Gitops) roll(ctx context.Context, c *dagger.Container, r roll, args ...string) (string, error) {
	c, args, err := m.onHost(c, args...)
	if err != nil {
		return "", err
	}
	args = concat(args, m.Host.place(), optional("--gate-timeout", r.gateTimeout), optional("--lock-wait", r.lockWait),
		[]string{"--actor", r.actor, "--keep", strconv.Itoa(r.keep)})
	if r.variables != nil {
		c = c.WithMountedSecret("/gitops/variables.env", r.variables)
		args = append(args, "--env-file", "/gitops/variables.env")
	}
	if c, err = m.withLogins(ctx, c); err != nil {
		return "", err
	}
	return effect(c, args...).Stdout(ctx)
}

// Status returns what runs on the host, its releases and its last receipt.
//
// +cache="never"
func (m *Gitops) Status(ctx context.Context) (string, error) { return m.place(ctx, "status") }

// Unlock removes the deploy lock of the host, and returns whose it was.
//
// A deploy holds it while it runs; one that was killed leaves it until it expires.
//
// +cache="never"
func (m *Gitops) Unlock(ctx context.Context) (string, error) { return m.place(ctx, "unlock") }

// place runs a stage about the releases on the host.
func (m *Gitops) place(ctx context.Context, stage string) (string, error) {
	c, args, err := m.onHost(m.container(m.GitImage, stage), stage)
	if err != nil {
		return "", err
	}
	return effect(c, concat(args, m.Host.place())...).Stdout(ctx)
}
