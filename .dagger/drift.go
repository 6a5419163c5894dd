package main

import (
	"context"

	"gitops/.dagger/internal/dagger"
)

// Drift compares what runs, in the cloud and on the host, with git.
//
// The cloud is compared with Terraform, the host's containers with the manifest.
// The server is that of Terraform's outputs where no address is given. With a token for
// GitHub it keeps one issue about the drift, which it closes when the drift is gone.
//
// +cache="never"
func (m *Gitops) Drift(
	ctx context.Context,
	// Repository with the folder terraform, as it is on infra_main; the caller's by default.
	// +optional
	// +ignore=["**/.git", "**/node_modules", "**/.terraform"]
	source *dagger.Directory,
	// The caller's repository, which the engine fills in.
	// +optional
	workspace *dagger.Workspace,
	// The compose manifest as it is on deployment, where it names no other files; that of
	// source by default.
	// +optional
	manifest *dagger.File,
	// Repository as it is on deployment, instead of manifest: manifests and the files of
	// deploy.env_file are looked up in it.
	// +optional
	// +ignore=["**/.git", "**/node_modules", "**/.terraform"]
	deployed *dagger.Directory,
	// Paths of the compose files, as docker compose takes them with -f.
	// +optional
	manifests []string,
	// Profiles of the manifest that start.
	// +optional
	profiles []string,
	// What is done about drift of the cloud: pull-request opens one whose merge applies what
	// git says; the name of a workflow file starts that workflow.
	// +optional
	fix string,
) (string, error) {
	source, err := repository(source, workspace)
	if err != nil {
		return "", err
	}
	c, err := m.terraform(ctx, source, "drift")
	if err != nil {
		return "", err
	}
	flags := concat([]string{"drift"}, m.terraformFlags(), repeated("--profile", profiles), optional("--fix", fix), m.Github.runFlag())
	if deployed != nil {
		c = c.WithDirectory("/gitops/deployed", deployed)
		flags = append(flags, "--deployed", "/gitops/deployed")
	}
	switch {
	case manifest != nil:
		c = c.WithFile("/gitops/docker-compose.yml", manifest)
		flags = append(flags, "--manifest", "/gitops/docker-compose.yml")
	case len(manifests) > 0:
		flags = append(flags, repeated("--manifest", manifests)...)
	default:
		flags = append(flags, m.Layout.manifest()...)
	}
	c, args, err := m.onHost(ctx, c, flags...)
	if err != nil {
		return "", err
	}
	c, args, err = m.onGithub(ctx, c, concat(args, m.Host.place())...)
	if err != nil {
		return "", err
	}
	return effect(c, args...).Stdout(ctx)
}
