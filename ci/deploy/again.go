package deploy

import (
	"context"
	"errors"

	"gitops/ci/host"
)

// cutOff reports whether err comes from a lost connection.
func cutOff(err error) bool {
	var lost *host.ConnectionError
	return errors.As(err, &lost)
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
