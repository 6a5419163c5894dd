package terminal

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"unicode/utf8"
)

const (
	// LineLimit is how many bytes of one line are shown. A whole comment of review
	// passes, whatever its lines are.
	LineLimit = 64 << 10
	// MessageLimit is how many bytes of one message are shown: one Write of a
	// program that tells something, as fmt.Fprint does.
	MessageLimit = 128 << 10
)

// Guard passes text on so that GitHub's runner finds no workflow command in it,
// and bounds it. The runner takes "::" at the beginning of a line, after white
// space, and "##[" anywhere for one; the guard puts a space into both, which a
// person reads over. Of a message that is too long its middle goes, of a line its
// end, and a note says how much. It is safe for concurrent use.
type Guard struct {
	w io.Writer

	mu      sync.Mutex
	started bool // the line has more than white space, or bytes beyond ASCII
	colon   bool // the line has white space and a colon
	hashes  int  // number signs at the end of what was passed on
	shown   int  // bytes of the line that were passed on
	dropped int  // bytes of the line that were not
	safe    []byte
}

// NewGuard returns a Guard that passes text on to w.
func NewGuard(w io.Writer) *Guard { return &Guard{w: w} }

// Write implements io.Writer.
func (g *Guard) Write(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.safe = g.safe[:0]
	for rest := boundMessage(p); len(rest) > 0; {
		n := g.harmless(rest)
		g.safe = append(g.safe, rest[:n]...)
		g.shown += n
		if rest = rest[n:]; len(rest) > 0 {
			g.add(rest[0])
			rest = rest[1:]
		}
	}
	if err := g.flush(); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Close tells what was left out of the last line. It does not close the writer
// below.
func (g *Guard) Close() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.safe = g.safe[:0]
	g.note()
	return g.flush()
}

// Commands returns a writer for the workflow commands that this program gives
// itself: they pass as they are, at the beginning of a line.
func (g *Guard) Commands() io.Writer { return commands{g} }

type commands struct{ g *Guard }

func (c commands) Write(p []byte) (int, error) {
	c.g.mu.Lock()
	defer c.g.mu.Unlock()
	c.g.safe = c.g.safe[:0]
	if c.g.shown > 0 {
		c.g.add('\n')
	}
	c.g.safe = append(c.g.safe, p...)
	if err := c.g.flush(); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (g *Guard) flush() error {
	if len(g.safe) == 0 {
		return nil
	}
	_, err := g.w.Write(g.safe)
	return err
}

// harmless returns how many bytes at the beginning of p pass as they are: most of
// a line that has begun.
func (g *Guard) harmless(p []byte) int {
	if !g.started || g.colon || g.hashes > 0 {
		return 0
	}
	p = p[:min(len(p), max(0, LineLimit-g.shown))]
	for i, b := range p {
		if b == '\n' || b == '#' {
			return i
		}
	}
	return len(p)
}

func (g *Guard) add(b byte) {
	if b == '\n' {
		g.note()
		g.safe = append(g.safe, b)
		g.started, g.colon, g.hashes, g.shown = false, false, 0, 0
		return
	}
	if g.shown >= LineLimit && (g.dropped > 0 || utf8.RuneStart(b)) {
		g.dropped++
		return
	}
	if b == ':' && g.colon || b == '[' && g.hashes >= 2 {
		g.safe = append(g.safe, ' ')
		g.shown++
	}
	g.safe = append(g.safe, b)
	g.shown++
	g.colon = b == ':' && !g.started
	g.started = g.started || b > ' ' && b < utf8.RuneSelf
	if b == '#' {
		g.hashes++
	} else {
		g.hashes = 0
	}
}

// note tells what was left out of the line.
func (g *Guard) note() {
	if g.dropped > 0 {
		g.safe = fmt.Appendf(g.safe, " [… %d bytes left out]", g.dropped)
		g.dropped = 0
	}
}

// boundMessage returns p, without its middle where it is too long.
func boundMessage(p []byte) []byte {
	if len(p) <= MessageLimit {
		return p
	}
	head, tail := p[:MessageLimit/2], p[len(p)-MessageLimit/2:]
	if at := bytes.LastIndexByte(head, '\n'); at >= 0 {
		head = head[:at]
	} else {
		head = bytes.TrimRightFunc(head, func(r rune) bool { return r == utf8.RuneError })
	}
	if at := bytes.IndexByte(tail, '\n'); at >= 0 {
		tail = tail[at+1:]
	} else {
		tail = bytes.TrimLeftFunc(tail, func(r rune) bool { return r == utf8.RuneError })
	}
	note := fmt.Sprintf("\n[… %d bytes left out]\n", len(p)-len(head)-len(tail))
	return bytes.Join([][]byte{head, tail}, []byte(note))
}
