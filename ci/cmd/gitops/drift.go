package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"gitops/ci/stages"
)

func newDrift(c *console) *cobra.Command {
	var o stages.DriftOptions
	var h hostFlags
	cmd := command(c, "drift", "Compare the cloud with Terraform and the host's containers with the manifest",
		func(ctx context.Context) (r stages.DriftResult, err error) {
			o.Output = c.stage
			if o.Host, err = h.options(); err != nil {
				return r, err
			}
			return stages.Drift(ctx, o)
		}, driftText)
	flags := cmd.Flags()
	addTerraform(flags, &o.Terraform)
	addGitHub(flags, &o.GitHub)
	h.add(flags)
	addPlace(flags, &o.Place)
	flags.StringVar(&o.Manifest, "manifest", defaultManifest, "the compose manifest, as it is on the deployed branch")
	return cmd
}

func driftText(r stages.DriftResult) string {
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
