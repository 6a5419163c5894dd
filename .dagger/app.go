package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"gitops/.dagger/internal/dagger"
	"gitops/ci/manifest"
)

// Publish builds the manifest's images and pushes them under the commit's SHA.
//
// It builds the services that have a build section, in parallel, and returns
// "service=registry/name:sha@sha256:…" for each.
//
// +cache="never"
func (m *Gitops) Publish(
	ctx context.Context,
	// Repository with the manifest and the build contexts.
	// +defaultPath="/"
	// +ignore=["**/.git", "**/node_modules", "**/.terraform"]
	source *dagger.Directory,
	// Full SHA of the commit: the tag of every image.
	commit string,
	// Path of the compose manifest.
	// +default="app/docker-compose.yml"
	manifestPath string,
	// Bases and other build arguments of every image, NAME=value.
	// +optional
	buildArgs []string,
) ([]string, error) {
	text, err := source.File(manifestPath).Contents(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the manifest: %w", err)
	}
	services, err := manifest.BuildServices([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", manifestPath, err)
	}
	if len(services) == 0 {
		return nil, fmt.Errorf("%s: no service has a build section: nothing to publish", manifestPath)
	}
	refs := make([]string, len(services))
	group, ctx := errgroup.WithContext(ctx)
	for i, service := range services {
		group.Go(func() error {
			image, err := m.build(source, path.Dir(manifestPath), service, commit, buildArgs)
			if err != nil {
				return err
			}
			ref, err := m.push(ctx, image, service.Image, commit)
			if err != nil {
				return fmt.Errorf("publishing %s: %w", service.Service, err)
			}
			refs[i] = service.Service + "=" + ref
			return nil
		})
	}
	return refs, group.Wait()
}

// build returns the image of one service.
func (m *Gitops) build(source *dagger.Directory, base string, service manifest.Build, commit string, extra []string) (*dagger.Container, error) {
	given := map[string]string{}
	for _, pair := range extra {
		name, value, found := strings.Cut(pair, "=")
		if !found {
			return nil, fmt.Errorf("build argument %q is not of the form NAME=value", pair)
		}
		given[name] = value
	}
	all, err := service.Arguments(commit, given)
	if err != nil {
		return nil, err
	}
	var args []dagger.BuildArg
	for _, name := range slices.Sorted(maps.Keys(all)) {
		args = append(args, dagger.BuildArg{Name: name, Value: all[name]})
	}
	return source.Directory(path.Join(base, service.Context)).
		DockerBuild(dagger.DirectoryDockerBuildOpts{Dockerfile: service.Dockerfile, Target: service.Target, BuildArgs: args}).
		WithLabel("org.opencontainers.image.revision", commit).
		WithLabel("org.opencontainers.image.version", commit), nil
}

// push pushes an image under the commit's SHA and returns its ref.
func (m *Gitops) push(ctx context.Context, image *dagger.Container, current, commit string) (string, error) {
	reference, err := manifest.ParseReference(current)
	if err != nil {
		return "", err
	}
	registry := registryHost(reference.Name)
	address, service := registry, m.service(registry)
	if service != nil {
		// A registry among the services speaks plain HTTP, which an engine that is
		// not told otherwise allows for localhost alone.
		_, port, _ := strings.Cut(registry, ":")
		address = "localhost:" + either(port, "80")
	}
	if m.Registry != nil {
		image = image.WithRegistryAuth(address, m.Registry.Username, m.Registry.Password)
	}
	name := reference.Name
	if service != nil {
		name = address + strings.TrimPrefix(name, registry)
	}
	ref, err := image.Publish(ctx, name+":"+commit, dagger.ContainerPublishOpts{RegistryService: service})
	if err != nil {
		return "", err
	}
	_, digest, found := strings.Cut(ref, "@")
	if !found {
		return "", fmt.Errorf("the engine returned %q without a digest", ref)
	}
	return reference.Name + ":" + commit + "@" + digest, nil
}

// registryHost returns the registry of an image name; Docker Hub when it names none.
func registryHost(name string) string {
	first, _, found := strings.Cut(name, "/")
	if found && strings.ContainsAny(first, ".:") || first == "localhost" {
		return first
	}
	return "docker.io"
}

// service returns the bound service with the name of host, if there is one.
func (m *Gitops) service(host string) *dagger.Service {
	name, _, _ := strings.Cut(host, ":")
	for _, b := range m.Bindings {
		if b.Alias == name {
			return b.Service
		}
	}
	return nil
}

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
// The robot commits the refs to a branch of the repository and pushes it.
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
	// Token that may push to the branch.
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
	// Build arguments of every image, NAME=value.
	// +optional
	buildArgs []string,
	// Write the tag alone, without the digest.
	// +optional
	noPin bool,
) (string, error) {
	refs, err := m.Publish(ctx, source, commit, manifestPath, buildArgs)
	if err != nil {
		return "", err
	}
	args := []string{"bump", "--repo", repo, "--branch", branch, "--manifest", manifestPath, "--commit", commit}
	if noPin {
		args = append(args, "--no-pin")
	} else {
		args = append(args, "--pin")
	}
	for _, ref := range refs {
		args = append(args, "--image", ref)
	}
	pushed, err := effect(m.container(m.GitImage).
		WithEnvVariable("GIT_USERNAME", gitUsername).
		WithSecretVariable("GIT_TOKEN", gitToken), args...).Stdout(ctx)
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
