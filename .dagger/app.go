package main

import (
	"context"
	"strings"

	"gitops/.dagger/internal/dagger"
)

// Bump returns the manifest with image refs replaced, byte for byte.
func (m *Gitops) Bump(
	// The compose manifest.
	manifest *dagger.File,
	// What to run: SERVICE=REF.
	images []string,
	// Write name:tag@sha256:…; a ref without digest is refused.
	// +optional
	pin bool,
	// Write the tag alone.
	// +optional
	noPin bool,
	// Also replace images that hold a ${VARIABLE}.
	// +optional
	force bool,
) *dagger.File {
	args := concat([]string{"gitops", "bump", "--manifest", "/manifest/docker-compose.yml"}, repeated("--image", images),
		given("--pin", pin), given("--no-pin", noPin), given("--force", force))
	return m.container(m.GitImage, "bump").
		WithFile("/manifest/docker-compose.yml", manifest).
		WithExec(args).
		File("/manifest/docker-compose.yml")
}

// Release publishes a commit's images and lets the robot bump the manifest.
//
// The robot commits the refs to a branch of the repository and pushes it. Called
// again for the same commit it changes nothing.
//
// +cache="never"
func (m *Gitops) Release(
	ctx context.Context,
	// Repository with the manifest and the build contexts.
	// +defaultPath="/"
	// +ignore=["**/.git", "**/node_modules", "**/.terraform"]
	source *dagger.Directory,
	// Full SHA of the commit that source is.
	commit string,
	// URL of the git repository, without credentials.
	repo string,
	// Token that may push to the branch, over https; over SSH with-robot has the key.
	// +optional
	gitToken *dagger.Secret,
	// User that belongs to the token.
	// +default="x-access-token"
	gitUsername string,
	// Branch that the robot writes to.
	// +default="integration"
	branch string,
	// Path of the compose manifest.
	// +default="app/docker-compose.yml"
	manifestPath string,
	// Services to build, as for publish.
	// +optional
	services []string,
	// Build arguments of every image, NAME=value.
	// +optional
	buildArgs []string,
	// Write the tag alone, without the digest.
	// +optional
	noPin bool,
	// Also replace images that hold a ${VARIABLE}.
	// +optional
	force bool,
	// Build also what has not changed.
	// +optional
	rebuild bool,
	// Leave out the bill of materials and the provenance.
	// +optional
	noAttestations bool,
	// Who builds, as a URI, for the provenance.
	// +default="urn:gitops:builder:dagger"
	builderId string,
	// This run of the builder, as a URI, for the provenance.
	// +optional
	invocationId string,
) (string, error) {
	robot, how := m.robot(gitUsername, gitToken)
	where := concat(how, []string{"--repo", repo, "--branch", branch, "--manifest", manifestPath, "--commit", commit})
	created, err := robot.WithExec(concat([]string{"gitops", "commit-time"}, where)).Stdout(ctx)
	if err != nil {
		return "", err
	}
	published, err := m.publish(ctx, publication{
		source: source, commit: commit, created: strings.TrimSpace(created), manifest: manifestPath, services: services, buildArgs: buildArgs,
		sourceURL: repo, rebuild: rebuild, noAttestations: noAttestations, builderID: builderId, invocationID: invocationId,
	})
	if err != nil {
		return "", err
	}
	args := concat([]string{"release", "--published", "/gitops/published.json"}, where, given("--no-pin", noPin), given("--force", force))
	return effect(robot.WithNewFile("/gitops/published.json", published), args...).Stdout(ctx)
}
