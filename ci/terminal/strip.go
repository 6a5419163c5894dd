// Package terminal makes text from elsewhere fit for a terminal and for a log of
// GitHub Actions: a host, a registry or a plan must not move the cursor, reorder
// or hide text, give commands to a workflow, or fill the log without end.
package terminal

import (
	"io"
	"unicode"
	"unicode/utf8"
)

// Stripper takes control sequences out of a stream: those of ANSI terminals, all
// other control characters but newline and tab, and the characters that hide or
// reorder text. Bytes that are no UTF-8 become U+FFFD. A carriage return ends a
// line, since GitHub's runner and terminals begin a new one there. Close it to
// pass on the rest; it is not safe for concurrent use.
type Stripper struct {
	w     io.Writer
	state state
	cr    bool   // the last character was a carriage return
	rest  []byte // the beginning of a character
	clean []byte // used again by each Write
}

// state says in which control sequence the text is.
type state int

const (
	plain   state = iota
	escape        // after ESC
	control       // after ESC [: parameters, then one letter
	command       // after ESC ]: text until BEL or ESC \
	charset       // after ESC ( and the like: one more character
	ending        // after ESC in a command
)

// NewStripper returns a Stripper that passes text on to w.
func NewStripper(w io.Writer) *Stripper { return &Stripper{w: w} }

// Strip returns text without control sequences.
func Strip(text string) string {
	var s Stripper
	s.add([]byte(text), true)
	return string(s.clean)
}

// Write implements io.Writer.
func (s *Stripper) Write(p []byte) (int, error) {
	if err := s.pass(p, false); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Close passes on the rest. It does not close the writer below.
func (s *Stripper) Close() error { return s.pass(nil, true) }

func (s *Stripper) pass(p []byte, final bool) error {
	s.clean = s.clean[:0]
	s.add(p, final)
	if len(s.clean) == 0 {
		return nil
	}
	_, err := s.w.Write(s.clean)
	return err
}

// add appends to clean what is left of p.
func (s *Stripper) add(p []byte, final bool) {
	if len(s.rest) > 0 {
		p = append(s.rest, p...)
		s.rest = nil
	}
	for len(p) > 0 {
		if n := s.ordinary(p); n > 0 {
			s.clean = append(s.clean, p[:n]...)
			s.cr = false
			p = p[n:]
			continue
		}
		if !final && !utf8.FullRune(p) {
			s.rest = append([]byte(nil), p...)
			return
		}
		r, size := utf8.DecodeRune(p)
		s.next(r)
		p = p[size:]
	}
}

// ordinary returns how many bytes at the beginning of p are visible ASCII and
// newlines outside a sequence: most text.
func (s *Stripper) ordinary(p []byte) int {
	if s.state != plain || s.cr && p[0] == '\n' {
		return 0
	}
	for i, b := range p {
		if (b < ' ' || b > '~') && b != '\n' {
			return i
		}
	}
	return len(p)
}

// next takes one character. A newline ends every sequence, so that one which is
// never ended hides no more than a line.
func (s *Stripper) next(r rune) {
	if r == '\n' || r == '\r' || r == '\u0085' {
		s.newline(r)
		return
	}
	s.cr = false
	switch s.state {
	case plain:
		s.plain(r)
	case escape:
		s.escaped(r)
	case control:
		s.control(r)
	case charset:
		s.state = plain
	case command:
		s.command(r)
	case ending:
		s.state = command
		if s.command(r); r == '\\' {
			s.state = plain
		}
	}
}

func (s *Stripper) newline(r rune) {
	if r != '\n' || !s.cr {
		s.clean = append(s.clean, '\n')
	}
	s.state, s.cr = plain, r == '\r'
}

func (s *Stripper) plain(r rune) {
	switch {
	case r == '\u001b':
		s.state = escape
	case r == '\u009b':
		s.state = control
	case r == '\u0090' || r == '\u0098' || r >= '\u009d' && r <= '\u009f':
		s.state = command
	case r == '\u2028' || r == '\u2029':
		s.clean = append(s.clean, ' ')
	case r == '\t' || !hidden(r):
		s.clean = utf8.AppendRune(s.clean, r)
	}
}

func (s *Stripper) escaped(r rune) {
	switch {
	case r == '[':
		s.state = control
	case r == ']' || r == 'P' || r == 'X' || r == '^' || r == '_':
		s.state = command
	case r >= ' ' && r <= '/':
		s.state = charset
	case r >= '0' && r <= '~':
		s.state = plain
	default: // no sequence: the character counts
		s.state = plain
		s.plain(r)
	}
}

func (s *Stripper) control(r rune) {
	switch {
	case r >= ' ' && r <= '?': // parameters
	case r >= '@' && r <= '~':
		s.state = plain
	default:
		s.state = plain
		s.plain(r)
	}
}

func (s *Stripper) command(r rune) {
	switch r {
	case '\a', '\u009c', '\u0018', '\u001a':
		s.state = plain
	case '\u001b':
		s.state = ending
	}
}

// hidden covers controls (Cc), formats such as bidirectional overrides and
// zero-width characters (Cf), and variation selectors and fillers, which show
// nothing either.
func hidden(r rune) bool {
	if r >= ' ' && r <= '~' {
		return false
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Variation_Selector) || r == '\u034f' ||
		r == '\u115f' || r == '\u1160' || r == '\u3164' || r == '\uffa0'
}
