package deploy

import (
	"context"
	"errors"
	"strings"

	"gitops/ci/host"
)

// cutOff reports whether err comes from a lost connection, or from a Docker engine that
// does not answer: the host has to be reached again before anything else.
func cutOff(err error) bool {
	if err == nil {
		return false
	}
	var lost *host.ConnectionError
	return errors.As(err, &lost) || strings.Contains(err.Error(), "Cannot connect to the Docker daemon")
}

// reachAgain waits for the host and its Docker engine, and takes the lock again, unless
// another run had it meanwhile.
func (r *run) reachAgain(ctx context.Context) error {
	return r.step(ctx, "reach again", func(ctx context.Context) error {
		if err := r.host.Recover(ctx, host.Needs{Docker: true}, r.o.GateTimeout, r.o.Progress); err != nil {
			return err
		}
		return r.relock(ctx)
	})
}

// leftAlone is what a run that cannot go back leaves.
const leftAlone = "nothing more was touched: old containers that have not been drained go on, and so do new ones. Look with `gitops status`; " +
	"deploy again, or `gitops rollback`, when the host answers"
