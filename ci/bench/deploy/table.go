package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"gitops/ci/lab/loadtest"
)

func printWays(outcomes []outcome, s size) {
	fmt.Printf("\nDeploys in a row under %d requests/s and %d event streams: 60 %% pages, 25 %% reads and 10 %% writes with a login by the API (35 %% "+
		"reads where services know nothing of drains), 4 %% that take 2 s by design, 1 %% uploads of 5 MB. Time limit 10 s; times without what a "+
		"request takes by design.\n", s.rate, streams)
	last := ""
	for _, o := range outcomes {
		if group := group(o.way); group != last {
			last = group
			fmt.Printf("\n%s:\n\n| way | deploys | requests | failed | event streams failed | slowest | p99 | failed for | seconds per deploy |\n|---|---|---|---|---|---|---|---|---|\n", group)
		}
		fmt.Println(row(o))
	}
	fmt.Printf("\n| way | what failed |\n|---|---|\n")
	for _, o := range outcomes {
		if len(o.result.Failed()) > 0 {
			fmt.Printf("| %s, %s | %s |\n", group(o.way), o.way.name, whatFailed(o.result))
		}
	}
}

// group is the table that a way is in.
func group(w way) string {
	if w.stack.name == plain.name {
		return "Services that know nothing of drains"
	}
	return "The application"
}

func row(o outcome) string {
	stream := o.result.Of("event stream")
	rest := o.result
	rest.Requests = slices.DeleteFunc(slices.Clone(rest.Requests), func(r loadtest.Request) bool { return r.Kind == "event stream" })
	var down time.Duration
	for _, w := range rest.Windows() {
		down += w.To - w.From
	}
	return fmt.Sprintf("| %s | %d | %d | %d | %d | %s | %s | %.1f s | %.1f |", o.way.name, o.deploys, len(rest.Requests), len(rest.Failed()), len(stream.Failed()),
		milliseconds(rest.Slowest().Over), milliseconds(rest.Percentile(99)), down.Seconds(), median(o.times).Seconds())
}

// whatFailed tells kinds and reasons.
func whatFailed(r loadtest.Result) string {
	var parts []string
	for _, kind := range r.Kinds() {
		counts := r.Of(kind).Reasons()
		if len(counts) == 0 {
			continue
		}
		var reasons []string
		for _, reason := range slices.SortedFunc(maps.Keys(counts), func(a, b string) int { return cmp.Compare(counts[b], counts[a]) }) {
			reasons = append(reasons, fmt.Sprintf("%d %s", counts[reason], reason))
		}
		parts = append(parts, kind+": "+strings.Join(reasons, ", "))
	}
	return strings.Join(parts, "; ")
}

func median(all []time.Duration) time.Duration {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%d ms", d.Milliseconds())
}
