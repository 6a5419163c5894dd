package stages

import (
	"context"

	"gitops/ci/progress"
	"gitops/ci/publish"
)

// ReleaseOptions say what is published and who writes it into the manifest.
type ReleaseOptions struct {
	// Publish takes its manifest, values and commit from the robot's.
	Publish PublishOptions `json:"publish"`
	Push    PushOptions    `json:"push"`
	// Published is the result of a Publish that ran elsewhere, on an engine that
	// builds by itself. With it Release only pushes the refs.
	Published *PublishResult `json:"published,omitempty"`
}

// ReleaseResult is what was published and what the robot did.
type ReleaseResult struct {
	Refs []publish.Ref `json:"refs"`
	Push PushResult    `json:"push"`
}

// Release publishes a commit's images and lets the robot write them into the
// manifest. What the robot cannot do is told before anything is built.
func Release(ctx context.Context, o ReleaseOptions) (ReleaseResult, error) {
	if o.Push.Robot.RepoURL == "" || o.Push.Robot.Commit == "" {
		return ReleaseResult{}, progress.Invalid("release needs --repo and --commit: where the robot pushes, and what the images are built from")
	}
	intent, err := o.Push.intent()
	if err == nil {
		err = intent.Check()
	}
	if err != nil {
		return ReleaseResult{}, err
	}
	published, err := o.published(ctx)
	if err != nil {
		return ReleaseResult{}, err
	}
	intent.Images = map[string]string{}
	for _, ref := range published.Refs {
		intent.Images[ref.Service] = ref.Ref
	}
	pushed, err := push(ctx, intent)
	if err != nil {
		return ReleaseResult{}, err
	}
	return ReleaseResult{published.Refs, pushed}, nil
}

func (o ReleaseOptions) published(ctx context.Context) (PublishResult, error) {
	if o.Published != nil {
		return *o.Published, nil
	}
	p := o.Publish
	p.Manifest, p.Commit = o.Push.Robot.Manifest, o.Push.Robot.Commit
	p.Values, p.Force = o.Push.Robot.Values, o.Push.Robot.Force
	if p.SourceURL == "" {
		p.SourceURL = o.Push.Robot.RepoURL
	}
	return Publish(ctx, p)
}
