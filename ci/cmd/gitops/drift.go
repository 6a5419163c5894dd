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
	var names []string
	cmd := command(c, "drift", "Compare the cloud with Terraform and the host's containers with the manifest",
		func(ctx context.Context) (r stages.DriftResult, err error) {
			o.Output = c.stage
			if o.Host, err = h.options(); err != nil {
				return r, err
			}
			if o.Variables, err = fromEnvironment(names); err != nil {
				return r, err
			}
			return stages.Drift(ctx, o)
		}, driftText)
	flags := cmd.Flags()
	addTerraform(flags, &o.Terraform)
	addGitHub(flags, &o.GitHub)
	h.add(flags)
	addPlace(flags, &o.Place)
	flags.StringVar(&o.Deployed, "deployed", "", "folder with the repository as it is on the deployed branch, which --manifest and --env-file are relative to (default: the current directory)")
	flags.StringArrayVar(&o.Manifests, "manifest", []string{defaultManifest}, "compose manifest (repeatable, as docker compose -f)")
	flags.StringArrayVar(&o.Profiles, "profile", nil, "profile of the manifest that a deploy starts (repeatable)")
	flags.StringSliceVar(&names, "env", nil, "names of environment variables that images in the manifest need (repeatable)")
	flags.StringArrayVar(&o.EnvFiles, "env-file", nil, "file of NAME=value lines that images in the manifest need (repeatable; a later one wins)")
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
