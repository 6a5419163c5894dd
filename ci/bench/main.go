// Command bench takes the measurements of the README: bumping a large manifest
// beside sed and yq, robots that push to one branch at once, and publishing the
// application's images.
//
//	go run ./ci/bench [-only bump|robots|publish] [-runs N] [-lines N] [-robots N] [-builds N]
//
// It prints Markdown. It measures on this machine, with everything that runs
// there; it says what it could not run.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"time"
)

func main() {
	only := flag.String("only", "", "run one measurement: bump, robots or publish")
	var s size
	flag.IntVar(&s.runs, "runs", 15, "repetitions of each bump; the median counts")
	flag.IntVar(&s.lines, "lines", 10000, "lines of the manifest")
	flag.IntVar(&s.robots, "robots", 20, "robots that push at once")
	flag.IntVar(&s.builds, "builds", 3, "cold builds of each kind")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, *only, s)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// size says how much is measured.
type size struct{ runs, lines, robots, builds int }

func run(ctx context.Context, only string, s size) error {
	folder, err := os.MkdirTemp("", "gitops-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	fmt.Printf("%d processors, %s/%s\n", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH)
	measurements := []struct {
		name string
		do   func(context.Context, string, size) error
	}{{"bump", benchBump}, {"robots", benchRobots}, {"publish", benchPublish}}
	found := false
	for _, m := range measurements {
		if only != "" && only != m.name {
			continue
		}
		found = true
		if err := m.do(ctx, folder, s); err != nil {
			return fmt.Errorf("measuring %s: %w", m.name, err)
		}
	}
	if !found {
		return fmt.Errorf("there is no measurement %q", only)
	}
	return nil
}

func median(all []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}

// milliseconds formats d for the tables.
func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
}
