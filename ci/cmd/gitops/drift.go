package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"gitops/ci/progress"
	"gitops/ci/stages"
)

func newDrift(c *console) *cobra.Command {
	var o stages.DriftOptions
	var h hostFlags
	var names []string
	var only string
	cmd := command(c, "drift", "Compare the cloud with Terraform and the host's containers with the manifest",
		func(ctx context.Context) (r stages.DriftResult, err error) {
			o.Output = c.stage
			if o.Host, err = h.options(); err != nil {
				return r, err
			}
			if o.Variables, err = fromEnvironment(names); err != nil {
				return r, err
			}
			switch only {
			case "":
			case "cloud":
				o.Manifests = nil
			case "host":
				o.Dirs = nil
			default:
				return r, progress.Invalid("--only is %q: write cloud or host", only)
			}
			return stages.Drift(ctx, o)
		}, driftText)
	flags := cmd.Flags()
	flags.StringArrayVar(&o.Dirs, "terraform-dir", []string{defaultTerraform}, "folder of the Terraform configuration (repeatable; {dir} in --backend-config is each one's folder)")
	addTerraformRest(flags, &o.Terraform)
	addGitHub(flags, &o.GitHub)
	addRun(flags, &o.GitHub.Run)
	flags.StringVar(&only, "only", "", "look at one side: cloud or host (default: both)")
	flags.StringVar(&o.Fix, "fix", "", "what to do about drift in the cloud: "+stages.FixByPullRequest+" opens one whose merge undoes it, FILE starts the workflow FILE")
	flags.StringVar(&o.Branch, "infra-branch", "", "branch that is applied, for --fix (default: "+stages.DefaultBranch+")")
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
	if r.Fix != "" {
		lines = append(lines, "fix: "+r.Fix)
	}
	if r.Issue != "" {
		lines = append(lines, "issue: "+r.Issue)
	}
	return strings.Join(lines, "\n")
}
