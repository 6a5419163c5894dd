package actions

import (
	"context"
	"fmt"
	"strings"
)

// Event is what happened in the repository. Commits are on the server already.
type Event struct {
	Name string // push, pull_request, schedule or workflow_dispatch; workflow_run is Happen's own
	// Branch is where a push went to. For schedule and workflow_dispatch it is the
	// default branch when empty; pull_request has its branches in PullRequest.
	Branch string
	Commit string // the new tip of Branch, or of the pull request; by default the one on the server
	Before string // the tip before a push, or the head before a pull request's update; empty for the first

	PullRequest *PullRequest
	WorkflowRun *Run   // what completed, for workflow_run
	Actor       string // login of whoever did it; "ada" when empty
}

// PullRequest is the pull request of an Event.
type PullRequest struct {
	Number     int
	Title      string
	Head, Base string // branches
	// HeadRepository is the fork that Head is in, such as mallory/loop; empty for the
	// repository itself. The lab has no forks: the commit is in the one repository.
	HeadRepository string

	headSHA, baseSHA, mergeSHA string
}

// occurrence is an event with what follows from it for every workflow.
type occurrence struct {
	Event
	ref     string // GITHUB_REF
	sha     string // GITHUB_SHA, and the commit whose workflow files count
	headSHA string // the commit that a run is shown at
	fork    bool   // what a fork sent gets no secrets and may write nothing
	skip    bool   // its message says [skip ci]
	changed []string
	payload object
}

// occurrence finds out what an event means.
func (a *Actions) occurrence(ctx context.Context, e Event) (*occurrence, error) {
	if e.Actor == "" {
		e.Actor = "ada"
	}
	o := &occurrence{Event: e}
	var err error
	switch e.Name {
	case "push":
		err = a.pushed(ctx, o)
	case "pull_request":
		err = a.proposed(ctx, o)
	case "schedule", "workflow_run", "workflow_dispatch":
		err = a.onBranch(ctx, o)
	default:
		return nil, fmt.Errorf("no such event here: %q; there are push, pull_request, schedule, workflow_dispatch", e.Name)
	}
	if err != nil {
		return nil, fmt.Errorf("finding out about the event %s: %w", e.Name, err)
	}
	o.payload = a.payload(o)
	return o, nil
}

func (a *Actions) pushed(ctx context.Context, o *occurrence) (err error) {
	o.ref = "refs/heads/" + o.Branch
	if o.sha, err = a.repository.commit(ctx, o.Commit, o.ref); err != nil {
		return err
	}
	o.headSHA = o.sha
	if o.skip, err = a.repository.saysSkip(ctx, o.sha); err != nil {
		return err
	}
	o.changed, err = a.repository.pushed(ctx, o.ref, o.Before, o.sha)
	return err
}

// proposed also makes the merge commit of the pull request, as GitHub does.
func (a *Actions) proposed(ctx context.Context, o *occurrence) (err error) {
	if o.PullRequest == nil || o.PullRequest.Number == 0 {
		return fmt.Errorf("it has no pull request")
	}
	pull := *o.PullRequest
	o.PullRequest = &pull
	o.fork = pull.HeadRepository != "" && !strings.EqualFold(pull.HeadRepository, a.options.Repository)
	o.ref = fmt.Sprintf("refs/pull/%d/merge", pull.Number)
	if pull.headSHA, err = a.repository.commit(ctx, o.Commit, "refs/heads/"+pull.Head); err != nil {
		return err
	}
	if pull.baseSHA, err = a.repository.commit(ctx, "", "refs/heads/"+pull.Base); err != nil {
		return err
	}
	if pull.mergeSHA, err = a.repository.merge(ctx, pull); err != nil {
		return err
	}
	o.sha, o.headSHA = pull.mergeSHA, pull.headSHA
	if o.skip, err = a.repository.saysSkip(ctx, pull.headSHA); err != nil {
		return err
	}
	o.changed, err = a.repository.changed(ctx, pull.baseSHA+"..."+pull.headSHA)
	return err
}

func (a *Actions) onBranch(ctx context.Context, o *occurrence) (err error) {
	if o.Branch == "" || o.Name != "workflow_dispatch" {
		o.Branch = a.options.DefaultBranch
	}
	o.ref = "refs/heads/" + o.Branch
	o.sha, err = a.repository.commit(ctx, "", o.ref)
	o.headSHA = o.sha
	return err
}

// headBranch is the branch that a run is shown at.
func (o *occurrence) headBranch() string {
	if o.PullRequest != nil {
		return o.PullRequest.Head
	}
	return o.Branch
}

// action is the activity type of the event, empty for events that have none.
func (o *occurrence) action() string {
	switch {
	case o.Name == "workflow_run":
		return "completed"
	case o.Name != "pull_request":
		return ""
	case o.Before == "":
		return "opened"
	}
	return "synchronize"
}
