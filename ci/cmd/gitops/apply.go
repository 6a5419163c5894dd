package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"gitops/ci/infra"
	"gitops/ci/progress"
	"gitops/ci/review"
	"gitops/ci/secret"
)

type applyResult struct {
	Applied     bool            `json:"applied"`
	Headline    string          `json:"headline"`
	Fingerprint string          `json:"fingerprint"`
	Reviewed    string          `json:"reviewed,omitempty"` // where the review was found
	Outputs     json.RawMessage `json:"outputs"`
}

// Human implements result.
func (r applyResult) Human() string {
	done := "nothing to apply"
	if r.Applied {
		done = "applied: " + r.Headline
	}
	return fmt.Sprintf("%s\nfingerprint %s", done, r.Fingerprint)
}

type applyFlags struct {
	tf               terraformFlags
	github           githubFlags
	reviewed         string
	commit           string
	acceptUnreviewed bool
	out              string
}

func (f *applyFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	f.tf.add(flags)
	f.github.add(flags)
	flags.StringVar(&f.reviewed, "reviewed", "", "fingerprint that was reviewed, sha256:…, instead of looking it up on GitHub")
	flags.StringVar(&f.commit, "commit", os.Getenv("GITHUB_SHA"), "full SHA of the merged commit, whose pull request has the review")
	flags.BoolVar(&f.acceptUnreviewed, "accept-unreviewed", false, "apply although no review is found")
	flags.StringVar(&f.out, "out", "", "file for Terraform's outputs as JSON")
}

func (a *app) applyCommand() *cobra.Command {
	var f applyFlags
	cmd := a.command("apply", "Plan again and apply that plan if it is the reviewed one",
		func(cmd *cobra.Command, _ []string) (result, error) {
			r, err := a.apply(cmd.Context(), f)
			if err != nil && r.Outputs == nil {
				return nil, err
			}
			return r, err
		})
	f.add(cmd)
	return cmd
}

func (a *app) apply(ctx context.Context, f applyFlags) (applyResult, error) {
	dir, err := os.MkdirTemp("", "gitops-apply-")
	if err != nil {
		return applyResult{}, fmt.Errorf("making a folder for the plan: %w", err)
	}
	defer os.RemoveAll(dir)
	planned, workspace, err := a.plan(ctx, f.tf, dir)
	if workspace != nil {
		defer workspace.Close()
	}
	if err != nil {
		return applyResult{}, err
	}
	r := applyResult{Headline: planned.Headline, Fingerprint: planned.Fingerprint}
	if planned.Changes {
		if r.Reviewed, err = a.reviewed(ctx, f, planned); err != nil {
			return r, err
		}
		err = workspace.Apply(ctx, dir+"/"+planFile)
		r.Applied = err == nil
	}
	// Also after a failed apply: what was made is in the state, and the next
	// stage or a person needs to reach it.
	return r, firstError(err, a.outputs(ctx, workspace, f.out, &r.Outputs))
}

func (a *app) outputs(ctx context.Context, workspace *infra.Workspace, file string, raw *json.RawMessage) error {
	outputs, err := workspace.Outputs(ctx)
	if err != nil {
		return err
	}
	*raw = outputs.Raw
	if file == "" {
		return nil
	}
	if err := os.WriteFile(file, outputs.Raw, 0o600); err != nil {
		return fmt.Errorf("writing Terraform's outputs: %w", err)
	}
	return nil
}

// found is a review that was looked for.
type found struct {
	where       string // where it is; without a fingerprint, why there is none
	fingerprint string
	body        string // of the comment
	pull        int
}

// reviewed compares the plan with the reviewed one; it returns where the review
// was found, or refuses.
func (a *app) reviewed(ctx context.Context, f applyFlags, planned planResult) (string, error) {
	r, err := a.findReview(ctx, f, planned)
	switch {
	case err != nil:
		return "", err
	case r.fingerprint == planned.Fingerprint:
		return r.where, nil
	case r.fingerprint != "":
		return "", a.refuse(ctx, f, planned, r)
	case f.acceptUnreviewed:
		a.progress.Say("no review found (%s); applying because of --accept-unreviewed", r.where)
		return "", nil
	}
	return "", progress.Refused("refusing to apply: no review of this change was found (%s). "+
		"It would do: %s, fingerprint %s. Review it in a pull request, or give --reviewed or --accept-unreviewed.",
		r.where, planned.Headline, planned.Fingerprint)
}

// refuse says how the plan differs from the reviewed one, also on the pull
// request that had the review.
func (a *app) refuse(ctx context.Context, f applyFlags, planned planResult, r found) error {
	var difference review.Difference
	if effects, ok := review.ParseEffects(r.body); ok {
		difference = review.Compare(effects, review.Effects(planned.plan.JSON))
	}
	refused := progress.Refused("refusing to apply: the plan is not the reviewed one (%s).\nreviewed: %s\nnow:      %s, %s\n%s\n"+
		"Something changed in between: open a pull request again, or give --reviewed with the new fingerprint.",
		r.where, r.fingerprint, planned.Fingerprint, planned.Headline, strings.Join(difference.Lines(), "\n"))
	if r.pull == 0 {
		return refused
	}
	client, err := f.github.client(a)
	if err != nil {
		return refused
	}
	body := review.RenderRefusal(review.Refusal{
		Comment: review.Comment{
			Dir: f.tf.dir, Workspace: planned.Workspace, Summary: review.Summarize(planned.plan.JSON), Commit: f.commit,
			PlanText: planned.plan.Text, Fingerprint: planned.Fingerprint, Time: time.Now().UTC(),
			Effects: review.Effects(planned.plan.JSON), Redactor: secret.NewRedactor(knownSecrets()...),
		},
		Reviewed: r.fingerprint, Difference: difference,
	})
	if _, _, err := client.UpsertComment(ctx, r.pull, review.RefusalMarker(f.tf.dir, planned.Workspace), body); err != nil {
		a.progress.Say("telling the pull request: %v", err)
	}
	return refused
}

// findReview looks for the review of the plan.
func (a *app) findReview(ctx context.Context, f applyFlags, planned planResult) (found, error) {
	if f.reviewed != "" {
		return found{where: "--reviewed", fingerprint: f.reviewed}, nil
	}
	if f.github.repo == "" || f.commit == "" {
		return found{where: "neither --reviewed nor --github-repo with --commit was given"}, nil
	}
	client, err := f.github.client(a)
	if err != nil {
		return found{}, err
	}
	r := found{}
	if r.pull, err = client.MergedPullRequest(ctx, f.commit); err != nil {
		return r, err
	}
	if r.pull == 0 {
		r.where = fmt.Sprintf("commit %s came with no merged pull request", f.commit)
		return r, nil
	}
	r.where = fmt.Sprintf("pull request %d", r.pull)
	body, ok, err := client.FindComment(ctx, r.pull, review.Marker(f.tf.dir, planned.Workspace))
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

type outputsResult struct{ infra.Outputs }

// Human implements result.
func (r outputsResult) Human() string {
	return fmt.Sprintf("static_ip %s\nssh_user %s\nssh_host_public_key %s", r.StaticIP, r.SSHUser, r.SSHHostPublicKey)
}

// MarshalJSON returns Terraform's own form.
func (r outputsResult) MarshalJSON() ([]byte, error) { return r.Raw, nil }

func (a *app) outputsCommand() *cobra.Command {
	var tf terraformFlags
	var out string
	cmd := a.command("outputs", "Read Terraform's outputs from the state",
		func(cmd *cobra.Command, _ []string) (result, error) {
			workspace, err := infra.Open(cmd.Context(), tf.options(a))
			if err != nil {
				return nil, err
			}
			defer workspace.Close()
			var raw json.RawMessage
			if err := a.outputs(cmd.Context(), workspace, out, &raw); err != nil {
				return nil, err
			}
			outputs, err := infra.ParseOutputs(raw)
			return outputsResult{outputs}, err
		})
	tf.add(cmd.Flags())
	cmd.Flags().StringVar(&out, "out", "", "file for the outputs as JSON")
	return cmd
}
