package loadtest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Mark is something that happened during a load.
type Mark struct {
	// Name says what.
	Name string
	// At is when, since the load began.
	At time.Duration
}

// Result is the record of a load.
type Result struct {
	// Begun is when the load began.
	Begun time.Time
	// Lasted is how long requests were started.
	Lasted time.Duration
	// Requests are in the order of their starts.
	Requests []Request
	// Marks are in the order of their times.
	Marks []Mark
}

func newResult(begun time.Time, lasted time.Duration, requests []Request, marks []Mark) Result {
	sorted := slices.SortedStableFunc(slices.Values(requests), func(a, b Request) int { return cmp.Compare(a.Start, b.Start) })
	return Result{Begun: begun, Lasted: lasted, Requests: sorted, Marks: slices.Clone(marks)}
}

// Failed returns the requests that failed.
func (r Result) Failed() []Request {
	return slices.DeleteFunc(slices.Clone(r.Requests), func(one Request) bool { return !one.Failed() })
}

// Of returns the record of one kind.
func (r Result) Of(kind string) Result {
	r.Requests = slices.DeleteFunc(slices.Clone(r.Requests), func(one Request) bool { return one.Kind != kind })
	return r
}

// Between returns the record of the requests that were under way at some time from
// from to to.
func (r Result) Between(from, to time.Duration) Result {
	r.Requests = slices.DeleteFunc(slices.Clone(r.Requests), func(one Request) bool { return one.End < from || one.Start > to })
	return r
}

// Kinds returns the names of the kinds, sorted.
func (r Result) Kinds() []string {
	names := map[string]bool{}
	for _, one := range r.Requests {
		names[one.Kind] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// Reasons counts the failed requests by why they failed.
func (r Result) Reasons() map[string]int {
	counts := map[string]int{}
	for _, one := range r.Failed() {
		counts[one.Reason]++
	}
	return counts
}

// Versions counts the answers by the version that gave them.
func (r Result) Versions() map[string]int {
	counts := map[string]int{}
	for _, one := range r.Requests {
		if one.Version != "" {
			counts[one.Version]++
		}
	}
	return counts
}

// Slowest returns the request that took longest over what it takes by design, failed
// ones included.
func (r Result) Slowest() Request {
	if len(r.Requests) == 0 {
		return Request{}
	}
	return slices.MaxFunc(r.Requests, func(a, b Request) int { return cmp.Compare(a.Over, b.Over) })
}

// Percentile returns the time that so many of 100 requests do not exceed, over what
// they take by design, failed ones included.
func (r Result) Percentile(percent float64) time.Duration {
	if len(r.Requests) == 0 {
		return 0
	}
	over := make([]time.Duration, len(r.Requests))
	for i, one := range r.Requests {
		over[i] = one.Over
	}
	slices.Sort(over)
	return over[min(int(float64(len(over))*percent/100), len(over)-1)]
}

// String tells the totals, the kinds and reasons of what failed, and when, for a test's
// message.
func (r Result) String() string {
	var b strings.Builder
	failed := r.Failed()
	fmt.Fprintf(&b, "%d requests in %.1f s, %d failed, slowest %s (%s), p99 %s", len(r.Requests), r.Lasted.Seconds(), len(failed),
		r.Slowest().Over.Round(time.Millisecond), r.Slowest().Kind, r.Percentile(99).Round(time.Millisecond))
	for _, kind := range r.Kinds() {
		if one := r.Of(kind); len(one.Failed()) > 0 {
			fmt.Fprintf(&b, "\n%s: %d of %d failed: %s", kind, len(one.Failed()), len(one.Requests), one.reasons())
		}
	}
	for _, w := range r.Windows() {
		fmt.Fprintf(&b, "\n%d failed from %.1f s to %.1f s", w.Failed, w.From.Seconds(), w.To.Seconds())
	}
	return b.String()
}

// reasons tells the reasons, most frequent first.
func (r Result) reasons() string {
	counts := r.Reasons()
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), strings.Compare(a, b))
	})
	for i, name := range names {
		names[i] = fmt.Sprintf("%d %s", counts[name], name)
	}
	return strings.Join(names, ", ")
}
