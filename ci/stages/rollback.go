package stages

import (
	"context"

	"gitops/ci/deploy"
	"gitops/ci/host"
)

// RollbackOptions say which release is deployed again.
type RollbackOptions struct {
	RollOptions
	// Release is a release of the host, as Status names it; the one before the current
	// when empty.
	Release string `json:"release,omitempty"`
}

// Rollback deploys an earlier release of the host again.
func Rollback(ctx context.Context, o RollbackOptions) (DeployResult, error) {
	options, err := o.options()
	if err != nil {
		return DeployResult{}, err
	}
	return onHost(ctx, o.Host, o.Output, func(c *host.Client) (DeployResult, error) {
		return receipt(deploy.Rollback(ctx, c, deploy.RollbackOptions{Options: options, Release: o.Release}))
	})
}
