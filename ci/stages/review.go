package stages

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gitops/ci/progress"
	"gitops/ci/review"
)

// ReviewOptions say what is reviewed and where the comment goes. Without PullRequest
// and Out the comment is in the result alone.
type ReviewOptions struct {
	Terraform TerraformOptions `json:"terraform"`
	GitHub    GitHubOptions    `json:"github"`
	// Plan is a plan as JSON to render, and PlanDir the folder that Plan wrote. With
	// neither, Review plans.
	Plan    string `json:"plan,omitempty"`
	PlanDir string `json:"plan_dir,omitempty"`
	// Cost is the file that Cost wrote; Infracost is asked when it is empty.
	Cost   string         `json:"cost,omitempty"`
	Prices PricingOptions `json:"prices"`
	// RequireCost makes a missing estimate an error, after the comment is written.
	RequireCost bool `json:"require_cost,omitempty"`
	// Platforms are what images are built for, where Review plans; a plan folder has its
	// own.
	Platforms []string `json:"platforms,omitempty"`
	// Commit is the full SHA of the commit that was planned.
	Commit string `json:"commit,omitempty"`
	// PullRequest is the number of the pull request to comment on.
	PullRequest int `json:"pull_request,omitempty"`
	// Out is a file for the comment, and HTML one for a page that shows it as GitHub does.
	Out  string `json:"out,omitempty"`
	HTML string `json:"html,omitempty"`
	// Policy are rules that a plan must keep, and Facts what GitHub says of the pull
	// request, which may allow what they forbid.
	Policy review.Policy `json:"policy"`
	Facts  review.Facts  `json:"facts"`
	Output Output        `json:"-"`
}

// ReviewResult is the comment and where it is.
type ReviewResult struct {
	Comment         string `json:"comment,omitempty"` // address of the comment
	Created         bool   `json:"created"`
	Headline        string `json:"headline"`
	Fingerprint     string `json:"fingerprint,omitempty"`
	CostUnavailable string `json:"cost_unavailable,omitempty"`
	File            string `json:"file,omitempty"`
	Page            string `json:"page,omitempty"`
	// Violations are the rules that the plan breaks.
	Violations []review.Violation `json:"violations,omitempty"`
	// Text is the comment as Markdown.
	Text string `json:"-"`
}

// Review writes plan and cost into the one comment of a pull request, or renders
// it. A plan that failed is told in the comment and is an error too; one that breaks the
// policy is progress.Refused. The token needs pull-requests: write.
func Review(ctx context.Context, o ReviewOptions) (ReviewResult, error) {
	if err := o.Policy.Check(); err != nil {
		return ReviewResult{}, err
	}
	comment, planErr := o.comment(ctx)
	if planErr != nil && comment.Failure == nil {
		return ReviewResult{}, planErr
	}
	if planErr == nil {
		facts, err := o.facts(ctx)
		if err != nil {
			return ReviewResult{}, err
		}
		comment.Violations = review.CheckPolicy(o.Policy, comment.Summary, comment.Cost, facts)
	}
	r, err := o.deliver(ctx, comment)
	switch {
	case err != nil:
		return ReviewResult{}, err
	case planErr != nil:
		return r, planErr
	case o.RequireCost && comment.Cost == nil:
		return r, errNoCost(comment.NoCost)
	case len(r.Violations) > 0:
		return r, errPolicy(r.Violations)
	}
	return r, nil
}

// facts returns what may allow what the policy forbids: those that were given, and those
// of the pull request.
func (o ReviewOptions) facts(ctx context.Context) (review.Facts, error) {
	if o.PullRequest == 0 || len(o.Policy.NoDestroy) == 0 && o.Policy.MaxCost == "" {
		return o.Facts, nil
	}
	client, err := o.GitHub.client(o.Output)
	if err != nil {
		return o.Facts, err
	}
	labels, approvals, err := client.Facts(ctx, o.PullRequest)
	return review.Facts{Labels: slices.Concat(o.Facts.Labels, labels), Approvals: slices.Concat(o.Facts.Approvals, approvals)}, err
}

func errPolicy(violations []review.Violation) error {
	var lines []string
	for _, v := range violations {
		lines = append(lines, v.Rule+": "+v.What)
	}
	return progress.Refused("the policy of gitops.yml forbids this plan:\n%s", strings.Join(lines, "\n"))
}

func headline(c review.Comment) string {
	if c.Failure != nil {
		return c.Failure.Step + " failed"
	}
	return review.Headline(c.Summary, c.Cost)
}

// deliver renders the comment and writes it to where o says.
func (o ReviewOptions) deliver(ctx context.Context, c review.Comment) (ReviewResult, error) {
	r := ReviewResult{Headline: headline(c), Fingerprint: c.Fingerprint, CostUnavailable: c.NoCost, Violations: c.Violations}
	if o.PullRequest == 0 {
		remember(c.Fingerprint, c.Record)
		r.Text, r.File, r.Page = review.Render(c), o.Out, o.HTML
		return r, o.write(r)
	}
	client, err := o.GitHub.client(o.Output)
	if err != nil {
		return r, err
	}
	marker := review.Marker(c.Dir, c.Workspace)
	if c.Before, _, err = client.FindComment(ctx, o.PullRequest, marker); err != nil {
		return r, err
	}
	r.Page = o.HTML
	if r.Text, err = o.seal(ctx, client, c, review.Render(c)); err != nil {
		return r, err
	}
	if err := o.write(r); err != nil {
		return r, err
	}
	r.Comment, r.Created, err = client.UpsertComment(ctx, o.PullRequest, marker, r.Text)
	return r, err
}

// write writes the files that the result names.
func (o ReviewOptions) write(r ReviewResult) error {
	if r.File != "" {
		if err := os.WriteFile(r.File, []byte(r.Text), 0o644); err != nil {
			return progress.Invalid("writing the comment: %w", err)
		}
	}
	if r.Page == "" {
		return nil
	}
	var page bytes.Buffer
	if err := review.WritePage(&page, o.Output.Redactor.Redact(r.Headline), r.Text); err != nil {
		return err
	}
	if err := os.WriteFile(r.Page, page.Bytes(), 0o644); err != nil {
		return progress.Invalid("writing the page: %w", err)
	}
	return nil
}

// comment gathers what the comment says. When planning failed, it returns the
// comment that says so beside the error.
func (o ReviewOptions) comment(ctx context.Context) (review.Comment, error) {
	c := review.Comment{
		Dir: o.Terraform.Dir, Commit: o.Commit, Time: time.Now().UTC(), Redactor: o.Output.Redactor,
		RunURL: o.GitHub.Run,
	}
	switch {
	case o.Plan != "":
		p, state, err := readPlanJSON(o.Plan, o.Output.Redactor)
		if err != nil {
			return c, err
		}
		p.PlanResult.Platforms = o.Platforms
		c, err = o.addPlan(ctx, c, p, o.Plan)
		c.Summary.Errored = state.Errored
		return c, err
	case o.PlanDir != "":
		p, failure, err := readPlan(o.PlanDir)
		if err != nil {
			return c, err
		}
		if failure != nil {
			return failedPlan(ctx, c, failure)
		}
		return o.addPlan(ctx, c, p, filepath.Join(o.PlanDir, planJSON))
	}
	return o.plan(ctx, c)
}

// plan makes a plan and adds it to c.
func (o ReviewOptions) plan(ctx context.Context, c review.Comment) (review.Comment, error) {
	dir, err := os.MkdirTemp("", "gitops-plan-")
	if err != nil {
		return c, fmt.Errorf("making a folder for the plan: %w", err)
	}
	defer os.RemoveAll(dir)
	p, workspace, err := PlanOptions{Terraform: o.Terraform, Dir: dir, Platforms: o.Platforms, Output: o.Output}.plan(ctx)
	if workspace != nil {
		defer workspace.Close()
	}
	if err != nil {
		return failedPlan(ctx, c, err)
	}
	return o.addPlan(ctx, c, p, filepath.Join(dir, planJSON))
}

// failedPlan makes c say why there is no plan. A cancelled run and bad input
// are not the pull request's fault: those are errors alone.
func failedPlan(ctx context.Context, c review.Comment, err error) (review.Comment, error) {
	if ctx.Err() == nil && progress.ExitCode(err) == progress.ExitFailed {
		c.Failure = &review.Failure{Step: failedStep(err), Output: err.Error()}
	}
	return c, err
}

// steps are Terraform's commands by what an error says that was attempted. A plan folder
// keeps an error's text alone.
var steps = []struct{ doing, command string }{
	{"initialising terraform", "init"}, {"selecting workspace", "workspace select"}, {"validating", "validate"}, {"reading the plan", "show"},
}

func failedStep(err error) string {
	for _, step := range steps {
		if strings.HasPrefix(err.Error(), step.doing) {
			return step.command
		}
	}
	return "plan"
}

// addPlan adds a plan to c, and the cost of file, which is the same plan as JSON.
func (o ReviewOptions) addPlan(ctx context.Context, c review.Comment, p planned, file string) (review.Comment, error) {
	p.show(&c)
	found, err := o.cost(ctx, file)
	c.Cost, c.NoCost = found.Cost, found.Unavailable
	return c, err
}

// cost returns the cost of a plan: from the file that was given, else from Infracost.
func (o ReviewOptions) cost(ctx context.Context, plan string) (CostResult, error) {
	if o.Cost != "" {
		return readCost(o.Cost)
	}
	r, _, err := estimate(ctx, plan, o.Prices, o.Output)
	return r, err
}
