package host

import (
	"context"
	"time"

	"gitops/ci/progress"
)

// Recover makes sure that the host answers and that everything in n is ready, after
// something went wrong: it connects anew, and tries for within. Commands on the old
// connection end for this Client; on the host they may go on. Its errors are those of
// Wait.
func (c *Client) Recover(ctx context.Context, n Needs, within time.Duration, p *progress.Progress) error {
	config := c.config
	config.Timeout = within
	again, err := Wait(ctx, config, n, p)
	if err != nil {
		return err
	}
	_ = c.link.Swap(again.link.Load()).Close() // it may be broken
	return nil
}
