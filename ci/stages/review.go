package stages

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
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
	// Out is a file for the comment.
	Out    string `json:"out,omitempty"`
	Output Output `json:"-"`
}

// ReviewResult is the comment and where it is.
type ReviewResult struct {
	Comment         string `json:"comment,omitempty"` // address of the comment
	Created         bool   `json:"created"`
	Headline        string `json:"headline"`
	Fingerprint     string `json:"fingerprint,omitempty"`
	CostUnavailable string `json:"cost_unavailable,omitempty"`
	File            string `json:"file,omitempty"`
	// Text is the comment as Markdown.
	Text string `json:"-"`
}

// Review writes plan and cost into the one comment of a pull request, or renders
// it. A plan that failed is told in the comment and is an error too. The token
// needs pull-requests: write.
func Review(ctx context.Context, o ReviewOptions) (ReviewResult, error) {
	comment, planErr := o.comment(ctx)
	if planErr != nil && comment.Failure == nil {
		return ReviewResult{}, planErr
	}
	r := ReviewResult{
		Headline: headline(comment), Fingerprint: comment.Fingerprint, CostUnavailable: comment.NoCost, Text: review.Render(comment),
	}
	if err := o.deliver(ctx, comment, &r); err != nil {
		return ReviewResult{}, err
	}
	if planErr == nil && o.RequireCost && comment.Cost == nil {
		planErr = errNoCost(comment.NoCost)
	}
	return r, planErr
}

func headline(c review.Comment) string {
	if c.Failure != nil {
		return c.Failure.Step + " failed"
	}
	return review.Headline(c.Summary, c.Cost)
}

// deliver writes the comment to where o says.
func (o ReviewOptions) deliver(ctx context.Context, c review.Comment, r *ReviewResult) error {
	if o.PullRequest == 0 {
		if o.Out == "" {
			return nil
		}
		r.File = o.Out
		return os.WriteFile(o.Out, []byte(r.Text), 0o644)
	}
	client, err := o.GitHub.client(o.Output)
	if err != nil {
		return err
	}
	r.Comment, r.Created, err = client.UpsertComment(ctx, o.PullRequest, review.Marker(c.Dir, c.Workspace), r.Text)
	return err
}

// comment gathers what the comment says. When planning failed, it returns the
// comment that says so beside the error.
func (o ReviewOptions) comment(ctx context.Context) (review.Comment, error) {
	c := review.Comment{
		Dir: o.Terraform.Dir, Commit: o.Commit, Time: time.Now().UTC(), Redactor: o.Output.Redactor,
	}
	switch {
	case o.Plan != "":
		p, state, err := readPlanJSON(o.Plan)
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
		c.Failure = &review.Failure{Step: "plan", Output: err.Error()}
	}
	return c, err
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
