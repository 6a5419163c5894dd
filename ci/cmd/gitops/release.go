package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"gitops/ci/progress"
	"gitops/ci/publish"
	"gitops/ci/robot"
)

type releaseResult struct {
	Refs []publish.Ref `json:"refs"`
	Push result        `json:"push"`
}

// Human implements result.
func (r releaseResult) Human() string { return publishResult{r.Refs}.Human() + "\n" + r.Push.Human() }

type releaseFlags struct {
	publish publishFlags
	bump    bumpFlags
}

func (a *app) releaseCommand() *cobra.Command {
	var f releaseFlags
	cmd := a.command("release", "Publish a commit's images and let the robot write them into the manifest",
		func(cmd *cobra.Command, _ []string) (result, error) { return a.release(cmd.Context(), f) })
	flags := cmd.Flags()
	flags.StringVar(&f.bump.manifest, "manifest", "app/docker-compose.yml", "the compose manifest, here and in the repository")
	f.publish.add(flags)
	addPin(flags, &f.bump.force, &f.bump.pin, &f.bump.noPin)
	f.bump.robot.add(flags)
	cmd.MarkFlagsMutuallyExclusive("pin", "no-pin")
	return cmd
}

func (a *app) release(ctx context.Context, f releaseFlags) (result, error) {
	if f.bump.robot.repo == "" || f.bump.robot.commit == "" {
		return nil, progress.Invalid("release needs --repo and --commit: where the robot pushes, and what the images are built from")
	}
	f.bump.pin = !f.bump.noPin
	intent, err := f.bump.robotOptions(a)
	if err == nil {
		// What the robot cannot do is told before minutes of building.
		err = intent.Check()
	}
	if err != nil {
		return nil, err
	}
	f.publish.manifest, f.publish.commit = f.bump.manifest, f.bump.robot.commit
	if f.publish.source == "" {
		f.publish.source = f.bump.robot.repo
	}
	o, err := f.publish.options(ctx, a)
	if err != nil {
		return nil, err
	}
	refs, err := publish.Publish(ctx, o)
	if err != nil {
		return nil, err
	}
	intent.Images = map[string]string{}
	for _, ref := range refs {
		intent.Images[ref.Service] = ref.Ref
	}
	pushed, err := robot.Push(ctx, intent)
	if err != nil {
		return nil, err
	}
	return releaseResult{refs, pushResult{pushed}}, nil
}

// timeResult is when a commit was made.
type timeResult struct {
	Time time.Time `json:"time"`
}

// Human implements result.
func (r timeResult) Human() string { return r.Time.Format(time.RFC3339) }

// commitTimeCommand asks a repository, for publish where there is no checkout.
func (a *app) commitTimeCommand() *cobra.Command {
	var f bumpFlags
	cmd := a.command("commit-time", "Say when a commit of the repository was made",
		func(cmd *cobra.Command, _ []string) (result, error) {
			o, err := f.robotOptions(a)
			if err != nil {
				return nil, err
			}
			when, err := robot.CommitTime(cmd.Context(), o)
			if err != nil {
				return nil, err
			}
			return timeResult{when}, nil
		})
	cmd.Hidden = true
	cmd.Flags().StringVar(&f.manifest, "manifest", "app/docker-compose.yml", "")
	f.robot.add(cmd.Flags())
	return cmd
}
