// Package publish builds the images of services and pushes them under the commit
// they come from, with a bill of materials, provenance and a signature.
//
// What it pushes is the same for the same input: times in the image are those of
// the commit, however and whenever an engine built it. An image whose inputs have
// not changed is not built and pushed again; it gets a further tag. It never logs
// an engine in to a registry: credentials stay in this process and in cosign's.
//
// Publish does all of it with a plain Docker engine. Reuse, Layout and Push are its
// steps, for an engine of another kind.
package publish

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"golang.org/x/sync/errgroup"

	"gitops/ci/attest"
	"gitops/ci/builds"
	"gitops/ci/progress"
	"gitops/ci/registry"
)

// Service is a service whose image is built.
type Service struct {
	// Name is the service's name in the manifest.
	Name string
	// Context is the folder that is built.
	Context string
	// Dockerfile is its path, relative to Context; "Dockerfile" when empty.
	Dockerfile string
	// Target is the stage to build; the last when empty.
	Target string
	// Args are build arguments. GIT_SHA is always given, as Options.Tag.
	Args map[string]string
	// Platforms are what to build for, such as "linux/arm64"; the engine's own when
	// empty.
	Platforms []string
	// Image is the repository without tag: "registry.local:5000/team/backend".
	Image string
	// Previous is the ref that runs now. When it was made of the same inputs, it is
	// tagged again instead of built.
	Previous string
}

// Options say what is built, under which tag, and how it gets to the registry.
type Options struct {
	// Services are built and pushed in parallel.
	Services []Service
	// Tag is the full SHA of the commit.
	Tag string
	// SourceURL is where the source is, for the image's labels.
	SourceURL string
	// Version is the image's version label; Tag when empty.
	Version string
	// Created is the time of the commit. Every time in the image is this one.
	Created time.Time
	// Registry says how registries are reached; its Progress is replaced.
	Registry registry.Options
	// Rebuild builds everything from newly pulled bases, also what is there.
	Rebuild bool
	// NoAttestations leaves out the bill of materials and the provenance.
	NoAttestations bool
	// Signer signs the images, if it has a key or an identity.
	Signer attest.Signer
	// BuilderID is who builds, as a URI ("urn:gitops:builder:local"), and
	// InvocationID this run of it, for the provenance.
	BuilderID    string
	InvocationID string
	// Pass are the names of further variables of this process's environment for the
	// Docker CLI, such as those of a credential helper; "AWS_*" is every name that
	// begins with AWS_.
	Pass []string
	// Progress is told what happens; nil is silent.
	Progress *progress.Progress
}

// Ref is a published image.
type Ref struct {
	Service string `json:"service"`
	// Ref is the image by tag and digest: "registry/name:sha@sha256:…".
	Ref string `json:"ref"`
	// Reused is true when nothing was built, Pushed when the registry did not have
	// the very image already, Signed when this run signed it.
	Reused bool `json:"reused,omitempty"`
	Pushed bool `json:"pushed"`
	Signed bool `json:"signed,omitempty"`
	// Bytes is what was sent to the registry.
	Bytes int64 `json:"bytes"`
	// BuildSeconds and PushSeconds are how long each took.
	BuildSeconds float64 `json:"buildSeconds"`
	PushSeconds  float64 `json:"pushSeconds"`
}

var tagForm = regexp.MustCompile(`^[0-9a-f]{40}([0-9a-f]{24})?$`)

// Publish builds every service that needs it and pushes it, and returns the refs
// in the order of the services. Nothing is pushed before everything is built. An
// error means that not all images got the commit's tag.
func Publish(ctx context.Context, o Options) ([]Ref, error) {
	p, err := newPublisher(o)
	if err != nil {
		return nil, err
	}
	if !o.NoAttestations {
		if err := attest.SyftReady(); err != nil {
			return nil, err
		}
	}
	found, err := p.reuse(ctx)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "gitops-build-")
	if err != nil {
		return nil, fmt.Errorf("making a folder for images: %w", err)
	}
	defer os.RemoveAll(dir)
	took, err := p.buildAll(ctx, found, dir)
	if err != nil {
		return nil, err
	}
	refs, err := p.pushAll(ctx, found, dir)
	for i := range refs {
		refs[i].BuildSeconds = took[i]
	}
	return refs, err
}

// publisher is one run of Publish.
type publisher struct {
	Options
	registry *registry.Client
	docker   *docker
	// repositories are those of the services.
	repositories []name.Repository
}

func newPublisher(o Options) (*publisher, error) {
	if o.BuilderID == "" {
		o.BuilderID = "urn:gitops:builder:local"
	}
	o.Registry.Progress = o.Progress
	p := &publisher{Options: o, registry: registry.New(o.Registry), docker: &docker{pass: append(slices.Clip(dockerVariables), o.Pass...), tag: o.Tag, rebuild: o.Rebuild}}
	return p, p.check()
}

// check reports bad input, before anything is built.
func (p *publisher) check() error {
	switch {
	case len(p.Services) == 0:
		return progress.Invalid("no service to publish: name one, with its folder and its image")
	case !tagForm.MatchString(p.Tag):
		return progress.Invalid("tag %q is not a full commit SHA", p.Tag)
	case p.Created.IsZero():
		return progress.Invalid("no time of the commit %s: images would differ from build to build", p.Tag)
	}
	var names []string
	for _, s := range p.Services {
		if err := s.check(); err != nil {
			return err
		}
		repository, err := p.registry.Repository(s.Image)
		if err != nil {
			return progress.Invalid("image of service %s: %w; give the repository without a tag", s.Name, err)
		}
		if slices.Contains(names, s.Name) {
			return progress.Invalid("service %s is named twice", s.Name)
		}
		names = append(names, s.Name)
		p.repositories = append(p.repositories, repository)
	}
	return nil
}

var (
	nameForm = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._-]*$`)
	argForm  = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
)

func (s Service) check() error {
	if !nameForm.MatchString(s.Name) {
		return progress.Invalid("%q is not a name for a service", s.Name)
	}
	if info, err := os.Stat(s.Context); err != nil || !info.IsDir() {
		return progress.Invalid("service %s: there is no folder %s to build", s.Name, s.Context)
	}
	if _, err := os.Stat(s.dockerfile()); err != nil {
		return progress.Invalid("service %s: there is no %s", s.Name, s.dockerfile())
	}
	for arg := range s.Args {
		if !argForm.MatchString(arg) {
			return progress.Invalid("service %s: %q is not a name for a build argument", s.Name, arg)
		}
	}
	return nil
}

// dockerfile returns the path of the service's Dockerfile.
func (s Service) dockerfile() string {
	switch {
	case s.Dockerfile == "":
		return filepath.Join(s.Context, "Dockerfile")
	case filepath.IsAbs(s.Dockerfile):
		return s.Dockerfile
	}
	return filepath.Join(s.Context, s.Dockerfile)
}

// labels are those that say where an image comes from, by the annotation keys of
// the OCI image specification.
func (o Options) labels() map[string]string {
	labels := map[string]string{
		"org.opencontainers.image.created":  o.Created.UTC().Format(time.RFC3339),
		"org.opencontainers.image.revision": o.Tag,
		"org.opencontainers.image.version":  o.Version,
	}
	if o.Version == "" {
		labels["org.opencontainers.image.version"] = o.Tag
	}
	if o.SourceURL != "" {
		labels["org.opencontainers.image.source"] = o.SourceURL
	}
	return labels
}

// buildAll builds the services that were not found, in parallel, and returns how
// long each took. The first that fails ends the others.
func (p *publisher) buildAll(ctx context.Context, found []Found, dir string) ([]float64, error) {
	took := make([]float64, len(found))
	group, ctx := errgroup.WithContext(ctx)
	for i, f := range found {
		if f.Ref != "" {
			continue
		}
		group.Go(func() error {
			begun := time.Now()
			end := p.Progress.Start("build " + f.Service)
			err := p.build(ctx, p.Services[i], f, filepath.Join(dir, f.Service))
			end(err)
			took[i] = seconds(time.Since(begun))
			if err != nil {
				return fmt.Errorf("building %s: %w", f.Service, err)
			}
			return nil
		})
	}
	return took, group.Wait()
}

// build builds every part of a service, into the folder that Push reads.
func (p *publisher) build(ctx context.Context, s Service, f Found, dir string) error {
	for i, part := range f.Build.Parts {
		if err := p.buildPart(ctx, s, part, f.Inputs, filepath.Join(dir, fmt.Sprint(i))); err != nil {
			return err
		}
	}
	return nil
}

func (p *publisher) buildPart(ctx context.Context, s Service, part builds.Part, inputs, dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	built, err := p.docker.build(ctx, s, part, dir)
	if err != nil {
		return err
	}
	defer os.Remove(built.archive)
	image, err := tarball.ImageFromPath(built.archive, nil)
	if err != nil {
		return fmt.Errorf("reading the built image: %w", err)
	}
	if err := checkPlatform(image, part.Platform); err != nil {
		return err
	}
	if err := p.layout(image, built.base, nil, inputs, filepath.Join(dir, ImageFolder)); err != nil {
		return err
	}
	return p.describe(ctx, s, built.bases, dir)
}

// checkPlatform reports an engine that built for another platform than asked for.
func checkPlatform(image v1.Image, platform string) error {
	config, err := image.ConfigFile()
	if err != nil {
		return fmt.Errorf("reading the built image: %w", err)
	}
	want, err := v1.ParsePlatform(platform)
	if err != nil || platform == "" {
		return err
	}
	if got := config.Platform(); got.OS != want.OS || got.Architecture != want.Architecture {
		return fmt.Errorf("the engine built for %s, not for %s: with Docker it takes BuildKit (docker buildx) to build for another platform", got, platform)
	}
	return nil
}

func seconds(d time.Duration) float64 { return float64(d.Milliseconds()) / 1000 }
