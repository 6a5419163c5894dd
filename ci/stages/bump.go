package stages

import (
	"context"
	"time"

	"gitops/ci/compose"
	"gitops/ci/github"
	"gitops/ci/manifest"
	"gitops/ci/progress"
	"gitops/ci/robot"
)

// BumpOptions say which images a manifest on this machine gets.
type BumpOptions struct {
	// Manifest is the compose manifest, a file.
	Manifest string `json:"manifest"`
	// Values is the file that sets variables of the manifest; none when empty. Where it
	// sets the tag of an image, it is changed and the manifest is not.
	Values string `json:"values,omitempty"`
	// Images is what each service shall run, by its name.
	Images map[string]string `json:"images"`
	// Pin writes the digest beside the tag; nil writes what the ref has.
	Pin *bool `json:"pin,omitempty"`
	// Force also replaces images that hold a ${VARIABLE}.
	Force bool `json:"force,omitempty"`
}

// BumpResult is what was replaced.
type BumpResult struct {
	Changes []manifest.Change `json:"changes"`
}

// Bump replaces image refs in the manifest, or the tags in its file of values, byte for
// byte.
func Bump(ctx context.Context, o BumpOptions) (BumpResult, error) {
	if len(o.Images) == 0 {
		return BumpResult{}, errNoImages()
	}
	changes, err := compose.BumpFiles(ctx, o.Manifest, o.Values, o.Images, compose.BumpOptions{
		Options: manifest.Options{File: o.Manifest, Pin: o.Pin, Force: o.Force}, ValuesFile: o.Values,
	})
	if err != nil {
		return BumpResult{}, err
	}
	return BumpResult{changes}, nil
}

func errNoImages() error {
	return progress.Invalid("bump needs at least one --image SERVICE=REF")
}

// PushOptions say what the robot commits, where to and as whom.
type PushOptions struct {
	// Robot is the intent. Its PullRequest, Progress and Redactor are set by the stage.
	Robot robot.Options `json:"-"`
	// Propose opens a pull request when the branch is protected; GitHub says where.
	Propose bool          `json:"propose,omitempty"`
	GitHub  GitHubOptions `json:"github"`
	Output  Output        `json:"-"`
}

// PushResult is what the robot did.
type PushResult struct{ robot.Result }

// Push lets the robot commit image refs to a branch and push it. To propose, the
// token needs pull-requests: write.
func Push(ctx context.Context, o PushOptions) (PushResult, error) {
	if len(o.Robot.Images) == 0 {
		return PushResult{}, errNoImages()
	}
	intent, err := o.intent()
	if err != nil {
		return PushResult{}, err
	}
	return push(ctx, intent)
}

func push(ctx context.Context, intent robot.Options) (PushResult, error) {
	pushed, err := robot.Push(ctx, intent)
	if err != nil {
		return PushResult{}, err
	}
	return PushResult{pushed}, nil
}

// intent returns what the robot is told.
func (o PushOptions) intent() (robot.Options, error) {
	intent := o.Robot
	intent.Progress, intent.Redactor = o.Output.Progress, o.Output.Redactor
	if !o.Propose {
		return intent, nil
	}
	client, err := o.GitHub.client(o.Output)
	if err != nil {
		return intent, err
	}
	intent.PullRequest = func(ctx context.Context, p robot.PullRequest) (string, error) {
		_, url, _, err := client.CreatePullRequest(ctx, github.PullRequest{Title: p.Title, Body: p.Body, Head: p.Head, Base: p.Base})
		return url, err
	}
	return intent, nil
}

// CommitTimeResult is when a commit was made.
type CommitTimeResult struct {
	Time time.Time `json:"time"`
}

// CommitTime asks the robot's repository when its commit was made, for publish
// where there is no checkout.
func CommitTime(ctx context.Context, o PushOptions) (CommitTimeResult, error) {
	intent, err := o.intent()
	if err != nil {
		return CommitTimeResult{}, err
	}
	when, err := robot.CommitTime(ctx, intent)
	if err != nil {
		return CommitTimeResult{}, err
	}
	return CommitTimeResult{when}, nil
}
