package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"gitops/ci/progress"
	"gitops/ci/stages"
)

// The steps of publish, for engines that build by themselves. They are hidden: the
// Dagger module calls them.

func newReuse(c *console, f *publishFlags) *cobra.Command {
	cmd := command(c, "reuse", "Look for images that need not be built",
		func(ctx context.Context) (stages.ReuseResult, error) {
			o, err := f.options(c)
			if err != nil {
				return stages.ReuseResult{}, err
			}
			return stages.PublishReuse(ctx, o)
		}, reuseText)
	cmd.Hidden = true
	return cmd
}

func reuseText(r stages.ReuseResult) string {
	var lines []string
	for _, f := range r.Found {
		line := f.Service + ": to be built"
		if f.Ref != "" {
			line = f.Service + ": " + f.Ref
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

func newLayout(c *console, f *publishFlags) *cobra.Command {
	var b stages.Built
	cmd := command(c, "layout", "Make the image that is pushed of the one that an engine built",
		func(ctx context.Context) (nothing, error) {
			return nothing{}, stages.PublishLayout(ctx, f.PublishOptions, b)
		}, noText)
	cmd.Hidden = true
	flags := cmd.Flags()
	flags.StringVar(&b.Inputs, "inputs", "", "what the image was built from, as publish reuse names it")
	flags.StringVar(&b.Image, "image", "", "archive of the image, as docker save writes it")
	flags.StringVar(&b.Base, "base", "", "archive of the image that it starts from (default: none)")
	flags.StringVar(&b.Platform, "platform", "", "what it was built for (default: what the engine says)")
	flags.StringVar(&b.Out, "out", "", "folder for the OCI layout")
	return cmd
}

func newSBOM(c *console, f *publishFlags) *cobra.Command {
	var image, name, out string
	cmd := command(c, "sbom", "Write the bill of materials of an image",
		func(ctx context.Context) (nothing, error) {
			return nothing{}, stages.PublishSBOM(ctx, f.PublishOptions, image, name, out)
		}, noText)
	cmd.Hidden = true
	flags := cmd.Flags()
	flags.StringVar(&image, "image", "", "folder with the OCI layout")
	flags.StringVar(&name, "name", "", "what the document calls it")
	flags.StringVar(&out, "out", "", "file for the SPDX document")
	return cmd
}

func newPush(c *console, f *publishFlags) *cobra.Command {
	var built, found string
	cmd := command(c, "push", "Push, attest, sign and tag what was built",
		func(ctx context.Context) (stages.PublishResult, error) {
			o, err := f.options(c)
			if err != nil {
				return stages.PublishResult{}, err
			}
			reuse, err := readResult[stages.ReuseResult]("found", found)
			if err == nil && reuse == nil {
				err = progress.Invalid("push needs --found: what publish reuse reported")
			}
			if err != nil {
				return stages.PublishResult{}, err
			}
			return stages.PublishPush(ctx, o, *reuse, built)
		}, refsText)
	cmd.Hidden = true
	cmd.Flags().StringVar(&built, "built", "", "folder with what was built, <service>/<platform>/{image,sbom.json,bases.json}")
	cmd.Flags().StringVar(&found, "found", "", "what publish reuse reported, as JSON")
	return cmd
}
