package publish

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// treeLabel is the image label that names the inputs of the build.
const treeLabel = "dev.gitops.tree"

// built is an image that is ready to be pushed.
type built struct {
	service Service
	image   v1.Image
	// file is the engine's export, which image reads from.
	file    string
	seconds float64
	// previous is the ref to tag again instead.
	previous name.Reference
}

// reuseOrBuild finds out that the service's previous image will do, or builds.
func (p *publisher) reuseOrBuild(ctx context.Context, s Service) (built, error) {
	begun := time.Now()
	inputs := p.inputs(ctx, s)
	if p.Reuse && s.Previous != "" && inputs != "" {
		if previous := p.reusable(ctx, s, inputs); previous != nil {
			p.Progress.Say("build %s: not needed, nothing changed since %s", s.Name, s.Previous)
			return built{service: s, previous: previous}, nil
		}
	}
	end := p.Progress.Start("build " + s.Name)
	image, err := p.build(ctx, s, inputs)
	end(err)
	if err != nil {
		return image, fmt.Errorf("building %s: %w", s.Name, err)
	}
	image.seconds = seconds(time.Since(begun))
	return image, nil
}

// build has the engine build the service, and takes the image from it.
func (p *publisher) build(ctx context.Context, s Service, inputs string) (built, error) {
	result := built{service: s}
	dir, err := os.MkdirTemp("", "gitops-build-")
	if err != nil {
		return result, err
	}
	defer os.RemoveAll(dir)
	idFile := filepath.Join(dir, "id")
	if _, err := p.docker(ctx, p.buildArgs(s, inputs, idFile)...); err != nil {
		return result, err
	}
	id, err := os.ReadFile(idFile)
	if err != nil {
		return result, fmt.Errorf("reading the image's identity: %w", err)
	}
	base, err := p.baseLayers(ctx, s)
	if err != nil {
		return result, err
	}
	if result.file, err = p.export(ctx, strings.TrimSpace(string(id))); err != nil {
		return result, err
	}
	image, err := tarball.ImageFromPath(result.file, nil)
	if err != nil {
		return result, fmt.Errorf("reading the built image: %w", err)
	}
	result.image, err = normalise(image, base, p.Created)
	return result, err
}

// buildArgs returns the arguments of docker build for a service.
func (p *publisher) buildArgs(s Service, inputs, idFile string) []string {
	args := []string{"build", "--iidfile", idFile, "--file", s.dockerfile()}
	if s.Target != "" {
		args = append(args, "--target", s.Target)
	}
	values := map[string]string{"GIT_SHA": p.Tag}
	maps.Copy(values, s.Args)
	for _, name := range slices.Sorted(maps.Keys(values)) {
		args = append(args, "--build-arg", name+"="+values[name])
	}
	labels := p.labels(inputs)
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		args = append(args, "--label", name+"="+labels[name])
	}
	return append(args, s.Context)
}

func (p *publisher) labels(inputs string) map[string]string {
	labels := map[string]string{
		"org.opencontainers.image.created":  p.Created.UTC().Format(time.RFC3339),
		"org.opencontainers.image.revision": p.Tag,
		"org.opencontainers.image.version":  p.Version,
	}
	if p.SourceURL != "" {
		labels["org.opencontainers.image.source"] = p.SourceURL
	}
	if inputs != "" {
		labels[treeLabel] = inputs
	}
	return labels
}

// export writes the image as a tar file and returns its path.
func (p *publisher) export(ctx context.Context, id string) (string, error) {
	file, err := os.CreateTemp("", "gitops-image-*.tar")
	if err != nil {
		return "", err
	}
	file.Close()
	_, err = p.docker(ctx, "save", "--output", file.Name(), id)
	return file.Name(), err
}

// shownLines is how much of what the engine said an error repeats.
const shownLines = 20

// docker runs the Docker CLI and returns its standard output.
func (p *publisher) docker(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, p.Docker, args...)
	cmd.WaitDelay = 5 * time.Second
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
