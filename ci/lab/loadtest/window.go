package loadtest

import (
	"cmp"
	"slices"
	"time"
)

// windowGap is the time without a failure that ends a window.
const windowGap = time.Second

// Window is a time in which requests failed.
type Window struct {
	// From is when the first that failed was due, To when the last did; since the load
	// began.
	From, To time.Duration
	// Failed is how many failed.
	Failed int
}

// Windows returns the times in which requests failed. Failures that are less than a
// second apart are in one window.
func (r Result) Windows() []Window {
	failed := r.Failed()
	slices.SortFunc(failed, func(a, b Request) int { return cmp.Compare(a.failedAt(), b.failedAt()) })
	var windows []Window
	for _, one := range failed {
		at := one.failedAt()
		if n := len(windows); n > 0 && at-windows[n-1].To < windowGap {
			windows[n-1].To = at
			windows[n-1].Failed++
			continue
		}
		windows = append(windows, Window{From: at, To: at, Failed: 1})
	}
	return windows
}

// failedAt is the time that a failure belongs to: when the request was due, or when a
// stream that had been open was cut.
func (r Request) failedAt() time.Duration {
	if r.Start+r.Latency < r.End {
		return r.End
	}
	return r.Start
}
