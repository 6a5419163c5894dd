package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"gitops/ci/stages"
)

func newValidate(c *console) *cobra.Command {
	var o stages.ValidateOptions
	var before []string
	cmd := command(c, "validate", "Check formatting and syntax of Terraform, Ansible, the manifest and the workflows",
		func(ctx context.Context) (stages.ValidateResult, error) {
			o.Output = c.stage
			for _, file := range before {
				earlier, err := readResult[stages.ValidateResult]("checked", file)
				if err != nil {
					return stages.ValidateResult{}, err
				}
				o.Before = append(o.Before, earlier.Checks...)
			}
			return stages.Validate(ctx, o)
		}, checksText)
	flags := cmd.Flags()
	flags.StringVar(&o.Terraform, "terraform-dir", defaultTerraform, "folder of the Terraform configuration")
	flags.StringVar(&o.Ansible, "ansible-dir", defaultAnsible, "folder of the playbook")
	flags.StringVar(&o.Playbook, "playbook", defaultPlaybook, "playbook, relative to --ansible-dir")
	flags.StringArrayVar(&o.Manifests, "manifest", []string{defaultManifest}, "compose manifest (repeatable, as docker compose -f)")
	flags.StringArrayVar(&o.Profiles, "profile", nil, "profile of the manifest that a deploy starts (repeatable)")
	flags.StringArrayVar(&o.Data, "data", nil, "relative path in the manifest that is data on the host, and no file of the repository (repeatable)")
	flags.StringVar(&o.Workflows, "workflows", ".github/workflows", "folder of the GitHub Actions workflows")
	flags.StringSliceVar(&o.Only, "only", stages.Checks, "which checks to run")
	flags.StringArrayVar(&before, "checked", nil, "result of checks that ran elsewhere, as JSON; they come first in this one's (repeatable)")
	return cmd
}

func checksText(r stages.ValidateResult) string {
	var out strings.Builder
	for _, c := range r.Checks {
		fmt.Fprintf(&out, "%-10s %s\n", c.Name, c.Status)
		for _, finding := range c.Findings {
			fmt.Fprintf(&out, "  %s\n", strings.ReplaceAll(finding, "\n", "\n  "))
		}
		for _, warning := range c.Warnings {
			fmt.Fprintf(&out, "  warning: %s\n", strings.ReplaceAll(warning, "\n", "\n  "))
		}
	}
	return strings.TrimRight(out.String(), "\n")
}
