package main

import (
	"context"

	"github.com/spf13/cobra"

	"gitops/ci/stages"
)

func newUnlockState(c *console) *cobra.Command {
	var o stages.UnlockStateOptions
	cmd := command(c, "unlock-state", "Remove the lock of Terraform's state that a dead run left behind",
		func(ctx context.Context) (stages.UnlockStateResult, error) {
			o.Output = c.stage
			return stages.UnlockState(ctx, o)
		}, func(r stages.UnlockStateResult) string { return "removed lock " + r.Lock })
	addTerraform(cmd.Flags(), &o.Terraform)
	cmd.Flags().StringVar(&o.Lock, "lock", "", "ID of the lock, which the error about it names")
	return cmd
}
