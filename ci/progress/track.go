package progress

import (
	"sync"
	"time"
)

// Track tells of one of several things that go on at the same time, such as the
// roll of one service: its phase, and how long it has taken. Nil tells nobody. It is
// safe for concurrent use.
type Track struct {
	progress *Progress
	name     string
	begun    time.Time
	stop     chan struct{}
	once     sync.Once

	mu    sync.Mutex
	phase string
}

// Track begins to tell of name. End it.
func (p *Progress) Track(name string) *Track {
	if p.silent() {
		return nil
	}
	t := &Track{progress: p, name: name, begun: time.Now(), stop: make(chan struct{})}
	p.board.add(t)
	if p.board.view.Screen == nil {
		go t.repeat()
	}
	return t
}

// Phase says what is done now, such as "waiting for its gate".
func (t *Track) Phase(text string) {
	if t == nil {
		return
	}
	t.mu.Lock()
	same := t.phase == text
	t.phase = text
	t.mu.Unlock()
	switch {
	case same:
	case t.progress.board.view.Screen != nil:
		t.progress.board.refresh()
	default:
		t.progress.Say("%s: %s (%s)", t.name, text, t.took())
	}
}

// End says how long it took, and whether it worked: a nil error means done.
func (t *Track) End(err error) {
	if err != nil {
		t.EndAs("failed")
		return
	}
	t.EndAs("done")
}

// EndAs says how long it took, and its outcome in one word or a few. Of several
// ends the first counts.
func (t *Track) EndAs(outcome string) {
	if t == nil {
		return
	}
	t.once.Do(func() {
		close(t.stop)
		t.progress.board.remove(t)
		t.progress.Say("%s: %s (%s)", t.name, outcome, t.took())
	})
}

func (t *Track) took() string { return Seconds(time.Since(t.begun)) }

// repeat says from time to time that the work goes on.
func (t *Track) repeat() {
	tick := time.NewTicker(stillEvery)
	defer tick.Stop()
	for {
		select {
		case <-t.stop:
			return
		case <-tick.C:
			t.progress.Say("%s … %s so far", t.doing(), t.took())
		}
	}
}

// doing names the work with its phase.
func (t *Track) doing() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.phase == "" {
		return t.name
	}
	return t.name + ": " + t.phase
}
