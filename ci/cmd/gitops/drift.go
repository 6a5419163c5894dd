package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"gitops/ci/deploy"
	"gitops/ci/host"
	"gitops/ci/infra"
	"gitops/ci/progress"
)

type driftResult struct {
	Drift string           `json:"drift"` // none, cloud, host, both
	Cloud []string         `json:"cloud"` // addresses of resources
	Host  []deploy.Finding `json:"host"`
	Issue string           `json:"issue,omitempty"` // address of the issue
}

// Human implements result.
func (r driftResult) Human() string {
	lines := []string{"drift: " + r.Drift}
	for _, address := range r.Cloud {
		lines = append(lines, "cloud: "+address)
	}
	for _, f := range r.Host {
		lines = append(lines, "host: "+f.String())
	}
	if r.Issue != "" {
		lines = append(lines, "issue: "+r.Issue)
	}
	return strings.Join(lines, "\n")
}

type driftFlags struct {
	tf       terraformFlags
	github   githubFlags
	host     hostFlags
	place    deploy.Place
	manifest string
}

func (a *app) driftCommand() *cobra.Command {
	var f driftFlags
	cmd := a.command("drift", "Compare the cloud with Terraform and the host's containers with the manifest",
		func(cmd *cobra.Command, _ []string) (result, error) { return a.drift(cmd.Context(), f) })
	flags := cmd.Flags()
	f.tf.add(flags)
	f.github.add(flags)
	f.host.add(flags)
	addPlace(flags, &f.place.Dir, &f.place.Project)
	flags.StringVar(&f.manifest, "manifest", "app/docker-compose.yml", "the compose manifest, as it is on the deployed branch")
	return cmd
}

func (a *app) drift(ctx context.Context, f driftFlags) (result, error) {
	config, err := f.host.config()
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(f.manifest)
	if err != nil {
		return nil, progress.Invalid("reading the manifest: %w", err)
	}
	cloud, err := a.cloudDrift(ctx, f.tf)
	if err != nil {
		return nil, fmt.Errorf("looking for drift in the cloud: %w", err)
	}
	running, err := a.hostDrift(ctx, config, f.place, text)
	if err != nil {
		return nil, fmt.Errorf("looking for drift on the host: %w", err)
	}
	r := driftResult{Drift: driftWord(len(cloud) > 0, len(running) > 0), Cloud: cloud, Host: running}
	if f.github.repo != "" {
		err = a.tellDrift(ctx, f, &r)
	}
	return r, err
}

func driftWord(cloud, host bool) string {
	switch {
	case cloud && host:
		return "both"
	case cloud:
		return "cloud"
	case host:
		return "host"
	}
	return "none"
}

func (a *app) cloudDrift(ctx context.Context, tf terraformFlags) ([]string, error) {
	workspace, err := infra.Open(ctx, tf.options(a))
	if err != nil {
		return nil, err
	}
	defer workspace.Close()
	drift, err := workspace.Drift(ctx)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, d := range drift.Changes {
		what := "changed " + strings.Join(d.Attributes, ", ")
		if d.Deleted {
			what = "deleted"
		}
		found = append(found, d.Address+": "+what)
	}
	return found, nil
}

func (a *app) hostDrift(ctx context.Context, config host.Config, place deploy.Place, text []byte) ([]deploy.Finding, error) {
	client, err := host.Wait(ctx, config, host.Needs{Docker: true}, a.progress)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	drift, err := deploy.Running(ctx, client, place, text, nil)
	return drift.Findings, err
}

// driftMarker is the hidden line by which the one issue is found again.
const driftMarker = "<!-- gitops:drift -->"

// tellDrift opens or updates the one issue about drift, or closes it.
func (a *app) tellDrift(ctx context.Context, f driftFlags, r *driftResult) error {
	client, err := f.github.client(a)
	if err != nil {
		return err
	}
	if r.Drift == "none" {
		r.Issue, _, err = client.CloseIssue(ctx, driftMarker, driftMarker+"\n\nThe drift is gone: what runs is what git says.")
		return err
	}
	var body strings.Builder
	fmt.Fprintf(&body, "%s\n\nWhat runs differs from what git says (%s).\n", driftMarker, r.Drift)
	section(&body, "Cloud, against Terraform", r.Cloud)
	var containers []string
	for _, finding := range r.Host {
		containers = append(containers, finding.String())
	}
	section(&body, "Host, against the manifest", containers)
	body.WriteString("\nRun `provision` or `deploy` again to make it so, or change git to match.\n")
	r.Issue, _, err = client.UpsertIssue(ctx, driftMarker, "Drift: "+r.Drift, body.String())
	return err
}

func section(out *strings.Builder, title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	fmt.Fprintf(out, "\n### %s\n\n", title)
	for _, line := range lines {
		fmt.Fprintf(out, "- `%s`\n", strings.ReplaceAll(line, "`", "'"))
	}
}
