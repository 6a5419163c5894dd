package main

import (
	"context"

	"gitops/.dagger/internal/dagger"
)

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
	c := m.terraform(source, "drift")
	flags := concat([]string{"drift"}, m.terraformFlags())
	if manifest == nil {
		flags = append(flags, m.Layout.manifest()...)
	} else {
		c = c.WithFile("/gitops/docker-compose.yml", manifest)
		flags = append(flags, "--manifest", "/gitops/docker-compose.yml")
	}
	c, args, err := m.onHost(c, flags...)
	if err != nil {
		return "", err
	}
	c, args = m.onGithub(c, concat(args, m.Host.place())...)
	return effect(c, args...).Stdout(ctx)
}
