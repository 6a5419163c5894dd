package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"gitops/ci/infra"
	"gitops/ci/review"
	"gitops/ci/stage"
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

// reviewed finds the fingerprint that was reviewed and compares it; it returns
// where it was found, or refuses.
func (a *app) reviewed(ctx context.Context, f applyFlags, planned planResult) (string, error) {
	where, fingerprint, err := a.findReview(ctx, f, planned)
	switch {
	case err != nil:
		return "", err
	case fingerprint == "" && f.acceptUnreviewed:
		a.progress.Say("no review found; applying because of --accept-unreviewed")
		return "", nil
	case fingerprint == "":
		return "", stage.Refused("refusing to apply: no review of this change was found (%s). "+
			"It would do: %s, fingerprint %s. Review it in a pull request, or give --reviewed or --accept-unreviewed.",
			where, planned.Headline, planned.Fingerprint)
	case fingerprint != planned.Fingerprint:
		return "", stage.Refused("refusing to apply: the plan is not the reviewed one. Reviewed (%s): %s. Now: %s, fingerprint %s. "+
			"Something changed in between: open a pull request again, or give --reviewed with the new fingerprint.",
			where, fingerprint, planned.Headline, planned.Fingerprint)
	}
	return where, nil
}

// findReview returns the reviewed fingerprint and where it was found; when there
// is none, why.
func (a *app) findReview(ctx context.Context, f applyFlags, planned planResult) (where, fingerprint string, err error) {
	if f.reviewed != "" {
		return "--reviewed", f.reviewed, nil
	}
	if f.github.repo == "" || f.commit == "" {
		return "neither --reviewed nor --github-repo with --commit was given", "", nil
	}
	client, err := f.github.client(a)
	if err != nil {
		return "", "", err
	}
	number, err := client.MergedPullRequest(ctx, f.commit)
	if err != nil {
		return "", "", err
	}
	if number == 0 {
		return fmt.Sprintf("commit %s came with no merged pull request", f.commit), "", nil
	}
	where = fmt.Sprintf("pull request %d", number)
	body, found, err := client.FindComment(ctx, number, review.Marker(f.tf.dir, planned.Workspace))
	if err != nil {
		return "", "", err
	}
	if !found {
		return where + " has no review comment", "", nil
	}
	fingerprint, found = review.ParseFingerprint(body)
	if !found {
		return where + "'s review comment has no fingerprint: its plan failed", "", nil
	}
	return where, fingerprint, nil
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
