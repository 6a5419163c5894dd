package deploy

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gitops/ci/retry"
)

const (
	// bakePoll is how often Traefik's metrics are read.
	bakePoll = time.Second
	// bakeLeast is how many requests have to fail before it counts as a rise.
	bakeLeast = 5
	// bakeShare is the share of failed requests that is always accepted.
	bakeShare = 0.01
)

// bake watches what Traefik answers for o.Watch, and fails when the share of 5xx
// rises above one in a hundred and above twice what it was before the deploy.
func (r *run) bake(ctx context.Context) error {
	if r.proxy == nil || !r.counted {
		return errors.New("--watch reads Traefik's metrics, and there are none: start it with --metrics.prometheus=true")
	}
	allowed := max(bakeShare, 2*r.requests.share())
	begun, has := r.proxy.requests(ctx)
	for end := time.Now().Add(r.o.Watch); has && time.Now().Before(end); {
		if err := retry.Sleep(ctx, min(bakePoll, time.Until(end)+time.Millisecond)); err != nil {
			return fmt.Errorf("watching Traefik: %w", err)
		}
		var now Requests
		if now, has = r.proxy.requests(ctx); has {
			if now = now.since(begun); now.Failed >= bakeLeast && now.share() > allowed {
				return fmt.Errorf("%d of %d requests were answered with 5xx since the new containers serve, more than %.1f %%", now.Failed, now.Total, allowed*100)
			}
		}
	}
	if !has {
		return errors.New("reading Traefik's metrics: they are gone")
	}
	return nil
}

func (r Requests) share() float64 {
	if r.Total == 0 {
		return 0
	}
	return float64(r.Failed) / float64(r.Total)
}

// count writes into the receipt what Traefik answered during the run.
func (r *run) count(ctx context.Context) {
	if r.proxy == nil || !r.counted {
		return
	}
	// A Traefik that was started anew counts from zero.
	if now, has := r.proxy.requests(ctx); has && now.Total >= r.requests.Total {
		during := now.since(r.requests)
		r.receipt.Requests = &during
	}
}
