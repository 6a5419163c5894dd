package main

import (
	"context"
	"errors"
	"strings"

	"gitops/.dagger/internal/dagger"
)

// Bump returns the manifest with image refs replaced, byte for byte.
func (m *Gitops) Bump(
	ctx context.Context,
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
	// Also replace images that hold a ${VARIABLE} that no file of values sets.
	// +optional
	force bool,
) (*dagger.File, error) {
	args := concat([]string{"gitops", "bump", "--manifest", "/manifest/docker-compose.yml"}, repeated("--image", images),
		given("--pin", pin), given("--no-pin", noPin), given("--force", force))
	c, err := m.container(ctx, m.GitImage, "bump")
	if err != nil {
		return nil, err
	}
	return c.WithFile("/manifest/docker-compose.yml", manifest).
		WithExec(args).
		File("/manifest/docker-compose.yml"), nil
}

// Release publishes a commit's images and lets the robot bump the manifest.
//
// The robot commits the refs to a branch of the repository and pushes it. Called
// again for the same commit it changes nothing.
//
// +cache="never"
func (m *Gitops) Release(
	ctx context.Context,
	// Repository with the manifest and the build contexts; the caller's by default.
	// +optional
	// +ignore=["**/.git", "**/node_modules", "**/.terraform"]
	source *dagger.Directory,
	// The caller's repository, which the engine fills in.
	// +optional
	workspace *dagger.Workspace,
	// Full SHA of the commit that source is.
	commit string,
	// URL of the git repository, without credentials; the one on GitHub by default.
	// +optional
	repo string,
	// Token that may push to the branch, over https; over SSH with-robot has the key.
	// +optional
	gitToken *dagger.Secret,
	// User that belongs to the token.
	// +default="x-access-token"
	gitUsername string,
	// Branch that the robot writes to.
	// +optional
	branch string,
	// Path of the compose manifest.
	// +optional
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
	// Also replace images that hold a ${VARIABLE} that no file of values sets.
	// +optional
	force bool,
	// Build also what has not changed.
	// +optional
	rebuild bool,
	// Leave out the bill of materials and the provenance.
	// +optional
	noAttestations bool,
	// Who builds, as a URI, for the provenance; the workflow by default.
	// +optional
	builderId string,
	// This run of the builder, as a URI, for the provenance.
	// +optional
	invocationId string,
) (string, error) {
	source, err := repository(source, workspace)
	if err != nil {
		return "", err
	}
	if repo = either(repo, m.Github.url()); repo == "" {
		return "", errors.New("nothing says where the robot pushes: give --repo, or GITHUB_SERVER_URL and GITHUB_REPOSITORY as GitHub Actions does")
	}
	robot, how, err := m.robot(ctx, source, gitUsername, gitToken)
	if err != nil {
		return "", err
	}
	where := concat(how, []string{"--repo", repo, "--commit", commit}, optional("--branch", branch), optional("--manifest", manifestPath))
	created, err := robot.WithExec(concat([]string{"gitops", "commit-time"}, where)).Stdout(ctx)
	if err != nil {
		return "", err
	}
	published, err := m.publish(ctx, publication{
		source: source, commit: commit, created: strings.TrimSpace(created), manifest: manifestPath, services: services, buildArgs: buildArgs,
		sourceURL: repo, force: force, rebuild: rebuild, noAttestations: noAttestations, builderID: builderId, invocationID: invocationId,
	})
	if err != nil {
		return "", err
	}
	args := concat([]string{"release", "--published", "/gitops/published.json"}, where, given("--no-pin", noPin), given("--force", force))
	return effect(robot.WithNewFile("/gitops/published.json", published), args...).Stdout(ctx)
}
