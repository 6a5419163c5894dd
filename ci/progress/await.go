package progress

import (
	"context"
	"fmt"
)

// Await returns what compute returns, or an error as soon as ctx is done, for work that
// looks at no context, such as the parsing of a large file. Then compute goes on until
// it ends, and its result is dropped: it must change nothing outside of itself.
func Await[T any](ctx context.Context, doing string, compute func() (T, error)) (T, error) {
	type outcome struct {
		value T
		err   error
	}
	done := make(chan outcome, 1)
	go func() {
		value, err := compute()
		done <- outcome{value, err}
	}()
	select {
	case o := <-done:
		return o.value, o.err
	case <-ctx.Done():
		var none T
		return none, fmt.Errorf("%s: interrupted: %w", doing, ctx.Err())
	}
}
