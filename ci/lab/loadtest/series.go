package loadtest

import "time"

// Point counts the requests of one step of time.
type Point struct {
	// At is the step's begin, since the load began.
	At time.Duration
	// Requests is how many were due in the step, Failed how many of them failed. A
	// stream that was cut counts where it was cut.
	Requests, Failed int
	// Slowest is the longest time over what a request takes by design.
	Slowest time.Duration
}

// Series counts the requests step by step.
func (r Result) Series(step time.Duration) []Point {
	points := make([]Point, r.Lasted/step+1)
	for i := range points {
		points[i].At = time.Duration(i) * step
	}
	for _, one := range r.Requests {
		at := one.Start
		if one.Failed() {
			at = one.failedAt()
		}
		// The end of a stream may lie beyond the last request.
		p := &points[min(int(at/step), len(points)-1)]
		p.Requests++
		p.Slowest = max(p.Slowest, one.Over)
		if one.Failed() {
			p.Failed++
		}
	}
	return points
}
