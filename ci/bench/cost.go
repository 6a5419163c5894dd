package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// cost is what something took: time, and of it what the machine's processors worked.
type cost struct{ wall, worked time.Duration }

// costOf runs do. An engine works in its own processes, so what the whole machine
// does in that time counts, this program's surroundings included.
func costOf(do func() error) (cost, error) {
	before, err := worked()
	if err != nil {
		return cost{}, err
	}
	begun := time.Now()
	if err := do(); err != nil {
		return cost{}, err
	}
	c := cost{wall: time.Since(begun)}
	after, err := worked()
	c.worked = after - before
	return c, err
}

// middle returns the run with the median time.
func middle(all []cost) cost {
	sorted := slices.SortedFunc(slices.Values(all), func(a, b cost) int { return int(a.wall - b.wall) })
	return sorted[len(sorted)/2]
}

// tick is the unit of /proc/stat, by proc(5) and what every distribution has.
const tick = 10 * time.Millisecond

// worked returns how long all processors together have worked since the machine
// started: the times user, nice, system, irq and softirq of proc(5).
func worked() (sum time.Duration, err error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, fmt.Errorf("asking what processors do: %w", err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	fields := strings.Fields(line)
	if len(fields) < 8 {
		return 0, fmt.Errorf("asking what processors do: cannot understand %q", line)
	}
	for _, i := range []int{1, 2, 3, 6, 7} {
		ticks, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("asking what processors do: %w", err)
		}
		sum += time.Duration(ticks) * tick
	}
	return sum, nil
}
