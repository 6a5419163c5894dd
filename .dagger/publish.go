package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"gitops/.dagger/internal/dagger"
	"gitops/ci/builds"
)

// Publish builds images, attests and signs them, and pushes them under the commit's SHA.
//
// It builds the services that have a build section, in parallel, and returns
// "service=registry/name:sha@sha256:…" for each. One whose inputs have not changed
// since the ref in the manifest is not built; its image gets the commit's tag too.
//
// +cache="never"
func (m *Gitops) Publish(
	ctx context.Context,
	// Repository with the manifest and the build contexts; the caller's by default.
	// +optional
	// +ignore=["**/.git", "**/node_modules", "**/.terraform"]
	source *dagger.Directory,
	// The caller's repository, which the engine fills in.
	// +optional
	workspace *dagger.Workspace,
	// Full SHA of the commit: the tag of every image.
	commit string,
	// When the commit was made, RFC 3339: every time in the images.
	// +default="1970-01-01T00:00:00Z"
	created string,
	// Path of the compose manifest.
	// +optional
	manifestPath string,
	// Services to build, instead of all that have a build section:
	// NAME[=CONTEXT][,dockerfile=PATH][,target=STAGE][,platform=OS/ARCH][,arg=NAME=VALUE].
	// On the command line one with commas is put in double quotes.
	// +optional
	services []string,
	// Bases and other build arguments of every image, NAME=value.
	// +optional
	buildArgs []string,
	// Address of the source, for labels and provenance.
	// +optional
	sourceUrl string,
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
) ([]string, error) {
	source, err := repository(source, workspace)
	if err != nil {
		return nil, err
	}
	published, err := m.publish(ctx, publication{
		source: source, commit: commit, created: created, manifest: manifestPath, services: services, buildArgs: buildArgs,
		sourceURL: sourceUrl, rebuild: rebuild, noAttestations: noAttestations, builderID: builderId, invocationID: invocationId,
	})
	if err != nil {
		return nil, err
	}
	var result struct {
		Refs []struct{ Service, Ref string }
	}
	if err := json.Unmarshal([]byte(published), &result); err != nil {
		return nil, fmt.Errorf("reading what was pushed: %w", err)
	}
	var refs []string
	for _, ref := range result.Refs {
		refs = append(refs, ref.Service+"="+ref.Ref)
	}
	return refs, nil
}

// publish builds what has changed and pushes it; it returns the result of the step push.
func (m *Gitops) publish(ctx context.Context, p publication) (string, error) {
	p.Gitops = m
	p.flags = concat([]string{"--commit", p.commit, "--created", p.created, "--builder-id", "urn:gitops:builder:dagger"}, m.Github.builder(),
		optional("--manifest", p.manifest), optional("--builder-id", p.builderID), optional("--source-url", p.sourceURL), optional("--invocation-id", p.invocationID), repeated("--service", p.services),
		repeated("--build-arg", p.buildArgs), given("--force", p.force), given("--rebuild", p.rebuild), given("--no-attestations", p.noAttestations), repeated("--plain-http-host", m.aliases()))
	return p.run(ctx)
}

// publication is one call of Publish. The gitops command decides what to build and
// does all that concerns the registry; the engine builds.
type publication struct {
	*Gitops
	source                             *dagger.Directory
	commit, created, manifest          string
	services, buildArgs                []string
	sourceURL, builderID, invocationID string
	rebuild, noAttestations, force     bool
	flags                              []string // of every step
}

// found is what the step reuse reports of a service.
type found struct {
	Service, Inputs, Ref string
	Build                builds.Plan
}

func (p *publication) run(ctx context.Context) (string, error) {
	step, err := p.step(ctx)
	if err != nil {
		return "", err
	}
	reuse, err := effect(step, concat([]string{"publish", "reuse"}, p.flags)...).Stdout(ctx)
	if err != nil {
		return "", err
	}
	var before struct{ Found []found }
	if err := json.Unmarshal([]byte(reuse), &before); err != nil {
		return "", fmt.Errorf("reading what publish reuse found: %w", err)
	}
	built, err := p.build(ctx, before.Found)
	if err != nil {
		return "", err
	}
	return effect(step.WithMountedDirectory("/gitops/built", built).WithNewFile("/gitops/found.json", reuse),
		concat([]string{"publish", "push", "--built", "/gitops/built", "--found", "/gitops/found.json"}, p.flags)...).Stdout(ctx)
}

// step returns the container of the steps that talk to the registry, and adds the
// flags that belong to it.
func (p *publication) step(ctx context.Context) (*dagger.Container, error) {
	c, err := p.on(ctx, p.CosignImage, p.source, "publish")
	if err != nil {
		return nil, err
	}
	if c, err = p.withLogins(ctx, c); err != nil {
		return nil, err
	}
	c, flags, err := p.withSigning(ctx, c)
	p.flags = append(p.flags, flags...)
	return c, err
}

// build has the engine build what was not found, in parallel, and returns the
// folder that the step push reads.
func (p *publication) build(ctx context.Context, services []found) (*dagger.Directory, error) {
	var parts []*part
	group, ctx := errgroup.WithContext(ctx)
	for _, service := range services {
		if service.Ref != "" {
			continue
		}
		for n, platform := range service.Build.Parts {
			one := &part{publication: p, found: service, Part: platform, path: path.Join(service.Service, strconv.Itoa(n))}
			parts = append(parts, one)
			group.Go(func() error {
				if err := one.run(ctx); err != nil {
					return fmt.Errorf("building %s: %w", one.Service, err)
				}
				return nil
			})
		}
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	dir := dag.Directory()
	for _, one := range parts {
		dir = dir.WithDirectory(one.path, one.result)
	}
	return dir, nil
}

// part is a service's image for one platform.
type part struct {
	*publication
	found
	builds.Part
	path   string
	result *dagger.Directory
}

func (p *part) run(ctx context.Context) (err error) {
	context, name := p.source.Directory(p.Build.Context), p.Build.Dockerfile
	if !p.Build.IsInside() {
		if context, err = p.bringIn(ctx, context); err != nil {
			return fmt.Errorf("reading what its Dockerfile ignores: %w", err)
		}
		name = broughtIn
	}
	layout, err := p.layout(ctx, context.DockerBuild(dagger.DirectoryDockerBuildOpts{
		Dockerfile: name, Target: p.Build.Target, BuildArgs: buildArguments(p.Build.Args), Platform: dagger.Platform(p.Platform),
	}))
	if err != nil {
		return err
	}
	p.result = dag.Directory().WithDirectory("image", layout)
	if !p.noAttestations {
		sbom, err := p.sbom(ctx, layout)
		if err != nil {
			return err
		}
		p.result = p.result.WithFile("sbom.json", sbom).WithNewFile("bases.json", p.bases(ctx))
	}
	p.result, err = p.result.Sync(ctx)
	return err
}

// broughtIn is the name in the context of a Dockerfile that stands outside it.
const broughtIn = ".gitops.Dockerfile"

// bringIn adds a Dockerfile to the context, where the engine wants it, with what it
// ignores and itself left out of what the build sees.
func (p *part) bringIn(ctx context.Context, context *dagger.Directory) (*dagger.Directory, error) {
	var ignored string
	if p.Build.IgnoreFile != "" {
		text, err := p.source.File(p.Build.IgnoreFile).Contents(ctx)
		if err != nil {
			return nil, err
		}
		ignored = text
	}
	return context.WithFile(broughtIn, p.source.File(p.Build.DockerfilePath())).
		WithNewFile(broughtIn+".dockerignore", ignored+"\n"+broughtIn+"*\n"), nil
}

func buildArguments(args map[string]string) []dagger.BuildArg {
	var all []dagger.BuildArg
	for _, name := range slices.Sorted(maps.Keys(args)) {
		all = append(all, dagger.BuildArg{Name: name, Value: args[name]})
	}
	return all
}

// layout makes the image that is pushed of the one that the engine built.
func (p *part) layout(ctx context.Context, image *dagger.Container) (*dagger.Directory, error) {
	tarball := dagger.ContainerAsTarballOpts{MediaTypes: dagger.ImageMediaTypesDockerMediaTypes}
	c, err := p.container(ctx, p.GitImage, "layout")
	if err != nil {
		return nil, err
	}
	c = c.WithMountedFile("/gitops/image.tar", image.AsTarball(tarball))
	args := concat([]string{"gitops", "publish", "layout", "--image", "/gitops/image.tar", "--inputs", p.Inputs, "--out", "/gitops/layout"},
		optional("--platform", p.Platform), p.flags)
	if p.Base != "" {
		c = c.WithMountedFile("/gitops/base.tar", p.from(p.Base).AsTarball(tarball))
		args = append(args, "--base", "/gitops/base.tar")
	}
	return c.WithExec(args).Directory("/gitops/layout"), nil
}

func (p *part) from(ref string) *dagger.Container {
	return dag.Container(dagger.ContainerOpts{Platform: dagger.Platform(p.Platform)}).From(ref)
}

// sbom returns the image's bill of materials.
func (p *part) sbom(ctx context.Context, layout *dagger.Directory) (*dagger.File, error) {
	c, err := p.container(ctx, p.SyftImage, "sbom")
	if err != nil {
		return nil, err
	}
	return c.WithMountedDirectory("/gitops/layout", layout).
		// The image has its program in the root and no PATH.
		WithEnvVariable("PATH", "/:/usr/local/bin").
		WithExec(concat([]string{"gitops", "publish", "sbom", "--image", "/gitops/layout", "--name", p.Service, "--out", "/gitops/sbom.json"}, p.flags)).
		File("/gitops/sbom.json"), nil
}

// bases names what the image was built from by digest, where the engine knows it.
func (p *part) bases(ctx context.Context) string {
	type material struct {
		Name   string `json:"name"`
		Digest string `json:"digest,omitempty"`
	}
	var all []material
	for _, ref := range p.Images {
		pulled, err := p.from(ref).ImageRef(ctx)
		_, digest, _ := strings.Cut(pulled, "@")
		if err != nil {
			digest = ""
		}
		all = append(all, material{ref, digest})
	}
	text, _ := json.Marshal(all) // strings always marshal
	return string(text)
}
