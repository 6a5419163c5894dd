package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"gitops/ci/progress"
	"gitops/ci/review"
	"gitops/ci/secret"
)

type reviewResult struct {
	Comment         string `json:"comment,omitempty"` // address of the comment
	Created         bool   `json:"created"`
	Headline        string `json:"headline"`
	Fingerprint     string `json:"fingerprint,omitempty"`
	CostUnavailable string `json:"cost_unavailable,omitempty"`
	File            string `json:"file,omitempty"`
	text            string
}

// Human implements result.
func (r reviewResult) Human() string {
	switch {
	case r.Comment != "" && r.Created:
		return fmt.Sprintf("%s\ncommented: %s", r.Headline, r.Comment)
	case r.Comment != "":
		return fmt.Sprintf("%s\ncomment updated: %s", r.Headline, r.Comment)
	case r.File != "":
		return fmt.Sprintf("%s\nwritten to %s", r.Headline, r.File)
	}
	return r.text
}

type reviewFlags struct {
	tf          terraformFlags
	github      githubFlags
	plan        string
	planDir     string
	cost        string
	out         string
	commit      string
	pullRequest int
	requireCost bool
}

func (a *app) reviewCommand() *cobra.Command {
	var f reviewFlags
	cmd := a.command("review", "Write plan and cost into the one comment of a pull request, or render it",
		func(cmd *cobra.Command, _ []string) (result, error) { return a.review(cmd.Context(), f) })
	flags := cmd.Flags()
	f.tf.add(flags)
	f.github.add(flags)
	flags.StringVar(&f.plan, "plan", "", "plan.json to render, instead of planning")
	flags.StringVar(&f.planDir, "plan-dir", "", "folder of a plan to use, instead of planning")
	flags.StringVar(&f.cost, "cost", "", "Infracost's JSON, instead of asking Infracost")
	flags.StringVar(&f.out, "out", "", "file for the comment, instead of a pull request")
	flags.StringVar(&f.commit, "commit", os.Getenv("GITHUB_SHA"), "full SHA of the commit that was planned")
	flags.IntVar(&f.pullRequest, "pull-request", 0, "number of the pull request to comment on")
	flags.BoolVar(&f.requireCost, "require-cost", false, "fail when there is no cost estimate")
	cmd.MarkFlagsMutuallyExclusive("plan", "plan-dir")
	cmd.MarkFlagsMutuallyExclusive("out", "pull-request")
	return cmd
}

func (a *app) review(ctx context.Context, f reviewFlags) (result, error) {
	comment, planErr := a.comment(ctx, f)
	if planErr != nil && comment.Failure == nil {
		return nil, planErr
	}
	r := reviewResult{Headline: headline(comment), Fingerprint: comment.Fingerprint, CostUnavailable: comment.NoCost, text: review.Render(comment)}
	if err := a.deliver(ctx, f, comment, &r); err != nil {
		return nil, err
	}
	if planErr == nil && f.requireCost && comment.Cost == nil {
		planErr = fmt.Errorf("estimating the cost: %s (--require-cost)", comment.NoCost)
	}
	return r, planErr
}

func headline(c review.Comment) string {
	if c.Failure != nil {
		return c.Failure.Step + " failed"
	}
	return review.Headline(c.Summary, c.Cost)
}

// deliver writes the comment to where f says.
func (a *app) deliver(ctx context.Context, f reviewFlags, c review.Comment, r *reviewResult) error {
	if f.pullRequest == 0 {
		if f.out == "" {
			return nil
		}
		r.File = f.out
		return os.WriteFile(f.out, []byte(r.text), 0o644)
	}
	client, err := f.github.client(a)
	if err != nil {
		return err
	}
	r.Comment, r.Created, err = client.UpsertComment(ctx, f.pullRequest, review.Marker(c.Dir, c.Workspace), r.text)
	return err
}

// comment gathers what the comment says. When planning failed, it returns the
// comment that says so beside the error.
func (a *app) comment(ctx context.Context, f reviewFlags) (review.Comment, error) {
	c := review.Comment{
		Dir: f.tf.dir, Commit: f.commit, Time: time.Now().UTC(), Redactor: secret.NewRedactor(knownSecrets()...),
	}
	if f.plan != "" {
		return c, a.addPlanFile(ctx, &c, f, f.plan)
	}
	dir := f.planDir
	if dir == "" {
		temporary, err := os.MkdirTemp("", "gitops-plan-")
		if err != nil {
			return c, fmt.Errorf("making a folder for the plan: %w", err)
		}
		defer os.RemoveAll(temporary)
		dir = temporary
		if _, _, err := a.plan(ctx, f.tf, dir); err != nil {
			return a.failedPlan(ctx, c, err, err.Error())
		}
	}
	r, text, ok, err := readPlan(dir)
	if err != nil {
		return c, err
	}
	if !ok {
		return a.failedPlan(ctx, c, errors.New(text), text)
	}
	c.Fingerprint, c.PlanText, c.Workspace = r.Fingerprint, text, r.Workspace
	return c, a.addPlanFile(ctx, &c, f, filepath.Join(dir, planJSON))
}

// failedPlan makes c say why there is no plan. A cancelled run and bad input
// are not the pull request's fault: those are errors alone.
func (a *app) failedPlan(ctx context.Context, c review.Comment, err error, output string) (review.Comment, error) {
	if ctx.Err() == nil && progress.ExitCode(err) == progress.ExitFailed {
		c.Failure = &review.Failure{Step: "plan", Output: output}
	}
	return c, err
}

func (a *app) addPlanFile(ctx context.Context, c *review.Comment, f reviewFlags, path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return progress.Invalid("reading the plan: %w", err)
	}
	plan, err := review.ParsePlan(data)
	if err != nil {
		return progress.Invalid("%s: %w", path, err)
	}
	c.Summary, c.Effects = review.Summarize(plan), review.Effects(plan)
	c.Cost, c.NoCost, err = a.costOf(ctx, f.cost, path)
	return err
}
