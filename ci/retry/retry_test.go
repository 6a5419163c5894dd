package retry_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"gitops/ci/retry"
)

func TestDo(t *testing.T) {
	var paused []time.Duration
	pause := func(_ context.Context, d time.Duration) error { paused = append(paused, d); return nil }
	broken, final := errors.New("broken"), errors.New("given up")
	calls := 0
	fail := func(times int) func() error {
		calls = 0
		return func() error {
			if calls++; calls <= times {
				return broken
			}
			return nil
		}
	}
	next := func(attempt int, err error) (time.Duration, error) {
		if !errors.Is(err, broken) || attempt != calls {
			t.Errorf("next is asked about %v after attempt %d of %d", err, attempt, calls)
		}
		if attempt == 3 {
			return 0, final
		}
		return time.Duration(attempt) * time.Hour, nil
	}
	if err := retry.Do(t.Context(), pause, fail(2), next); err != nil || calls != 3 || !slices.Equal(paused, []time.Duration{time.Hour, 2 * time.Hour}) {
		t.Errorf("%v after %d calls and %v", err, calls, paused)
	}
	if err := retry.Do(t.Context(), pause, fail(9), next); !errors.Is(err, final) || calls != 3 {
		t.Errorf("%v after %d calls", err, calls)
	}
}

func TestPauseEndsWithTheContext(t *testing.T) {
	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	next := func(int, error) (time.Duration, error) { return time.Hour, nil }
	if err := retry.Do(ctx, retry.Sleep, func() error { return errors.New("broken") }, next); !errors.Is(err, why) {
		t.Errorf("error is %v", err)
	}
	if err := retry.Sleep(t.Context(), time.Millisecond); err != nil {
		t.Errorf("a whole pause: %v", err)
	}
}
