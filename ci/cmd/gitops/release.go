package main

import (
	"context"

	"github.com/spf13/cobra"

	"gitops/ci/stages"
)

func newRelease(c *console) *cobra.Command {
	var p publishFlags
	var r robotFlags
	var published string
	var noPin bool
	cmd := command(c, "release", "Publish a commit's images and let the robot write them into the manifest",
		func(ctx context.Context) (_ stages.ReleaseResult, err error) {
			var o stages.ReleaseOptions
			if o.Publish, err = p.options(c); err != nil {
				return stages.ReleaseResult{}, err
			}
			if o.Push, err = r.options(c); err != nil {
				return stages.ReleaseResult{}, err
			}
			pin := !noPin
			o.Push.Robot.Pin = &pin
			if o.Published, err = readResult[stages.PublishResult]("published", published); err != nil {
				return stages.ReleaseResult{}, err
			}
			return stages.Release(ctx, o)
		}, releaseText)
	p.add(cmd.Flags())
	r.add(cmd.Flags())
	cmd.Flags().BoolVar(&noPin, "no-pin", false, "write the tag alone, without the digest")
	cmd.Flags().StringVar(&published, "published", "", "result of a publish that ran elsewhere, as JSON: only push the refs")
	return cmd
}

func releaseText(r stages.ReleaseResult) string {
	return refsText(stages.PublishResult{Refs: r.Refs}) + "\n" + pushText(r.Push)
}
