package stages

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"gitops/ci/github"
	"gitops/ci/review"
	"gitops/ci/secret"
)

// endTime bounds how long GitHub is told about an apply that ended.
const endTime = time.Minute

// end tells GitHub what became of a plan: in the review's comment, and beside the commit
// with a link to it. The apply is done by then, so that what cannot be told is said and
// no error.
func (o ApplyOptions) end(ctx context.Context, f found, p planned, r ApplyResult, began time.Time, failed bool) {
	if o.GitHub.Repo == "" || o.GitHub.Token.Empty() || o.Commit == "" {
		return
	}
	// A cancelled run has applied something too.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
	defer cancel()
	client, err := o.GitHub.client(o.Output)
	if err != nil {
		o.Output.Progress.Say("telling GitHub what was applied: %v", err)
		return
	}
	e := review.Ending{
		Applied: time.Now(), Took: time.Since(began), Run: o.GitHub.Run, Commit: o.Commit, Failed: failed, Done: r.Done, Of: r.Of,
		Outputs: changedOutputs(p, r.Outputs), Reviewed: f.since, Redactor: o.Output.Redactor,
	}
	address := o.GitHub.Run
	if f.pull != 0 {
		if address, err = o.endComment(ctx, client, f, e); err != nil {
			o.Output.Progress.Say("telling the pull request what was applied: %v", err)
		}
	}
	if err := client.SetStatus(ctx, o.Commit, o.status(p, e, address)); err != nil {
		o.Output.Progress.Say("telling the commit what was applied: %v", err)
	}
}

// endComment adds the ending to the review's comment. Where that is no longer what was
// applied, or is somebody else's to edit, the ending is a comment beside it.
func (o ApplyOptions) endComment(ctx context.Context, client *github.Client, f found, e review.Ending) (address string, err error) {
	dir, workspace := f.signed.Dir, f.signed.Workspace
	if o.ReviewAuthor == "" {
		now, err := client.Comments(ctx, f.pull, review.Marker(dir, workspace), "")
		if err != nil {
			return "", err
		}
		body, fits := review.WithEnding(f.body, o.Terraform.ReviewKey, f.signed, e)
		if fits && len(now) == 1 && now[0].Body == f.body && now[0].Stranger == "" {
			return f.comment.URL, client.Rewrite(ctx, now[0], body)
		}
	}
	address, _, err = client.UpsertComment(ctx, f.pull, review.EndingMarker(dir, workspace), review.RenderEnding(dir, workspace, e))
	return address, err
}

// status is the line beside the commit.
func (o ApplyOptions) status(p planned, e review.Ending, address string) github.Status {
	s := github.Status{State: "success", Context: "gitops/apply " + o.Terraform.Dir, Description: "applied: " + p.Headline, URL: address}
	if p.Workspace != "default" {
		s.Context += " (" + p.Workspace + ")"
	}
	if e.Failed {
		s.State, s.Description = "failure", "apply failed half-way"
		if e.Of > 0 {
			s.Description = fmt.Sprintf("applied %d of %d, rerun allowed", e.Done, e.Of)
		}
	}
	return s
}

// changedOutputs returns the outputs that a plan changes, with their values before and
// now. Sensitive ones are masked on both sides.
func changedOutputs(p planned, outputs json.RawMessage) []review.OutputValue {
	var now map[string]struct {
		Sensitive bool            `json:"sensitive"`
		Value     json.RawMessage `json:"value"`
	}
	if json.Unmarshal(outputs, &now) != nil || p.masked == nil {
		return nil
	}
	var changed []review.OutputValue
	for _, name := range slices.Sorted(maps.Keys(p.masked.OutputChanges)) {
		change := p.masked.OutputChanges[name]
		if change == nil || change.Actions.NoOp() {
			continue
		}
		value := review.OutputValue{Name: name, Before: "none", After: "none"}
		if change.Before != nil {
			value.Before = review.CompactJSON(change.Before)
		}
		if is, set := now[name]; set && is.Sensitive {
			value.After = secret.Redacted
			if change.Before != nil {
				value.Before = secret.Redacted
			}
		} else if set {
			value.After = review.CompactJSON(is.Value)
		}
		changed = append(changed, value)
	}
	return changed
}
