package stages

import (
	"context"
	"fmt"

	"gitops/ci/review"
)

// found is a review that was looked for.
type found struct {
	where       string // where it is; without a fingerprint, why there is none
	fingerprint string
	body        string // of the comment
	pull        int
}

// findReview looks for the review of the plan.
func (o ApplyOptions) findReview(ctx context.Context, p planned) (found, error) {
	if o.Reviewed != "" {
		return found{where: "--reviewed", fingerprint: o.Reviewed}, nil
	}
	if o.GitHub.Repo == "" || o.Commit == "" {
		return found{where: "neither --reviewed nor --github-repo with --commit was given"}, nil
	}
	client, err := o.GitHub.client(o.Output)
	if err != nil {
		return found{}, err
	}
	r := found{}
	if r.pull, err = client.MergedPullRequest(ctx, o.Commit); err != nil {
		return r, err
	}
	if r.pull == 0 {
		r.where = fmt.Sprintf("commit %s came with no merged pull request", o.Commit)
		return r, nil
	}
	r.where = fmt.Sprintf("pull request %d", r.pull)
	body, ok, err := client.FindComment(ctx, r.pull, review.Marker(o.Terraform.Dir, p.Workspace))
	if err != nil {
		return r, err
	}
	if !ok {
		r.where += " has no review comment"
		return r, nil
	}
	r.body = body
	if r.fingerprint, ok = review.ParseFingerprint(body); !ok {
		r.where += "'s review comment has no fingerprint: its plan failed"
	}
	return r, nil
}

// tellPull writes a comment on a pull request. That it cannot be written changes nothing
// about what the comment says, so it is told and no error.
func (o ApplyOptions) tellPull(ctx context.Context, pull int, marker, body string) {
	client, err := o.GitHub.client(o.Output)
	if err == nil {
		_, _, err = client.UpsertComment(ctx, pull, marker, body)
	}
	if err != nil {
		o.Output.Progress.Say("telling the pull request: %v", err)
	}
}
