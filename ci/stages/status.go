package stages

import (
	"context"

	"gitops/ci/deploy"
	"gitops/ci/host"
)

// PlaceOptions say which releases of which host are meant.
type PlaceOptions struct {
	Host   HostOptions  `json:"host"`
	Place  deploy.Place `json:"place"`
	Output Output       `json:"-"`
}

// StatusResult is what runs on the host, its releases and its last receipt.
type StatusResult struct{ deploy.State }

// Status tells what runs on the host.
func Status(ctx context.Context, o PlaceOptions) (StatusResult, error) {
	return onHost(ctx, o.Host, o.Output, func(c *host.Client) (StatusResult, error) {
		state, err := deploy.Status(ctx, c, o.Place)
		if err != nil {
			return StatusResult{}, err
		}
		return StatusResult{state}, nil
	})
}

// UnlockResult is the lock that was removed; nil when there was none.
type UnlockResult struct {
	Removed *deploy.Lock `json:"removed"`
}

// Unlock removes the deploy lock of the host, whoever holds it.
func Unlock(ctx context.Context, o PlaceOptions) (UnlockResult, error) {
	return onHost(ctx, o.Host, o.Output, func(c *host.Client) (UnlockResult, error) {
		lock, err := deploy.Unlock(ctx, c, o.Place)
		if err != nil {
			return UnlockResult{}, err
		}
		return UnlockResult{lock}, nil
	})
}
