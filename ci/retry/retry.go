// Package retry does again what failed, after a pause that ends early with its context.
package retry

import (
	"context"
	"time"
)

// Pause waits for so long, or until the context ends, which is then the error.
type Pause func(context.Context, time.Duration) error

// Sleep waits for d, or until ctx ends, and then returns ctx's cause.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// Do calls work until it succeeds. After the failure of an attempt, counted from 1,
// next says how long to pause before the following one, or returns the error to end
// with. pause is Sleep, or what takes its place in a test; its error ends Do too.
func Do(ctx context.Context, pause Pause, work func() error, next func(attempt int, err error) (time.Duration, error)) error {
	for attempt := 1; ; attempt++ {
		err := work()
		if err == nil {
			return nil
		}
		wait, err := next(attempt, err)
		if err != nil {
			return err
		}
		if err := pause(ctx, wait); err != nil {
			return err
		}
	}
}
