package progress

import (
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// stillEvery is how often long work says that it is still going on.
const stillEvery = 15 * time.Second

// Progress tells people what a stage is doing and for how long. The zero value
// and nil tell nobody. It is safe for concurrent use.
type Progress struct {
	board  *board
	prefix string
}

// board is what a Progress and those made from it by Prefix share.
type board struct {
	out  io.Writer
	view View

	mu     sync.Mutex
	tracks []*Track // what goes on, in the order of its beginning
	group  *Track   // whose group of lines is open
	stop   chan struct{}
}

// NewProgress returns a Progress that writes lines to out.
func NewProgress(out io.Writer) *Progress { return NewView(out, View{}) }

// NewView returns a Progress that writes lines to out and shows more of itself as
// view has it.
func NewView(out io.Writer, view View) *Progress {
	if out == nil {
		return &Progress{}
	}
	return &Progress{board: &board{out: out, view: view}}
}

// Prefix returns a Progress that puts name before everything it tells, for work
// that happens at several places.
func (p *Progress) Prefix(name string) *Progress {
	if p.silent() {
		return p
	}
	return &Progress{board: p.board, prefix: p.prefix + name + ": "}
}

func (p *Progress) silent() bool { return p == nil || p.board == nil }

// Say writes one line. The arguments are those of fmt.Sprintf.
func (p *Progress) Say(format string, args ...any) {
	if p.silent() {
		return
	}
	p.board.mu.Lock()
	defer p.board.mu.Unlock()
	fmt.Fprintf(p.board.out, "%s"+format+"\n", append([]any{p.prefix}, args...)...)
}

// Start says that work begins, repeats itself while the work lasts, and returns
// the function that ends it and says how long it took. A nil error means done.
func (p *Progress) Start(what string) (end func(error)) { return p.Step(what).End }

// Step begins as Start does, and returns the Track, which can tell its phases and
// end in other words.
func (p *Progress) Step(what string) *Track {
	t := p.Track(what)
	if t == nil {
		return nil
	}
	p.board.openGroup(t)
	if p.board.view.Screen == nil {
		p.Say("%s …", what)
	}
	return t
}

// add begins a track.
func (b *board) add(t *Track) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tracks = append(b.tracks, t)
	if b.view.Screen != nil && b.stop == nil {
		b.stop = make(chan struct{})
		go b.redraw(b.stop)
	}
	b.show()
}

// remove ends a track.
func (b *board) remove(t *Track) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tracks = slices.DeleteFunc(b.tracks, func(other *Track) bool { return other == t })
	if b.stop != nil && len(b.tracks) == 0 {
		close(b.stop)
		b.stop = nil
	}
	b.closeGroup(t)
	b.show()
}

// Seconds formats d the way every stage prints durations: seconds with one decimal.
func Seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
