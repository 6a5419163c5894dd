package auth

import (
	"math"
	"sync"
	"time"
)

// maxBuckets bounds the memory that strangers can make a Throttle use.
const maxBuckets = 10_000

// Throttle is a token bucket for each key: burst attempts at once, then one for each interval.
// An attempt that turns out fine is given back, so only failures count.
type Throttle struct {
	burst    float64
	interval time.Duration

	mu      sync.Mutex
	buckets map[string]bucket
}

type bucket struct {
	left float64
	at   time.Time
}

// NewThrottle returns an empty Throttle.
func NewThrottle(burst int, interval time.Duration) *Throttle {
	return &Throttle{burst: float64(burst), interval: interval, buckets: map[string]bucket{}}
}

// Take uses up one attempt of key. Where none is left it returns how long to wait for one.
func (t *Throttle) Take(key string, now time.Time) (wait time.Duration, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	left := t.left(key, now)
	if left < 1 {
		return time.Duration(math.Ceil((1 - left) * float64(t.interval))), false
	}
	t.makeRoom(now)
	t.buckets[key] = bucket{left: left - 1, at: now}
	return 0, true
}

// GiveBack returns the attempt that Take used up.
func (t *Throttle) GiveBack(key string, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if left := t.left(key, now) + 1; left < t.burst {
		t.buckets[key] = bucket{left: left, at: now}
	} else {
		delete(t.buckets, key)
	}
}

func (t *Throttle) left(key string, now time.Time) float64 {
	b, known := t.buckets[key]
	if !known {
		return t.burst
	}
	refilled := float64(now.Sub(b.at)) / float64(t.interval)
	return math.Min(t.burst, b.left+math.Max(0, refilled))
}

// makeRoom forgets what has refilled; when that is not enough, whatever the map yields first.
func (t *Throttle) makeRoom(now time.Time) {
	if len(t.buckets) < maxBuckets {
		return
	}
	for key := range t.buckets {
		if t.left(key, now) >= t.burst {
			delete(t.buckets, key)
		}
	}
	for key := range t.buckets {
		if len(t.buckets) < maxBuckets {
			return
		}
		delete(t.buckets, key)
	}
}
