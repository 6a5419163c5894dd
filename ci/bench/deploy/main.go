// Command deploy measures deploys: how many requests one fails under a constant load, by
// this project and by the other ways of doing it, side by side; what it takes beside raw
// Compose; and how it goes with hundreds of services.
//
//	go run ./ci/bench/deploy [-only ways|overhead|services] [-ways NAME,…] [-deploys N] [-others N] [-rate N]
//	                         [-runs N] [-services N] [-picture FILE]
//
// It prints Markdown. It needs a Docker engine with Compose, sshd, and git's checkout of the
// application. The host is this machine: a real sshd, its engine, a registry and the real
// Traefik. It measures with everything that runs here besides.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
)

// size says what is measured, and how much.
type size struct {
	only, ways, picture   string
	deploys, others, rate int
	runs, services        int
}

func main() {
	var s size
	flag.StringVar(&s.only, "only", "", "take one measurement: ways, overhead or services")
	flag.StringVar(&s.ways, "ways", "", "ways to deploy, by their names in the table's order, separated by commas; all when empty")
	flag.IntVar(&s.deploys, "deploys", 20, "deploys in a row by this project")
	flag.IntVar(&s.others, "others", 3, "deploys in a row by each other way")
	flag.IntVar(&s.rate, "rate", 200, "requests per second")
	flag.IntVar(&s.runs, "runs", 5, "repetitions of what is timed beside raw Compose; the median counts")
	flag.IntVar(&s.services, "services", 300, "services of the large manifest")
	flag.StringVar(&s.picture, "picture", "", "write the picture of two deploys to this file")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, s)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, s size) (err error) {
	measurements := []struct {
		name string
		do   func(context.Context, *world, size) error
	}{{"ways", benchWays}, {"overhead", benchOverhead}, {"services", benchServices}}
	w, err := newWorld(ctx)
	if err != nil {
		return err
	}
	defer w.close()
	fmt.Printf("%d processors, %s/%s, Docker %s\n", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, w.engine)
	found := false
	for _, m := range measurements {
		if s.only != "" && s.only != m.name {
			continue
		}
		found = true
		if err := m.do(ctx, w, s); err != nil {
			return fmt.Errorf("measuring %s: %w", m.name, err)
		}
	}
	if !found {
		return fmt.Errorf("there is no measurement of this name: %s", "ways, overhead, services")
	}
	return nil
}

// say tells on standard error what goes on; standard output has the tables.
func say(format string, args ...any) {
	fmt.Fprintln(os.Stderr, strings.TrimRight(fmt.Sprintf(format, args...), "\n"))
}
