package publish

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"gitops/ci/attest"
	"gitops/ci/dockerfile"
)

// docker builds with a plain Docker engine, by its CLI.
type docker struct {
	program string
	tag     string // the commit
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

// build has the engine build a service for a platform, the engine's own when
// empty, and takes the image from it into dir.
func (d *docker) build(ctx context.Context, s Service, platform, dir string) (output, error) {
	if len(s.Platforms) > 0 {
		d.oneByOne.Lock()
		defer d.oneByOne.Unlock()
	}
	result := output{archive: filepath.Join(dir, "image.tar")}
	idFile := filepath.Join(dir, "id")
	if _, err := d.run(ctx, d.buildArgs(s, platform, idFile)...); err != nil {
		return result, err
	}
	id, err := os.ReadFile(idFile)
	if err != nil {
		return result, fmt.Errorf("reading the image's identity: %w", err)
	}
	content, err := os.ReadFile(s.dockerfile())
	if err != nil {
		return result, err
	}
	if result.base, err = d.layers(ctx, dockerfile.Base(content, s.Target, s.Args), platform); err != nil {
		return result, err
	}
	for _, ref := range dockerfile.Images(content, s.Args) {
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
	values := map[string]string{"GIT_SHA": d.tag}
	maps.Copy(values, s.Args)
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
	_, digest, _ := strings.Cut(digests[0], "@")
	return digest
}

// shownLines is how much of what the engine said an error repeats.
const shownLines = 20

// run runs the Docker CLI and returns its standard output.
func (d *docker) run(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, d.program, args...)
	cmd.WaitDelay = 5 * time.Second
	// Engines that keep images as an index would add an attestation of their own to
	// it: https://docs.docker.com/build/building/variables.
	cmd.Env = append(os.Environ(), "BUILDX_NO_DEFAULT_ATTESTATIONS=1")
	var stdout, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &said
	if args[0] == "build" {
		cmd.Stdout = &said // the legacy builder tells its errors there
	}
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return "", context.Cause(ctx)
	case errors.As(err, &exit):
		return "", fmt.Errorf("docker %s: %w:\n%s", args[0], err, lastLines(said.String(), shownLines))
	case err != nil:
		return "", fmt.Errorf("running docker %s: %w; a Docker CLI and engine are needed", args[0], err)
	}
	return stdout.String(), nil
}

// colour is what the builder puts around its errors, terminal or not.
var colour = regexp.MustCompile("\x1b\\[[0-9;]*m")

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(colour.ReplaceAllString(text, "")), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
