package stages

import (
	"context"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/distribution/reference"

	"gitops/ci/attest"
	"gitops/ci/builds"
	"gitops/ci/compose"
	"gitops/ci/manifest"
	"gitops/ci/program"
	"gitops/ci/progress"
	"gitops/ci/publish"
	"gitops/ci/registry"
)

// PublishOptions say which images are built, how, and how they get to the registry.
type PublishOptions struct {
	// Manifest is the compose manifest, and Config the file with the build sections of
	// services that have none in the manifest; it need not exist.
	Manifest string `json:"manifest"`
	Config   string `json:"config"`
	// Values is the file that sets variables of the manifest; none when empty. Force
	// also publishes images with variables that no file sets.
	Values string `json:"values,omitempty"`
	Force  bool   `json:"force,omitempty"`
	// Services select and override what is built, as --service does.
	Services []string `json:"services,omitempty"`
	// BuildArgs are build arguments of every image.
	BuildArgs map[string]string `json:"build_args,omitempty"`
	// Platforms are those of builds that name none, such as linux/arm64.
	Platforms []string `json:"platforms,omitempty"`
	// Commit is the full SHA of the commit: the tag of every image.
	Commit string `json:"commit"`
	// Created is when the commit was made, RFC 3339: every time in the images. When it
	// is empty, git in the working directory is asked.
	Created string `json:"created,omitempty"`
	// SourceURL and Version are for the images' labels.
	SourceURL string `json:"source_url,omitempty"`
	Version   string `json:"version,omitempty"`
	// Logins are those of the registries.
	Logins []registry.Login `json:"-"`
	// PlainHTTP are hosts, without their ports, of registries that speak no TLS.
	PlainHTTP []string `json:"plain_http,omitempty"`
	// Rebuild builds everything, also what has not changed.
	Rebuild bool `json:"rebuild,omitempty"`
	// Pass are the names of variables that the Docker CLI gets besides its own, such as
	// those of a credential helper; NAME_* is every name that begins so.
	Pass []string `json:"pass,omitempty"`
	// NoAttestations leaves out the bill of materials and the provenance.
	NoAttestations bool `json:"no_attestations,omitempty"`
	// Signer signs the images, if it has a key or an identity. Its logins are set by
	// the stage.
	Signer attest.Signer `json:"-"`
	// BuilderID is who builds and InvocationID this run of it, as URIs.
	BuilderID    string `json:"builder_id,omitempty"`
	InvocationID string `json:"invocation_id,omitempty"`
	Output       Output `json:"-"`
}

// PublishResult is what was published, in the order of the services.
type PublishResult struct {
	Refs []publish.Ref `json:"refs"`
}

// Publish builds images with a plain Docker engine, attests and signs them, and
// pushes them under the commit's SHA. An unchanged image is tagged again.
func Publish(ctx context.Context, o PublishOptions) (PublishResult, error) {
	options, err := o.options(ctx)
	if err != nil {
		return PublishResult{}, err
	}
	refs, err := publish.Publish(ctx, options)
	if err != nil {
		return PublishResult{}, err
	}
	return PublishResult{refs}, nil
}

// ReuseResult is what publish found before anything is built, service by service.
type ReuseResult struct {
	Found []publish.Found `json:"found"`
}

// PublishReuse is the first step of Publish for an engine that builds by itself: it
// looks for images that need not be built.
func PublishReuse(ctx context.Context, o PublishOptions) (ReuseResult, error) {
	options, err := o.options(ctx)
	if err != nil {
		return ReuseResult{}, err
	}
	found, err := publish.Reuse(ctx, options)
	if err != nil {
		return ReuseResult{}, err
	}
	return ReuseResult{found}, nil
}

// Built is an image that an engine built, for PublishLayout.
type Built struct {
	Inputs   string `json:"inputs"`             // what it was built from, as PublishReuse names it
	Image    string `json:"image"`              // archive, as docker save writes it
	Base     string `json:"base,omitempty"`     // archive of the image that it starts from
	Platform string `json:"platform,omitempty"` // what it was built for; what the engine says when empty
	Out      string `json:"out"`                // folder for the OCI layout
}

// PublishLayout is the second step, once for each image: it makes the image that is
// pushed of the one that the engine built.
func PublishLayout(ctx context.Context, o PublishOptions, b Built) error {
	created, err := o.time(ctx)
	if err != nil {
		return err
	}
	options := publish.Options{Tag: o.Commit, Created: created, SourceURL: o.SourceURL, Version: o.Version}
	return publish.Layout(options, b.Inputs, b.Image, b.Base, b.Platform, b.Out)
}

// PublishSBOM is the third step, where syft is: it writes the bill of materials of
// the OCI layout in folder image, which calls it name, to the file out.
func PublishSBOM(ctx context.Context, o PublishOptions, image, name, out string) error {
	document, err := attest.SBOM(ctx, image, name, o.Commit)
	if err != nil {
		return err
	}
	return os.WriteFile(out, document, 0o644)
}

// PublishPush is the last step: it pushes, attests, signs and tags what was built.
// Folder built has <service>/<platform>/{image,sbom.json,bases.json}.
func PublishPush(ctx context.Context, o PublishOptions, reuse ReuseResult, built string) (PublishResult, error) {
	options, err := o.options(ctx)
	if err != nil {
		return PublishResult{}, err
	}
	refs, err := publish.Push(ctx, options, reuse.Found, built)
	if err != nil {
		return PublishResult{}, err
	}
	return PublishResult{refs}, nil
}

// options returns what the publish package needs.
func (o PublishOptions) options(ctx context.Context) (publish.Options, error) {
	services, err := o.services()
	if err != nil {
		return publish.Options{}, err
	}
	created, err := o.time(ctx)
	if err != nil {
		return publish.Options{}, err
	}
	plain := slices.ContainsFunc(services, func(s publish.Service) bool { return speaksPlainHTTP(s.Image, o.PlainHTTP) })
	signer := o.Signer
	signer.Logins, signer.PlainHTTP, signer.Progress, signer.Redactor = o.Logins, plain, o.Output.Progress, o.Output.Redactor
	return publish.Options{
		Services: services, Tag: o.Commit, SourceURL: o.SourceURL, Version: o.Version, Created: created,
		Registry: registry.Options{Logins: o.Logins, PlainHTTP: plain}, Rebuild: o.Rebuild, NoAttestations: o.NoAttestations,
		Signer: signer, BuilderID: o.BuilderID, InvocationID: o.InvocationID, Pass: o.Pass, Progress: o.Output.Progress,
	}, nil
}

// speaksPlainHTTP reports whether an image's registry is one of hosts.
func speaksPlainHTTP(image string, hosts []string) bool {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return false // whoever uses the image says what is wrong with it
	}
	registry := url.URL{Host: reference.Domain(named)}
	return slices.Contains(hosts, registry.Hostname())
}

// services returns what is built, as manifest, config and options say.
func (o PublishOptions) services() ([]publish.Service, error) {
	text, err := os.ReadFile(o.Manifest)
	if err != nil {
		return nil, progress.Invalid("reading the manifest: %w", err)
	}
	config, err := os.ReadFile(o.Config)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, progress.Invalid("reading %s: %w", o.Config, err)
	}
	var values []byte
	if o.Values != "" {
		if values, err = os.ReadFile(o.Values); err != nil {
			return nil, progress.Invalid("reading the file of values: %w", err)
		}
	}
	selected, err := compose.Builds(builds.Options{
		Manifest: text, ManifestPath: filepath.ToSlash(o.Manifest), Config: config, ConfigPath: filepath.ToSlash(o.Config),
		Services: o.Services, BuildArgs: o.BuildArgs, Platforms: o.Platforms, Commit: o.Commit,
		Values: values, ValuesPath: filepath.ToSlash(o.Values), Force: o.Force,
	})
	if err != nil {
		return nil, err
	}
	var services []publish.Service
	for _, build := range selected {
		reference, err := manifest.ParseReference(build.Image)
		if err != nil {
			return nil, progress.Invalid("%s: image of service %s: %w", o.Manifest, build.Service, err)
		}
		services = append(services, publish.Service{
			Name: build.Service, Context: filepath.FromSlash(build.Context), Dockerfile: build.Dockerfile, Target: build.Target,
			Args: build.Args, Platforms: build.Platforms, Image: reference.Name, Previous: build.Image,
		})
	}
	return services, nil
}

// time returns when the commit was made, as given or as git knows it.
func (o PublishOptions) time(ctx context.Context) (time.Time, error) {
	text := o.Created
	if text == "" {
		out, err := program.Run(ctx, program.Command{
			Name: "git", Args: []string{"show", "--no-patch", "--format=%cI", o.Commit, "--"},
			Pass: slices.Concat(program.Machine, []string{"GIT_DIR", "GIT_WORK_TREE", "GIT_CONFIG_*", "GIT_EXEC_PATH"}), // the checkout's
		})
		if err != nil {
			return time.Time{}, progress.Invalid("finding the time of commit %q: %w; run it in a checkout that has the commit, or give --created", o.Commit, err)
		}
		text = strings.TrimSpace(string(out.Stdout))
	}
	when, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return when, progress.Invalid("the time of commit %s: %w", o.Commit, err)
	}
	return when.UTC(), nil
}
