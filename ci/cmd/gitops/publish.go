package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gitops/ci/attest"
	"gitops/ci/manifest"
	"gitops/ci/progress"
	"gitops/ci/publish"
	"gitops/ci/registry"
	"gitops/ci/secret"
)

// publishFlags say which images are built, how, and how they get to the registry.
type publishFlags struct {
	manifest       string
	commit         string
	config         string
	services       []string
	buildArgs      []string
	created        string
	source         string
	version        string
	registry       string
	plainHTTP      bool
	rebuild        bool
	noAttestations bool
	keyless        bool
	fulcio         string
	rekor          string
	builder        string
	invocation     string
}

// add adds the flags that publish and release share.
func (f *publishFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.config, "config", manifest.ConfigFile, "file with the build sections of services that have none in the manifest, if it is there")
	flags.StringArrayVar(&f.services, "service", nil, "service to build, NAME[=CONTEXT][,dockerfile=PATH][,target=STAGE][,platform=OS/ARCH][,arg=NAME=VALUE] (repeatable; default: those with a build section)")
	flags.StringArrayVar(&f.buildArgs, "build-arg", nil, "build argument of every image, NAME=value (repeatable)")
	flags.StringVar(&f.created, "created", "", "when the commit was made, RFC 3339: every time in the images (default: as git here knows it)")
	flags.StringVar(&f.source, "source-url", "", "address of the source, for the images' labels and provenance")
	flags.StringVar(&f.version, "image-version", "", "version, for the images' labels (default: the commit)")
	addRegistry(flags, &f.registry)
	flags.BoolVar(&f.plainHTTP, "plain-http", false, "the registry speaks plain HTTP")
	flags.BoolVar(&f.rebuild, "rebuild", false, "build everything from newly pulled bases, also what has not changed")
	flags.BoolVar(&f.noAttestations, "no-attestations", false, "leave out the bill of materials and the provenance")
	flags.BoolVar(&f.keyless, "keyless", false, "sign as the workflow of GitHub Actions that this runs in; sigstore's public log then has its name and the images'")
	flags.StringVar(&f.fulcio, "fulcio-url", "", "certificate authority for signatures without a key (default: sigstore's)")
	flags.StringVar(&f.rekor, "rekor-url", "", "transparency log for signatures without a key (default: sigstore's)")
	flags.StringVar(&f.builder, "builder-id", defaultBuilder(), "who builds, as a URI, for the provenance")
	flags.StringVar(&f.invocation, "invocation-id", defaultInvocation(), "this run of the builder, as a URI, for the provenance")
}

// defaultBuilder is the workflow where there is one, as GitHub's own attestations
// name it.
func defaultBuilder() string {
	if workflow := os.Getenv("GITHUB_WORKFLOW_REF"); workflow != "" {
		return os.Getenv("GITHUB_SERVER_URL") + "/" + workflow
	}
	return "urn:gitops:builder:local"
}

func defaultInvocation() string {
	if run := os.Getenv("GITHUB_RUN_ID"); run != "" {
		return fmt.Sprintf("%s/%s/actions/runs/%s/attempts/%s", os.Getenv("GITHUB_SERVER_URL"), os.Getenv("GITHUB_REPOSITORY"), run, os.Getenv("GITHUB_RUN_ATTEMPT"))
	}
	return ""
}

// publishResult is what publish reports.
type publishResult struct {
	Refs []publish.Ref `json:"refs"`
}

// Human implements result.
func (r publishResult) Human() string {
	var lines []string
	for _, ref := range r.Refs {
		lines = append(lines, ref.Service+": "+ref.Ref)
	}
	return strings.Join(lines, "\n")
}

func (a *app) publishCommand() *cobra.Command {
	var f publishFlags
	cmd := a.command("publish", "Build images, attest and sign them, and push them under the commit's SHA",
		func(cmd *cobra.Command, _ []string) (result, error) {
			o, err := f.options(cmd.Context(), a)
			if err != nil {
				return nil, err
			}
			refs, err := publish.Publish(cmd.Context(), o)
			if err != nil {
				return nil, err
			}
			return publishResult{refs}, nil
		})
	flags := cmd.PersistentFlags()
	flags.StringVar(&f.manifest, "manifest", "app/docker-compose.yml", "the compose manifest")
	flags.StringVar(&f.commit, "commit", os.Getenv("GITHUB_SHA"), "full SHA of the commit that is built: the tag of the images")
	f.add(flags)
	cmd.AddCommand(a.reuseCommand(&f), a.layoutCommand(&f), a.sbomCommand(&f), a.pushCommand(&f))
	return cmd
}

// foundResult is what publish reuse reports, and what the other steps are given.
type foundResult struct {
	Found []publish.Found `json:"found"`
}

// Human implements result.
func (r foundResult) Human() string {
	var lines []string
	for _, f := range r.Found {
		line := f.Service + ": to be built"
		if f.Ref != "" {
			line = f.Service + ": " + f.Ref
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// reuseCommand is the first step of publish for engines that build by themselves.
func (a *app) reuseCommand(f *publishFlags) *cobra.Command {
	cmd := a.command("reuse", "Look for images that need not be built",
		func(cmd *cobra.Command, _ []string) (result, error) {
			o, err := f.options(cmd.Context(), a)
			if err != nil {
				return nil, err
			}
			found, err := publish.Reuse(cmd.Context(), o)
			if err != nil {
				return nil, err
			}
			return foundResult{found}, nil
		})
	cmd.Hidden = true
	return cmd
}

// layoutCommand is the second step, once for each image that was built.
func (a *app) layoutCommand(f *publishFlags) *cobra.Command {
	var inputs, image, base, platform, out string
	cmd := a.command("layout", "Make the image that is pushed of the one that an engine built",
		func(cmd *cobra.Command, _ []string) (result, error) {
			created, err := f.time(cmd.Context())
			if err != nil {
				return nil, err
			}
			o := publish.Options{Tag: f.commit, Created: created, SourceURL: f.source, Version: f.version}
			return nil, publish.Layout(o, inputs, image, base, platform, out)
		})
	cmd.Hidden = true
	flags := cmd.Flags()
	flags.StringVar(&inputs, "inputs", "", "what the image was built from, as publish reuse names it")
	flags.StringVar(&image, "image", "", "archive of the image, as docker save writes it")
	flags.StringVar(&base, "base", "", "archive of the image that it starts from (default: none)")
	flags.StringVar(&platform, "platform", "", "what it was built for (default: what the engine says)")
	flags.StringVar(&out, "out", "", "folder for the OCI layout")
	return cmd
}

// sbomCommand is the third step, for each image, where syft is.
func (a *app) sbomCommand(f *publishFlags) *cobra.Command {
	var image, name, out string
	cmd := a.command("sbom", "Write the bill of materials of an image",
		func(cmd *cobra.Command, _ []string) (result, error) {
			document, err := attest.SBOM(cmd.Context(), image, name, f.commit)
			if err != nil {
				return nil, err
			}
			return nil, os.WriteFile(out, document, 0o644)
		})
	cmd.Hidden = true
	flags := cmd.Flags()
	flags.StringVar(&image, "image", "", "folder with the OCI layout")
	flags.StringVar(&name, "name", "", "what the document calls it")
	flags.StringVar(&out, "out", "", "file for the SPDX document")
	return cmd
}

// pushCommand is the last step.
func (a *app) pushCommand(f *publishFlags) *cobra.Command {
	var built, foundFile string
	cmd := a.command("push", "Push, attest, sign and tag what was built",
		func(cmd *cobra.Command, _ []string) (result, error) {
			o, err := f.options(cmd.Context(), a)
			if err != nil {
				return nil, err
			}
			text, err := os.ReadFile(foundFile)
			var found foundResult
			if err == nil {
				err = json.Unmarshal(text, &found)
			}
			if err != nil {
				return nil, progress.Invalid("reading what publish reuse found: %w", err)
			}
			refs, err := publish.Push(cmd.Context(), o, found.Found, built)
			if err != nil {
				return nil, err
			}
			return publishResult{refs}, nil
		})
	cmd.Hidden = true
	cmd.Flags().StringVar(&built, "built", "", "folder with what was built, <service>/<platform>/{image,sbom.json,bases.json}")
	cmd.Flags().StringVar(&foundFile, "found", "", "what publish reuse reported, as JSON")
	return cmd
}

// options returns what the publish package needs.
func (f *publishFlags) options(ctx context.Context, a *app) (publish.Options, error) {
	services, err := f.selected()
	if err != nil {
		return publish.Options{}, err
	}
	created, err := f.time(ctx)
	if err != nil {
		return publish.Options{}, err
	}
	logins, err := registry.LoginsFromEnv(f.registry)
	if err != nil {
		return publish.Options{}, err
	}
	signer, err := f.signer(a, logins)
	if err != nil {
		return publish.Options{}, err
	}
	return publish.Options{
		Services: services, Tag: f.commit, SourceURL: f.source, Version: f.version, Created: created,
		Registry: registry.Options{Logins: logins, PlainHTTP: f.plainHTTP}, Rebuild: f.rebuild, NoAttestations: f.noAttestations,
		Signer:    signer,
		BuilderID: f.builder, InvocationID: f.invocation, Progress: a.progress,
	}, nil
}

func (f *publishFlags) signer(a *app, logins []registry.Login) (attest.Signer, error) {
	s := attest.Signer{
		Key: secret.FromEnv("COSIGN_PRIVATE_KEY"), Password: secret.FromEnv("COSIGN_PASSWORD"), IdentityToken: secret.FromEnv("SIGSTORE_ID_TOKEN"),
		FulcioURL: f.fulcio, RekorURL: f.rekor, Logins: logins, PlainHTTP: f.plainHTTP, Progress: a.progress,
	}
	if f.keyless {
		if os.Getenv("ACTIONS_ID_TOKEN_REQUEST_URL") == "" {
			return s, progress.Invalid("--keyless signs as a workflow of GitHub Actions, and there is none here with the permission id-token: write; elsewhere set SIGSTORE_ID_TOKEN")
		}
		s.Workflow = attest.Workflow{RequestURL: os.Getenv("ACTIONS_ID_TOKEN_REQUEST_URL"), RequestToken: secret.FromEnv("ACTIONS_ID_TOKEN_REQUEST_TOKEN")}
	}
	return s, nil
}

// selected returns the services to build, as manifest, config and flags say.
func (f *publishFlags) selected() ([]publish.Service, error) {
	text, err := os.ReadFile(f.manifest)
	if err != nil {
		return nil, progress.Invalid("reading the manifest: %w", err)
	}
	config, err := os.ReadFile(f.config)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, progress.Invalid("reading %s: %w", f.config, err)
	}
	args, err := pairs("build-arg", f.buildArgs)
	if err != nil {
		return nil, err
	}
	builds, err := manifest.Builds(manifest.BuildOptions{
		Manifest: text, ManifestPath: filepath.ToSlash(f.manifest), Config: config, ConfigPath: filepath.ToSlash(f.config),
		Services: f.services, BuildArgs: args, Commit: f.commit,
	})
	if err != nil {
		return nil, err
	}
	var services []publish.Service
	for _, build := range builds {
		reference, err := manifest.ParseReference(build.Image)
		if err != nil {
			return nil, progress.Invalid("%s: image of service %s: %w", f.manifest, build.Service, err)
		}
		services = append(services, publish.Service{
			Name: build.Service, Context: filepath.FromSlash(build.Context), Dockerfile: build.Dockerfile, Target: build.Target,
			Args: build.Args, Platforms: build.Platforms, Image: reference.Name, Previous: build.Image,
		})
	}
	return services, nil
}

// time returns when the commit was made, from the flag or from the checkout.
func (f *publishFlags) time(ctx context.Context) (time.Time, error) {
	text := f.created
	if text == "" {
		out, err := exec.CommandContext(ctx, "git", "show", "--no-patch", "--format=%cI", f.commit, "--").Output()
		if err != nil {
			return time.Time{}, progress.Invalid("finding the time of commit %q: %w; run it in a checkout that has the commit, or give --created", f.commit, err)
		}
		text = strings.TrimSpace(string(out))
	}
	when, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return when, progress.Invalid("the time of commit %s: %w", f.commit, err)
	}
	return when.UTC(), nil
}
