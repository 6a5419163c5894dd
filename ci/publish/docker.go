package publish

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/distribution/reference"

	"gitops/ci/attest"
	"gitops/ci/builds"
	"gitops/ci/program"
)

// docker builds with a plain Docker engine, by its CLI.
type docker struct {
	pass    []string // names of the variables that it gets from here
	tag     string   // the commit
	rebuild bool
	// oneByOne is held while a platform is built: the engine has one image under a
	// base's name, of the platform that was last asked for.
	oneByOne sync.Mutex
}

// output is an image as an engine built it.
type output struct {
	archive string            // of docker save
	base    []string          // layers of the image that it starts from, by content
	bases   []attest.Material // every image that it was built from
}

// build has the engine build a part of a service, and takes the image from it into
// dir.
func (d *docker) build(ctx context.Context, s Service, part builds.Part, dir string) (output, error) {
	if len(s.Platforms) > 0 {
		d.oneByOne.Lock()
		defer d.oneByOne.Unlock()
	}
	result := output{archive: filepath.Join(dir, "image.tar")}
	idFile := filepath.Join(dir, "id")
	if _, err := d.run(ctx, d.buildArgs(s, part.Platform, idFile)...); err != nil {
		return result, err
	}
	id, err := os.ReadFile(idFile)
	if err != nil {
		return result, fmt.Errorf("reading the image's identity: %w", err)
	}
	if result.base, err = d.layers(ctx, part.Base, part.Platform); err != nil {
		return result, err
	}
	for _, ref := range part.Images {
		result.bases = append(result.bases, attest.Material{Name: ref, Digest: d.digest(ctx, ref)})
	}
	_, err = d.run(ctx, "save", "--output", result.archive, strings.TrimSpace(string(id)))
	return result, err
}

// buildArgs returns the arguments of docker build.
func (d *docker) buildArgs(s Service, platform, idFile string) []string {
	args := []string{"build", "--iidfile", idFile, "--file", s.dockerfile()}
	if platform != "" {
		args = append(args, "--platform", platform)
	}
	if s.Target != "" {
		args = append(args, "--target", s.Target)
	}
	if d.rebuild {
		args = append(args, "--no-cache", "--pull")
	}
	values := s.arguments(d.tag)
	for _, name := range slices.Sorted(maps.Keys(values)) {
		args = append(args, "--build-arg", name+"="+values[name])
	}
	return append(args, s.Context)
}

// layers returns the layers of an image by the digest of their content; none for
// scratch.
func (d *docker) layers(ctx context.Context, ref, platform string) ([]string, error) {
	if ref == "" {
		return nil, nil
	}
	inspect := []string{"image", "inspect", "--format", "{{json .RootFS.Layers}}", ref}
	out, err := d.run(ctx, inspect...)
	if err != nil {
		// BuildKit keeps what it pulls to itself.
		pull := []string{"pull", "--quiet", ref}
		if platform != "" {
			pull = []string{"pull", "--quiet", "--platform", platform, ref}
		}
		if _, err = d.run(ctx, pull...); err == nil {
			out, err = d.run(ctx, inspect...)
		}
	}
	var layers []string
	if err == nil {
		err = json.Unmarshal([]byte(out), &layers)
	}
	if err != nil {
		return nil, fmt.Errorf("looking at the base image %s: %w", ref, err)
	}
	return layers, nil
}

// digest returns the digest that the engine pulled ref by; empty when it did not.
func (d *docker) digest(ctx context.Context, ref string) string {
	out, err := d.run(ctx, "image", "inspect", "--format", "{{json .RepoDigests}}", ref)
	var digests []string
	if err != nil || json.Unmarshal([]byte(out), &digests) != nil || len(digests) == 0 {
		return ""
	}
	pulled, err := reference.ParseNormalizedNamed(digests[0])
	if digested, ok := pulled.(reference.Digested); ok && err == nil {
		return digested.Digest().String()
	}
	return ""
}

// dockerVariables are those that the Docker CLI gets from here: those that it
// documents, one by one, since DOCKER_PASSWORD and the like are a workflow's own.
// BuildKit's and buildx's have no such names.
var dockerVariables = slices.Concat(program.Machine, program.Network, []string{
	"DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "DOCKER_API_VERSION", "DOCKER_CUSTOM_HEADERS", // which engine
	"SSH_AUTH_SOCK", "XDG_RUNTIME_DIR", // an engine over SSH, an engine without root
	"DOCKER_CONFIG", "DOCKER_AUTH_CONFIG", "DOCKER_CONTENT_TRUST", "DOCKER_CONTENT_TRUST_SERVER", // logins for base images, and whom to trust
	"DOCKER_BUILDKIT", "DOCKER_DEFAULT_PLATFORM", "BUILDKIT_*", "BUILDX_*", // how it builds
})

// run runs the Docker CLI and returns its standard output.
func (d *docker) run(ctx context.Context, args ...string) (string, error) {
	out, err := program.Run(ctx, program.Command{
		Name: "docker", Args: args, Pass: d.pass,
		// Engines that keep images as an index would add an attestation of their own to
		// it: https://docs.docker.com/build/building/variables.
		Env: []string{"BUILDX_NO_DEFAULT_ATTESTATIONS=1"},
		// The legacy builder tells its errors on standard output.
		Merge: args[0] == "build",
	})
	if program.Missing(err) {
		return "", fmt.Errorf("%w; a Docker CLI and engine are needed", err)
	}
	return string(out.Stdout), err
}
