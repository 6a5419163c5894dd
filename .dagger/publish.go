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
	"gitops/ci/dockerfile"
	"gitops/ci/manifest"
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
	// Repository with the manifest and the build contexts.
	// +defaultPath="/"
	// +ignore=["**/.git", "**/node_modules", "**/.terraform"]
	source *dagger.Directory,
	// Full SHA of the commit: the tag of every image.
	commit string,
	// When the commit was made, RFC 3339: every time in the images.
	// +default="1970-01-01T00:00:00Z"
	created string,
	// Path of the compose manifest.
	// +default="app/docker-compose.yml"
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
	// Who builds, as a URI, for the provenance.
	// +default="urn:gitops:builder:dagger"
	builderId string,
	// This run of the builder, as a URI, for the provenance.
	// +optional
	invocationId string,
) ([]string, error) {
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
	builds, err := selectBuilds(ctx, p.source, p.manifest, p.services, p.buildArgs, p.commit)
	if err != nil {
		return "", err
	}
	p.Gitops = m
	p.flags = concat([]string{"--manifest", p.manifest, "--commit", p.commit, "--created", p.created, "--builder-id", p.builderID},
		optional("--source-url", p.sourceURL), optional("--invocation-id", p.invocationID), repeated("--service", p.services),
		repeated("--build-arg", p.buildArgs), given("--rebuild", p.rebuild), given("--no-attestations", p.noAttestations), m.plainHTTP(builds))
	return p.run(ctx, builds)
}

func selectBuilds(ctx context.Context, source *dagger.Directory, manifestPath string, services, buildArgs []string, commit string) ([]manifest.Build, error) {
	text, err := source.File(manifestPath).Contents(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the manifest: %w", err)
	}
	o := manifest.BuildOptions{Manifest: []byte(text), ManifestPath: manifestPath, Services: services, BuildArgs: map[string]string{}, Commit: commit}
	there, err := source.Exists(ctx, manifest.ConfigFile)
	if err == nil && there {
		text, err = source.File(manifest.ConfigFile).Contents(ctx)
		o.Config = []byte(text)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", manifest.ConfigFile, err)
	}
	for _, pair := range buildArgs {
		name, value, found := strings.Cut(pair, "=")
		if !found {
			return nil, fmt.Errorf("build argument %q is not of the form NAME=value", pair)
		}
		o.BuildArgs[name] = value
	}
	return manifest.Builds(o)
}

// plainHTTP returns the flag for a registry among the services, which speaks no TLS.
func (m *Gitops) plainHTTP(builds []manifest.Build) []string {
	for _, build := range builds {
		if m.bound(build.Image) {
			return []string{"--plain-http"}
		}
	}
	return nil
}

// publication is one call of Publish. The gitops command decides what to build and
// does all that concerns the registry; the engine builds.
type publication struct {
	*Gitops
	source                             *dagger.Directory
	commit, created, manifest          string
	services, buildArgs                []string
	sourceURL, builderID, invocationID string
	rebuild, noAttestations            bool
	flags                              []string // of every step
}

// found is what the step reuse reports.
type found struct {
	Found []struct {
		Service, Inputs, Ref string
	}
}

func (p *publication) run(ctx context.Context, builds []manifest.Build) (string, error) {
	step, err := p.step(ctx)
	if err != nil {
		return "", err
	}
	reuse, err := effect(step, concat([]string{"publish", "reuse"}, p.flags)...).Stdout(ctx)
	if err != nil {
		return "", err
	}
	var before found
	if err := json.Unmarshal([]byte(reuse), &before); err != nil {
		return "", fmt.Errorf("reading what publish reuse found in %q: %w", reuse, err)
	}
	built, err := p.build(ctx, builds, before)
	if err != nil {
		return "", err
	}
	return effect(step.WithMountedDirectory("/gitops/built", built).WithNewFile("/gitops/found.json", reuse),
		concat([]string{"publish", "push", "--built", "/gitops/built", "--found", "/gitops/found.json"}, p.flags)...).Stdout(ctx)
}

// step returns the container of the steps that talk to the registry, and adds the
// flags that belong to it.
func (p *publication) step(ctx context.Context) (*dagger.Container, error) {
	c, err := p.withLogins(ctx, p.on(p.CosignImage, p.source, "publish"))
	if err != nil {
		return nil, err
	}
	c, flags := p.withSigning(c)
	p.flags = append(p.flags, flags...)
	return c, nil
}

// build has the engine build what was not found, in parallel, and returns the
// folder that the step push reads.
func (p *publication) build(ctx context.Context, builds []manifest.Build, before found) (*dagger.Directory, error) {
	var parts []*part
	group, ctx := errgroup.WithContext(ctx)
	for i, build := range builds {
		if before.Found[i].Ref != "" {
			continue
		}
		for n, platform := range platforms(build) {
			one := &part{publication: p, build: build, platform: platform, inputs: before.Found[i].Inputs, path: path.Join(build.Service, strconv.Itoa(n))}
			parts = append(parts, one)
			group.Go(func() error {
				err := one.run(ctx)
				if err != nil {
					return fmt.Errorf("building %s: %w", one.build.Service, err)
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

func platforms(build manifest.Build) []dagger.Platform {
	if len(build.Platforms) == 0 {
		return []dagger.Platform{""}
	}
	var all []dagger.Platform
	for _, platform := range build.Platforms {
		all = append(all, dagger.Platform(platform))
	}
	return all
}

// part is a service's image for one platform.
type part struct {
	*publication
	build    manifest.Build
	platform dagger.Platform
	inputs   string
	path     string
	result   *dagger.Directory
}

func (p *part) run(ctx context.Context) error {
	name := either(p.build.Dockerfile, "Dockerfile")
	file := path.Join(p.build.Context, name)
	text, err := p.source.File(file).Contents(ctx)
	if err != nil {
		return fmt.Errorf("reading its Dockerfile: %w", err)
	}
	context := p.source.Directory(p.build.Context)
	if strings.HasPrefix(name, "../") {
		if context, err = p.bringIn(ctx, context, file); err != nil {
			return fmt.Errorf("reading what its Dockerfile ignores: %w", err)
		}
		name = broughtIn
	}
	image := context.DockerBuild(dagger.DirectoryDockerBuildOpts{
		Dockerfile: name, Target: p.build.Target, BuildArgs: buildArguments(p.build.Args), Platform: p.platform,
	})
	layout := p.layout(image, dockerfile.Base([]byte(text), p.build.Target, p.build.Args))
	p.result = dag.Directory().WithDirectory("image", layout)
	if !p.noAttestations {
		p.result = p.result.WithFile("sbom.json", p.sbom(layout)).WithNewFile("bases.json", p.bases(ctx, dockerfile.Images([]byte(text), p.build.Args)))
	}
	p.result, err = p.result.Sync(ctx)
	return err
}

// broughtIn is the name in the context of a Dockerfile that stands outside it.
const broughtIn = ".gitops.Dockerfile"

// bringIn adds a Dockerfile to the context, where the engine wants it, with what it
// ignores and itself left out of what the build sees.
func (p *part) bringIn(ctx context.Context, context *dagger.Directory, file string) (*dagger.Directory, error) {
	var ignored string
	for _, name := range []string{file + ".dockerignore", path.Join(p.build.Context, ".dockerignore")} {
		there, err := p.source.Exists(ctx, name)
		if err == nil && there {
			ignored, err = p.source.File(name).Contents(ctx)
		}
		if err != nil {
			return nil, err
		}
		if there {
			break
		}
	}
	return context.WithFile(broughtIn, p.source.File(file)).
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
func (p *part) layout(image *dagger.Container, base string) *dagger.Directory {
	tarball := dagger.ContainerAsTarballOpts{MediaTypes: dagger.ImageMediaTypesDockerMediaTypes}
	c := p.container(p.GitImage, "layout").WithMountedFile("/gitops/image.tar", image.AsTarball(tarball))
	args := concat([]string{"gitops", "publish", "layout", "--image", "/gitops/image.tar", "--inputs", p.inputs, "--out", "/gitops/layout"},
		optional("--platform", string(p.platform)), p.flags)
	if base != "" {
		c = c.WithMountedFile("/gitops/base.tar", p.from(base).AsTarball(tarball))
		args = append(args, "--base", "/gitops/base.tar")
	}
	return c.WithExec(args).Directory("/gitops/layout")
}

func (p *part) from(ref string) *dagger.Container {
	return dag.Container(dagger.ContainerOpts{Platform: p.platform}).From(ref)
}

// sbom returns the image's bill of materials.
func (p *part) sbom(layout *dagger.Directory) *dagger.File {
	return p.container(p.SyftImage, "sbom").
		WithMountedDirectory("/gitops/layout", layout).
		// The image has its program in the root and no PATH.
		WithEnvVariable("PATH", "/:/usr/local/bin").
		WithExec(concat([]string{"gitops", "publish", "sbom", "--image", "/gitops/layout", "--name", p.build.Service, "--out", "/gitops/sbom.json"}, p.flags)).
		File("/gitops/sbom.json")
}

// bases names what the image was built from by digest, where the engine knows it.
func (p *part) bases(ctx context.Context, refs []string) string {
	type material struct {
		Name   string `json:"name"`
		Digest string `json:"digest,omitempty"`
	}
	var all []material
	for _, ref := range refs {
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
