// Consumer shows how another module reuses single functions of gitops, and is
// tested doing so.
package main

import (
	"context"

	"dagger/consumer/internal/dagger"
)

// Consumer is a module of another team.
type Consumer struct{}

// Publish pushes the images of a manifest to a registry among the services.
func (m *Consumer) Publish(
	ctx context.Context,
	// Folder with the manifest and the build contexts.
	source *dagger.Directory,
	// Tag of the images.
	commit string,
	// Registry that the manifest calls registry.local:5000.
	registry *dagger.Service,
) ([]string, error) {
	return dag.Gitops().
		WithService("registry.local", registry).
		Publish(ctx, commit, dagger.GitopsPublishOpts{Source: source, ManifestPath: "docker-compose.yml"})
}

// Bump returns the manifest with the images replaced.
func (m *Consumer) Bump(manifest *dagger.File, images []string) *dagger.File {
	return dag.Gitops().Bump(manifest, images)
}
