package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gitops/ci/manifest"
	"gitops/ci/publish"
	"gitops/ci/registry"
	"gitops/ci/stage"
)

type releaseResult struct {
	Refs []publish.Ref `json:"refs"`
	Push result        `json:"push"`
}

// Human implements result.
func (r releaseResult) Human() string {
	var lines []string
	for _, ref := range r.Refs {
		lines = append(lines, ref.Service+": "+ref.Ref)
	}
	return strings.Join(append(lines, r.Push.Human()), "\n")
}

type releaseFlags struct {
	bump      bumpFlags
	services  []string
	buildArgs []string
	source    string
	registry  string
	reuse     bool
	plainHTTP bool
}

func (a *app) releaseCommand() *cobra.Command {
	var f releaseFlags
	cmd := a.command("release", "Build and push images under the commit's SHA and let the robot write them into the manifest",
		func(cmd *cobra.Command, _ []string) (result, error) { return a.release(cmd.Context(), f) })
	flags := cmd.Flags()
	flags.StringVar(&f.bump.manifest, "manifest", "app/docker-compose.yml", "the compose manifest, here and in the repository")
	flags.StringArrayVar(&f.services, "service", nil, "service to build, NAME=CONTEXT (repeatable; default: those with a build section)")
	flags.StringArrayVar(&f.buildArgs, "build-arg", nil, "build argument of every image, NAME=value (repeatable)")
	flags.StringVar(&f.source, "source-url", "", "address of the source, for the images' labels")
	addRegistry(flags, &f.registry)
	flags.BoolVar(&f.plainHTTP, "plain-http", false, "the registry speaks plain HTTP")
	flags.BoolVar(&f.reuse, "reuse", false, "tag the last image again where a service's inputs have not changed; it then shows the SHA it was built from")
	addPin(flags, &f.bump.force, &f.bump.pin, &f.bump.noPin)
	f.bump.robot.add(flags)
	cmd.MarkFlagsMutuallyExclusive("pin", "no-pin")
	return cmd
}

func (a *app) release(ctx context.Context, f releaseFlags) (result, error) {
	if f.bump.robot.repo == "" || f.bump.robot.commit == "" {
		return nil, stage.Invalid("release needs --repo and --commit: where the robot pushes, and what the images are built from")
	}
	services, err := f.selected()
	if err != nil {
		return nil, err
	}
	created, err := commitTime(ctx, f.bump.robot.commit)
	if err != nil {
		return nil, err
	}
	logins, err := registry.LoginsFromEnv(f.registry)
	if err != nil {
		return nil, err
	}
	source := f.source
	if source == "" {
		source = f.bump.robot.repo
	}
	refs, err := publish.Publish(ctx, publish.Options{
		Services: services, Tag: f.bump.robot.commit, SourceURL: source, Created: created,
		Logins: logins, Reuse: f.reuse,
		PlainHTTP: f.plainHTTP, Progress: a.progress,
	})
	if err != nil {
		return nil, err
	}
	if !f.bump.noPin {
		f.bump.pin = true
	}
	images := map[string]string{}
	for _, ref := range refs {
		images[ref.Service] = ref.Ref
	}
	pushed, err := a.push(ctx, f.bump, images)
	if err != nil {
		return nil, err
	}
	return releaseResult{refs, pushed}, nil
}

// selected returns the services to build, as the manifest describes them.
func (f releaseFlags) selected() ([]publish.Service, error) {
	text, err := os.ReadFile(f.bump.manifest)
	if err != nil {
		return nil, stage.Invalid("reading the manifest: %w", err)
	}
	builds, err := manifest.BuildServices(text)
	if err != nil {
		return nil, stage.Invalid("%s: %w", f.bump.manifest, err)
	}
	contexts, err := pairs("service", f.services)
	if err != nil {
		return nil, err
	}
	args, err := pairs("build-arg", f.buildArgs)
	if err != nil {
		return nil, err
	}
	services, err := f.choose(builds, contexts, args)
	if err == nil && len(services) == 0 {
		err = stage.Invalid("%s has no service with a build section: nothing to release", f.bump.manifest)
	}
	return services, err
}

func (f releaseFlags) choose(builds []manifest.Build, contexts, args map[string]string) ([]publish.Service, error) {
	var services []publish.Service
	found := map[string]bool{}
	for _, build := range builds {
		context, asked := contexts[build.Service]
		if len(contexts) > 0 && !asked {
			continue
		}
		found[build.Service] = true
		service, err := f.service(build, context, args)
		if err != nil {
			return nil, err
		}
		services = append(services, service)
	}
	for name := range contexts {
		if !found[name] {
			return nil, stage.Invalid("--service %s: %s has no service %s with an image and a build section", name, f.bump.manifest, name)
		}
	}
	return services, nil
}

func (f releaseFlags) service(build manifest.Build, context string, extra map[string]string) (publish.Service, error) {
	reference, err := manifest.ParseReference(build.Image)
	if err != nil {
		return publish.Service{}, stage.Invalid("%s:%d: %w", f.bump.manifest, build.Line, err)
	}
	if context == "" {
		context = filepath.Join(filepath.Dir(f.bump.manifest), build.Context)
	}
	args, err := build.Arguments(f.bump.robot.commit, extra)
	if err != nil {
		return publish.Service{}, stage.Invalid("%s: %w", f.bump.manifest, err)
	}
	return publish.Service{Name: build.Service, Context: context, Dockerfile: build.Dockerfile, Target: build.Target, Args: args, Image: reference.Name, Previous: build.Image}, nil
}

// commitTime returns when commit was made, as the checkout knows it: images get
// this time, so that building a commit again gives the same image.
func commitTime(ctx context.Context, commit string) (time.Time, error) {
	out, err := exec.CommandContext(ctx, "git", "show", "--no-patch", "--format=%cI", commit).Output()
	if err != nil {
		return time.Time{}, stage.Invalid("finding commit %s: %w; run release in a checkout that has it", commit, err)
	}
	when, err := time.Parse(time.RFC3339, strings.TrimSpace(string(out)))
	if err != nil {
		return time.Time{}, fmt.Errorf("reading the time of commit %s: %w", commit, err)
	}
	return when.UTC(), nil
}
