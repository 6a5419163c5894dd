package terminal

import (
	"bytes"
	"fmt"
	"io"
	"sync"
)

// Control sequences that every terminal of today knows.
const (
	eraseBelow = "\x1b[J"
	wrapOff    = "\x1b[?7l"
	wrapOn     = "\x1b[?7h"
)

// usualHeight is how many lines a terminal has that does not tell.
const usualHeight = 24

// Screen is a writer to a terminal that keeps rows below what is written to it,
// and draws them again in place. It is safe for concurrent use.
type Screen struct {
	w      io.Writer
	height func() int

	mu    sync.Mutex
	rows  []string
	drawn int  // rows that the terminal shows now
	open  bool // the last line written has no end yet
}

// NewScreen returns a Screen on w. height returns how many lines the terminal has
// now, or 0 where that is not known.
func NewScreen(w io.Writer, height func() int) *Screen { return &Screen{w: w, height: height} }

// Write implements io.Writer: p goes above the rows.
func (s *Screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(p) == 0 {
		return 0, nil
	}
	var out bytes.Buffer
	s.erase(&out)
	out.Write(p)
	s.open = p[len(p)-1] != '\n'
	s.draw(&out)
	if _, err := s.w.Write(out.Bytes()); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Show replaces the rows. They have no line break and no control sequence.
func (s *Screen) Show(rows []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out bytes.Buffer
	s.erase(&out)
	s.rows = rows
	s.draw(&out)
	if out.Len() == 0 {
		return nil
	}
	_, err := s.w.Write(out.Bytes())
	return err
}

func (s *Screen) erase(out *bytes.Buffer) {
	if s.drawn > 0 {
		fmt.Fprintf(out, "\x1b[%dA\r%s", s.drawn, eraseBelow)
		s.drawn = 0
	}
}

// draw writes the rows, unless a line above them waits for its end. The terminal
// cuts long rows: it knows how wide characters are.
func (s *Screen) draw(out *bytes.Buffer) {
	if s.open || len(s.rows) == 0 {
		return
	}
	out.WriteString(wrapOff)
	for _, row := range s.fitting() {
		out.WriteString(row)
		out.WriteByte('\n')
		s.drawn++
	}
	out.WriteString(wrapOn)
}

// fitting returns the rows that fit with the cursor's line: the cursor cannot go
// back to what has left the terminal at its top.
func (s *Screen) fitting() []string {
	room := s.height() - 1
	if room < 1 {
		room = usualHeight - 1
	}
	if len(s.rows) <= room {
		return s.rows
	}
	shown := s.rows[: room-1 : room-1]
	return append(shown, fmt.Sprintf("… and %d more", len(s.rows)-len(shown)))
}
