package main

import (
	"context"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gitops/ci/stages"
)

func addConfigure(flags *pflag.FlagSet, o *stages.ConfigureOptions) {
	flags.StringVar(&o.Dir, "ansible-dir", defaultAnsible, "folder of the playbook")
	flags.StringVar(&o.Playbook, "playbook", defaultPlaybook, "playbook, relative to --ansible-dir")
	flags.StringSliceVar(&o.Tags, "tags", nil, "tags to run (default: all)")
	flags.StringSliceVar(&o.VarsFiles, "extra-vars-file", nil, "YAML or JSON file of variables, secrets among them (repeatable)")
	flags.BoolVar(&o.Check, "check", false, "only tell what would change")
	addPass(flags, &o.Pass, "ansible")
}

func newConfigure(c *console) *cobra.Command {
	var o stages.ConfigureOptions
	var h hostFlags
	cmd := command(c, "configure", "Wait for the host and run the playbook on it",
		func(ctx context.Context) (r stages.ConfigureResult, err error) {
			o.Output = c.stage
			if o.Host, err = h.options(); err != nil {
				return r, err
			}
			return stages.Configure(ctx, o)
		}, configureText)
	addConfigure(cmd.Flags(), &o)
	h.add(cmd.Flags())
	return cmd
}

func configureText(r stages.ConfigureResult) string { return r.Recap.String() }

func newProvision(c *console) *cobra.Command {
	var o stages.ProvisionOptions
	var h hostFlags
	var applied string
	cmd := command(c, "provision", "Apply the reviewed plan, then configure the host that it puts out",
		func(ctx context.Context) (r stages.ProvisionResult, err error) {
			o.Apply.Output, o.Configure.Output = c.stage, c.stage
			if o.Configure.Host, err = h.options(); err != nil {
				return r, err
			}
			if o.Applied, err = readResult[stages.ApplyResult]("applied", applied); err != nil {
				return r, err
			}
			return stages.Provision(ctx, o)
		}, provisionText)
	addApply(cmd, &o.Apply)
	addConfigure(cmd.Flags(), &o.Configure)
	h.addLogin(cmd.Flags())
	cmd.Flags().StringVar(&applied, "applied", "", "result of an apply that ran elsewhere, as JSON: only configure")
	return cmd
}

func provisionText(r stages.ProvisionResult) string {
	text := applyText(r.Apply)
	if r.Configure != nil {
		text += "\n" + configureText(*r.Configure)
	}
	return text
}
