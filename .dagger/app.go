package main

import (
	"context"
	"encoding/json"
	"strings"

	"gitops/.dagger/internal/dagger"
)

// Bump returns the manifest with image refs replaced, byte for byte.
func (m *Gitops) Bump(
	// The compose manifest.
	manifest *dagger.File,
	// What to run: SERVICE=REF.
	images []string,
) *dagger.File {
	args := []string{"gitops", "bump", "--manifest", "/manifest/docker-compose.yml"}
	for _, image := range images {
		args = append(args, "--image", image)
	}
	return m.container(m.GitImage).
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
	where := append(how, "--repo", repo, "--branch", branch, "--manifest", manifestPath, "--commit", commit)
	created, err := robot.WithExec(concat([]string{"gitops", "commit-time"}, where)).Stdout(ctx)
	if err != nil {
		return "", err
	}
	refs, err := m.Publish(ctx, source, commit, strings.TrimSpace(created), manifestPath, services, buildArgs, repo, rebuild, noAttestations, builderId, invocationId)
	if err != nil {
		return "", err
	}
	pin := "--pin"
	if noPin {
		pin = "--no-pin"
	}
	args := concat([]string{"bump", pin}, where)
	for _, ref := range refs {
		args = append(args, "--image", ref)
	}
	pushed, err := effect(robot, args...).Stdout(ctx)
	if err != nil {
		return "", err
	}
	return releaseResult(refs, pushed)
}

// releaseResult joins what was published and what was pushed into one document.
func releaseResult(refs []string, pushed string) (string, error) {
	type ref struct {
		Service string `json:"service"`
		Ref     string `json:"ref"`
	}
	result := struct {
		Refs []ref           `json:"refs"`
		Push json.RawMessage `json:"push"`
	}{Push: json.RawMessage(pushed)}
	for _, pair := range refs {
		service, image, _ := strings.Cut(pair, "=")
		result.Refs = append(result.Refs, ref{service, image})
	}
	out, err := json.MarshalIndent(result, "", "  ")
	return string(out), err
}
