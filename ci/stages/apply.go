package stages

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gitops/ci/infra"
	"gitops/ci/progress"
	"gitops/ci/review"
)

// ApplyOptions say what to apply, and who reviewed it.
type ApplyOptions struct {
	Terraform TerraformOptions `json:"terraform"`
	GitHub    GitHubOptions    `json:"github"`
	// Reviewed is the fingerprint that was reviewed, sha256:…. When it is empty, the
	// pull request of Commit has it.
	Reviewed string `json:"reviewed,omitempty"`
	// Commit is the full SHA of the merged commit.
	Commit string `json:"commit,omitempty"`
	// Branch is the branch that is applied, which the pull request must have been merged
	// into; DefaultBranch when empty.
	Branch string `json:"branch,omitempty"`
	// ReviewAuthor is the login of who wrote the review, such as github-actions[bot]; who
	// the token belongs to when empty.
	ReviewAuthor string `json:"review_author,omitempty"`
	// RequireApproval refuses a review that nobody approved since it was written.
	RequireApproval bool `json:"require_approval,omitempty"`
	// AcceptUnreviewed applies although no review is found.
	AcceptUnreviewed bool `json:"accept_unreviewed,omitempty"`
	// Platforms are what images are built for, to compare with the server; empty is the
	// builder's.
	Platforms []string `json:"platforms,omitempty"`
	// Out is a file for Terraform's outputs as JSON.
	Out    string `json:"out,omitempty"`
	Output Output `json:"-"`
}

// ApplyResult is what was applied. It has outputs also after an apply that failed
// half-way.
type ApplyResult struct {
	Applied     bool            `json:"applied"`
	Done        int             `json:"done,omitempty"` // changes that were made
	Of          int             `json:"of,omitempty"`   // changes that the plan has
	Headline    string          `json:"headline"`
	Fingerprint string          `json:"fingerprint"`
	Reviewed    string          `json:"reviewed,omitempty"` // where the review was found
	Outputs     json.RawMessage `json:"outputs"`
	Warning     string          `json:"warning,omitempty"` // images are not built for the server
}

// Apply plans again and applies that plan if it is the reviewed one. It refuses
// (progress.Refused) a plan that nobody reviewed, and one that differs from the
// reviewed one, with the difference. The token needs pull-requests: read, and
// write to tell a pull request why its plan was refused.
func Apply(ctx context.Context, o ApplyOptions) (ApplyResult, error) {
	if err := o.check(); err != nil {
		return ApplyResult{}, err
	}
	r, err := o.apply(ctx)
	err = o.GitHub.explainLock(ctx, o.Output, err)
	if err != nil && r.Outputs == nil {
		return ApplyResult{}, err
	}
	return r, err
}

// check refuses options that would fail, or mean less than they say, after the apply.
func (o ApplyOptions) check() error {
	if o.Reviewed != "" && o.RequireApproval {
		return progress.Invalid("--require-approval asks the pull request, and --reviewed asks none: give one of them")
	}
	if o.Out == "" {
		return nil
	}
	file, err := os.OpenFile(o.Out, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return progress.Invalid("Terraform's outputs cannot be written: %w: give another --out", err)
	}
	return file.Close()
}

func (o ApplyOptions) apply(ctx context.Context) (ApplyResult, error) {
	dir, err := os.MkdirTemp("", "gitops-apply-")
	if err != nil {
		return ApplyResult{}, fmt.Errorf("making a folder for the plan: %w", err)
	}
	defer os.RemoveAll(dir)
	p, workspace, err := PlanOptions{Terraform: o.Terraform, Dir: dir, Output: o.Output}.plan(ctx)
	if workspace != nil {
		defer workspace.Close()
	}
	if err != nil {
		return ApplyResult{}, err
	}
	r, f, began := ApplyResult{Headline: p.Headline, Fingerprint: p.Fingerprint}, found{}, time.Now()
	if p.Changes {
		if f, err = o.reviewed(ctx, p); err != nil {
			return r, err
		}
		r.Reviewed = f.where
		r.Done, r.Of, err = o.do(ctx, workspace, p)
		r.Applied = err == nil
	}
	// Also after a failed apply: the state has the resources that were made, and the next
	// stage or a person needs to reach it.
	outputs, outputsErr := writeOutputs(ctx, workspace, o.Out)
	r.Outputs = outputs.Raw
	r.Warning = review.Platforms{Server: outputs.Platform, Built: o.Platforms}.Warning()
	if p.Changes {
		o.end(ctx, f, p, r, began, err != nil)
	}
	return r, cmp.Or(err, outputsErr)
}

// do applies the plan and counts what was done. A plan that failed half-way is
// remembered, so that a rerun on this machine may go on with it.
func (o ApplyOptions) do(ctx context.Context, workspace *infra.Workspace, p planned) (done, of int, err error) {
	applied, err := workspace.ApplyCounted(ctx, filepath.Join(p.Dir, planFile))
	done, of = applied.Of(p.plan)
	if err != nil {
		remember(p.Fingerprint, p.record)
	}
	return done, of, err
}

// reviewed compares the plan with the reviewed one; it returns where the review
// was found, or refuses.
func (o ApplyOptions) reviewed(ctx context.Context, p planned) (found, error) {
	r, err := o.findReview(ctx, p)
	switch {
	case err != nil:
		return found{}, err
	case r.fingerprint == p.Fingerprint:
		return r, nil
	case r.fingerprint != "":
		return o.recorded(ctx, p, r)
	case o.AcceptUnreviewed:
		o.Output.Progress.Say("no review found (%s); applying because of --accept-unreviewed", r.where)
		return found{}, nil
	}
	return found{}, progress.Refused("refusing to apply: no review of this change was found (%s). "+
		"It would do: %s, fingerprint %s. Review it in a pull request, or give --reviewed or --accept-unreviewed.",
		r.where, p.Headline, p.Fingerprint)
}

// recorded compares the plan with what was recorded beside the reviewed fingerprint:
// it may be the same with another key, or what a half-failed apply left to do.
func (o ApplyOptions) recorded(ctx context.Context, p planned, r found) (found, error) {
	record, known := review.ParseRecord(r.body)
	if !known {
		record, known = remembered(r.fingerprint)
	}
	if !known {
		return found{}, o.refuse(ctx, p, r, review.Difference{Note: halves(r.fingerprint, p.Fingerprint)})
	}
	now, err := review.ObserveAs(record, p.plan, p.extra)
	if err != nil {
		return found{}, o.refuse(ctx, p, r, review.Difference{Note: "What differs cannot be told: " + err.Error() + "."})
	}
	if now.Fingerprint.String() == r.fingerprint {
		return r, nil
	}
	now.Record = now.Clean(o.Output.Redactor.Redact)
	beyond, left := review.Left(record, now)
	if left {
		o.Output.Progress.Say("going on with what was reviewed (%s) and is left to do: %d of %d effects", r.where, now.Of, record.Of)
		return r, nil
	}
	if difference := review.Compare(record, now.Record); !difference.Empty() || difference.Note != "" {
		beyond = difference
	}
	return found{}, o.refuse(ctx, p, r, beyond)
}

// halves says as much as two fingerprints alone tell.
func halves(reviewed, now string) string {
	then, err := review.ReadFingerprint(reviewed)
	if err != nil {
		return "The review was made by another version of gitops, whose fingerprints cannot be compared with this one's: review it again."
	}
	is, _ := review.ReadFingerprint(now)
	what := "Both the effects and the inputs are other ones"
	switch {
	case then.Effects == is.Effects:
		what = "The effects are the reviewed ones; an input is another: a file, a module, a provider, a variable, the backend, the state or the like"
	case then.Inputs == is.Inputs:
		what = "The inputs are the reviewed ones and the effects are not, so the state, or the cloud behind it, has changed since"
	}
	return what + ". The review is known by its fingerprint alone, so no more can be said. Give --reviewed the file that gitops review --out wrote, " +
		"or run gitops plan on the reviewed commit and on this one and compare their plan.txt."
}

// refuse says how the plan differs from the reviewed one, also on the pull
// request that had the review.
func (o ApplyOptions) refuse(ctx context.Context, p planned, r found, difference review.Difference) error {
	refused := progress.Refused("refusing to apply: the plan is not the reviewed one (%s).\nreviewed: %s\nnow:      %s, %s\n%s\n"+
		"Something changed in between: open a pull request again, or give --reviewed with the new fingerprint.",
		r.where, r.fingerprint, p.Fingerprint, p.Headline, strings.Join(difference.Lines(), "\n"))
	if r.pull != 0 {
		body := review.RenderRefusal(review.Refusal{Comment: o.refusal(p), Reviewed: r.fingerprint, Difference: difference})
		o.tellPull(ctx, r.pull, review.RefusalMarker(o.Terraform.Dir, p.Workspace), body)
	}
	return refused
}

// refusal returns the comment that shows the plan that was refused.
func (o ApplyOptions) refusal(p planned) review.Comment {
	c := review.Comment{Dir: o.Terraform.Dir, Commit: o.Commit, Time: time.Now().UTC(), Redactor: o.Output.Redactor}
	p.show(&c)
	return c
}
