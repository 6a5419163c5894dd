// Package publish builds the images of services with a plain Docker engine and
// pushes them under the commit they come from. It never logs in to a registry:
// credentials stay in this process, and the engine only builds.
//
// What it pushes is the same for the same input: times in the image are those of
// the commit, however and whenever the engine built it. It does not build for
// several platforms, sign, or attest.
package publish

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"golang.org/x/sync/errgroup"

	"gitops/ci/registry"
	"gitops/ci/stage"
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
	// Image is the repository without tag: "registry.local:5000/team/backend".
	Image string
	// Previous is the ref that runs now, for Options.Reuse.
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
	// Timeout bounds the push of one service with all its attempts (10 min).
	Timeout time.Duration
	// Answer is how long a registry may take to answer one request (1 min).
	Answer time.Duration
	// Docker is the Docker CLI ("docker").
	Docker string
	// Reuse tags a service's Previous again instead of building it, when its
	// inputs are the same. The image then shows the SHA that it was built from.
	Reuse bool
	// PlainHTTP is for a registry that speaks no TLS, as one in a private network.
	PlainHTTP bool
	// Progress is told what happens; nil is silent.
	Progress *stage.Progress
	// Logins are those of the registries.
	Logins []registry.Login

	// firstWait is the pause before the second attempt, for tests.
	firstWait time.Duration
}

// Ref is a published image.
type Ref struct {
	Service string `json:"service"`
	// Ref is the image by tag and digest: "registry/name:sha@sha256:…".
	Ref string `json:"ref"`
	// Pushed is false when the registry had the very image already, Reused true
	// when the previous image was tagged again.
	Pushed bool `json:"pushed"`
	Reused bool `json:"reused,omitempty"`
	// Bytes is what was sent to the registry.
	Bytes int64 `json:"bytes"`
	// BuildSeconds and PushSeconds are how long each took.
	BuildSeconds float64 `json:"buildSeconds"`
	PushSeconds  float64 `json:"pushSeconds"`
}

var tagForm = regexp.MustCompile(`^[0-9a-f]{40}([0-9a-f]{24})?$`)

// Publish builds every service and pushes it, and returns the refs in the order
// of the services. Nothing is pushed before everything is built. An error means
// that not all were pushed, and that no ref is to be used.
func Publish(ctx context.Context, o Options) ([]Ref, error) {
	p, err := newPublisher(o)
	if err != nil {
		return nil, err
	}
	images, err := p.buildAll(ctx)
	defer func() {
		for _, image := range images {
			os.Remove(image.file)
		}
	}()
	if err != nil {
		return nil, err
	}
	return p.pushAll(ctx, images)
}

// publisher is one run of Publish.
type publisher struct {
	Options
	registry *registry.Client
	// repositories are those of the services.
	repositories []name.Repository
}

func newPublisher(o Options) (*publisher, error) {
	if o.Docker == "" {
		o.Docker = "docker"
	}
	if o.Version == "" {
		o.Version = o.Tag
	}
	p := &publisher{Options: o}
	p.registry = registry.New(registry.Options{Logins: o.Logins, PlainHTTP: o.PlainHTTP, Timeout: o.Timeout, Answer: o.Answer, FirstWait: o.firstWait, Progress: o.Progress})
	return p, p.check()
}

// check reports bad input, before anything is built.
func (p *publisher) check() error {
	switch {
	case len(p.Services) == 0:
		return stage.Invalid("no service to publish: name one, with its folder and its image")
	case !tagForm.MatchString(p.Tag):
		return stage.Invalid("tag %q is not a full commit SHA", p.Tag)
	case p.Created.IsZero():
		return stage.Invalid("no time of the commit %s: images would differ from build to build", p.Tag)
	}
	var names []string
	for _, s := range p.Services {
		if err := s.check(); err != nil {
			return err
		}
		repository, err := p.registry.Repository(s.Image)
		if err != nil {
			return stage.Invalid("image of service %s: %w; give the repository without a tag", s.Name, err)
		}
		if slices.Contains(names, s.Name) {
			return stage.Invalid("service %s is named twice", s.Name)
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
		return stage.Invalid("%q is not a name for a service", s.Name)
	}
	if info, err := os.Stat(s.Context); err != nil || !info.IsDir() {
		return stage.Invalid("service %s: there is no folder %s to build", s.Name, s.Context)
	}
	if _, err := os.Stat(s.dockerfile()); err != nil {
		return stage.Invalid("service %s: there is no %s", s.Name, s.dockerfile())
	}
	for arg := range s.Args {
		if !argForm.MatchString(arg) {
			return stage.Invalid("service %s: %q is not a name for a build argument", s.Name, arg)
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

// buildAll builds the services in parallel; the first that fails ends the others.
func (p *publisher) buildAll(ctx context.Context) ([]built, error) {
	images := make([]built, len(p.Services))
	group, ctx := errgroup.WithContext(ctx)
	for i, service := range p.Services {
		group.Go(func() (err error) {
			images[i], err = p.reuseOrBuild(ctx, service)
			return err
		})
	}
	return images, group.Wait()
}

// pushAll pushes the images in parallel, each to its end, and tells of every one
// that failed.
func (p *publisher) pushAll(ctx context.Context, images []built) ([]Ref, error) {
	refs, failed := make([]Ref, len(images)), make([]error, len(images))
	var group errgroup.Group
	for i, image := range images {
		group.Go(func() error {
			end := p.Progress.Start("push " + image.service.Name)
			refs[i], failed[i] = p.push(ctx, p.repositories[i], image)
			end(failed[i])
			return nil
		})
	}
	group.Wait()
	if err := errors.Join(failed...); err != nil {
		return nil, fmt.Errorf("publishing %s: %w", p.Tag, err)
	}
	return refs, nil
}

func (p *publisher) push(ctx context.Context, repository name.Repository, image built) (Ref, error) {
	ref := Ref{Service: image.service.Name, Reused: image.previous != nil, BuildSeconds: image.seconds}
	begun := time.Now()
	tag := repository.Tag(p.Tag)
	var err error
	if ref.Reused {
		ref.Ref, err = p.retag(ctx, image.previous, tag)
	} else {
		err = p.write(ctx, tag, image, &ref)
	}
	ref.PushSeconds = seconds(time.Since(begun))
	return ref, err
}

func seconds(d time.Duration) float64 { return float64(d.Milliseconds()) / 1000 }
