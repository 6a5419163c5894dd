package main

import (
	"context"
	"fmt"
	"strconv"

	"gitops/.dagger/internal/dagger"
)

// Deploy puts the manifest on the host and goes back if a service fails.
//
// It rolls the services and waits for their gates, and returns the receipt.
//
// +cache="never"
func (m *Gitops) Deploy(
	ctx context.Context,
	// Repository with the manifest; the caller's by default.
	// +optional
	// +ignore=["**/.git", "**/node_modules", "**/.terraform"]
	source *dagger.Directory,
	// The caller's repository, which the engine fills in.
	// +optional
	workspace *dagger.Workspace,
	// Paths of the compose files, as docker compose takes them with -f.
	// +optional
	manifests []string,
	// Full SHA of the commit that the manifest is from.
	commit string,
	// NAME=value lines for the manifest's variables.
	// +optional
	variables *dagger.Secret,
	// Who deploys, for the lock and the receipt.
	// +optional
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
	// or in gitops.yml.
	// +optional
	verifyServices []string,
	// How long a service may take to become healthy, such as 2m.
	// +optional
	gateTimeout string,
	// How long to wait for another deploy to the same host, such as 5m.
	// +optional
	lockWait string,
	// Releases to keep on the host.
	// +optional
	keep int,
	// Say what would be done with each service, and change nothing.
	// +optional
	plan bool,
	// Profiles of the manifest that start.
	// +optional
	profiles []string,
	// Relative paths in the manifest that are data on the host, and no files of the
	// repository.
	// +optional
	data []string,
	// Commands that run once before their service changes, SERVICE:COMMAND.
	// +optional
	before []string,
	// Requests to Traefik and the expected answers, PATH=STATUS, before an old container
	// goes.
	// +optional
	probes []string,
	// How long a rise of 5xx at Traefik takes the release back, such as 30s.
	// +optional
	watch string,
	// How long an old container may take to finish what it has, such as 30s.
	// +optional
	drain string,
	// Drop container_name from services, so that they can roll.
	// +optional
	rename bool,
	// Deploy a commit from which a person went back.
	// +optional
	overRollback bool,
) (string, error) {
	source, err := repository(source, workspace)
	if err != nil {
		return "", err
	}
	// gitops.yml, which is read inside, may ask for signatures: cosign is there.
	c, err := m.on(ctx, m.CosignImage, source, "deploy")
	if err != nil {
		return "", err
	}
	args := concat([]string{"deploy", "--commit", commit}, repeated("--manifest", manifests), optional("--verify-identity", verifyIdentity),
		optional("--verify-issuer", verifyIssuer), repeated("--verify-service", verifyServices), repeated("--plain-http-host", m.aliases()),
		repeated("--profile", profiles), repeated("--data", data), repeated("--before", before),
		given("--plan", plan), given("--rename", rename), given("--over-rollback", overRollback))
	if verifyKey != nil {
		c = c.WithFile("/gitops/cosign.pub", verifyKey)
		args = append(args, "--verify-key", "/gitops/cosign.pub")
	}
	return m.roll(ctx, c, roll{variables, actor, gateTimeout, lockWait, drain, watch, probes, keep}, args...)
}

// Rollback deploys an earlier release again and returns the receipt.
//
// +cache="never"
func (m *Gitops) Rollback(
	ctx context.Context,
	// The caller's repository, which the engine fills in.
	// +optional
	workspace *dagger.Workspace,
	// NAME=value lines for the manifest's variables: none stay on the host.
	// +optional
	variables *dagger.Secret,
	// Release to go back to; the one before the current by default.
	// +optional
	release string,
	// Who rolls back, for the lock and the receipt.
	// +optional
	actor string,
	// How long a service may take to become healthy, such as 2m.
	// +optional
	gateTimeout string,
	// How long to wait for another deploy to the same host, such as 5m.
	// +optional
	lockWait string,
	// Releases to keep on the host.
	// +optional
	keep int,
	// How long an old container may take to finish what it has, such as 30s.
	// +optional
	drain string,
	// How long a rise of 5xx at Traefik takes the release back, such as 30s.
	// +optional
	watch string,
	// Requests to Traefik and the expected answers, PATH=STATUS, before an old container
	// goes.
	// +optional
	probes []string,
) (string, error) {
	c, err := m.settled(ctx, "rollback", workspace)
	if err != nil {
		return "", err
	}
	if workspace != nil { // gitops.yml may name a file of variables
		source, err := repository(nil, workspace)
		if err != nil {
			return "", err
		}
		c = c.WithDirectory(workdir, source)
	}
	return m.roll(ctx, c, roll{variables, actor, gateTimeout, lockWait, drain, watch, probes, keep}, concat([]string{"rollback"}, optional("--release", release))...)
}

// roll is what deploy and rollback share.
type roll struct {
	variables   *dagger.Secret
	actor       string
	gateTimeout string
	lockWait    string
	drain       string
	watch       string
	probes      []string
	keep        int
}

// roll runs deploy or rollback and returns the receipt.
func (m *Gitops) roll(ctx context.Context, c *dagger.Container, r roll, args ...string) (string, error) {
	c, args, err := m.onHost(ctx, c, args...)
	if err != nil {
		return "", err
	}
	args = concat(args, m.Host.place(), optional("--gate-timeout", r.gateTimeout), optional("--lock-wait", r.lockWait),
		optional("--drain", r.drain), optional("--watch", r.watch), repeated("--probe", r.probes),
		[]string{"--actor", either(either(r.actor, m.Defaults.Actor), "dagger")})
	if r.keep > 0 {
		args = append(args, "--keep", strconv.Itoa(r.keep))
	}
	variables, err := orDefault(ctx, r.variables, m.Defaults.Variables)
	if err != nil {
		return "", fmt.Errorf("reading the manifest's variables: %w", err)
	}
	if variables != nil {
		c = c.WithMountedSecret("/gitops/variables.env", variables)
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
func (m *Gitops) Status(
	ctx context.Context,
	// The caller's repository, which the engine fills in.
	// +optional
	workspace *dagger.Workspace,
) (string, error) {
	return m.place(ctx, "status", workspace)
}

// Unlock removes the deploy lock of the host, and returns whose it was.
//
// A deploy holds it while it runs; one that was killed leaves it until it expires.
//
// +cache="never"
func (m *Gitops) Unlock(
	ctx context.Context,
	// The caller's repository, which the engine fills in.
	// +optional
	workspace *dagger.Workspace,
) (string, error) {
	return m.place(ctx, "unlock", workspace)
}

// place runs a stage about the releases on the host.
func (m *Gitops) place(ctx context.Context, stage string, workspace *dagger.Workspace) (string, error) {
	c, err := m.settled(ctx, stage, workspace)
	if err != nil {
		return "", err
	}
	c, args, err := m.onHost(ctx, c, stage)
	if err != nil {
		return "", err
	}
	return effect(c, concat(args, m.Host.place())...).Stdout(ctx)
}

// settled returns the container of a stage that needs the settings of the repository
// alone.
func (m *Gitops) settled(ctx context.Context, stage string, workspace *dagger.Workspace) (*dagger.Container, error) {
	c, err := m.container(ctx, m.GitImage, stage)
	if err != nil {
		return nil, err
	}
	return withSettings(ctx, c, workspace)
}
