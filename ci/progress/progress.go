package progress

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// stillEvery is how often long work says that it is still going on.
const stillEvery = 15 * time.Second

// Progress tells people what a stage is doing and for how long. The zero value
// and nil tell nobody. It is safe for concurrent use.
type Progress struct {
	mu  sync.Mutex
	out io.Writer
}

// NewProgress returns a Progress that writes lines to out.
func NewProgress(out io.Writer) *Progress { return &Progress{out: out} }

// Say writes one line. The arguments are those of fmt.Sprintf.
func (p *Progress) Say(format string, args ...any) {
	if p == nil || p.out == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.out, format+"\n", args...)
}

// Start says that work begins, repeats itself while the work lasts, and returns
// the function that ends it and says how long it took. A nil error means done.
func (p *Progress) Start(what string) (end func(error)) {
	if p == nil || p.out == nil {
		return func(error) {}
	}
	begun := time.Now()
	p.Say("%s …", what)
	stop := make(chan struct{})
	go p.repeat(what, begun, stop)
	return func(err error) {
		close(stop)
		outcome := "done"
		if err != nil {
			outcome = "failed"
		}
		p.Say("%s: %s (%s)", what, outcome, Seconds(time.Since(begun)))
	}
}

func (p *Progress) repeat(what string, begun time.Time, stop <-chan struct{}) {
	tick := time.NewTicker(stillEvery)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
			p.Say("%s … %s so far", what, Seconds(time.Since(begun)))
		}
	}
}

// Seconds formats d the way every stage prints durations: seconds with one decimal.
func Seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
