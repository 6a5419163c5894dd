package terminal_test

import (
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"gitops/ci/terminal"
)

// display is a terminal as a person sees it: it does what a Screen asks and fails
// the test for anything else.
type display struct {
	t             *testing.T
	width, height int
	lines         []string
	row           int
	wrap          bool
}

func newDisplay(t *testing.T, width, height int) *display {
	return &display{t: t, width: width, height: height, lines: []string{""}, wrap: true}
}

var sequence = regexp.MustCompile(`^\x1b\[(\??)(\d*)([A-Za-z])`)

func (d *display) Write(p []byte) (int, error) {
	for rest := string(p); rest != ""; {
		if found := sequence.FindStringSubmatch(rest); found != nil {
			d.control(found[1]+found[3], found[2])
			rest = rest[len(found[0]):]
			continue
		}
		r, size := utf8.DecodeRuneInString(rest)
		d.put(r)
		rest = rest[size:]
	}
	return len(p), nil
}

func (d *display) control(what, number string) {
	n, _ := strconv.Atoi(number)
	switch what {
	case "A":
		if d.row -= n; d.row < len(d.lines)-d.height || d.row < 0 {
			d.t.Errorf("the cursor went above the screen")
			d.row = max(0, len(d.lines)-d.height)
		}
	case "J":
		d.lines = append(d.lines[:d.row], "")
	case "?l", "?h":
		d.wrap = what == "?h"
	default:
		d.t.Errorf("unknown control sequence %q", what)
	}
}

func (d *display) put(r rune) {
	switch {
	case r == '\r': // the lines below are erased next
	case r == '\n':
		if d.row++; d.row == len(d.lines) {
			d.lines = append(d.lines, "")
		}
	case utf8.RuneCountInString(d.lines[d.row]) < d.width:
		d.lines[d.row] += string(r)
	case d.wrap:
		d.put('\n')
		d.put(r)
	}
}

func (d *display) String() string { return strings.Join(d.lines, "\n") }

func TestScreenKeepsRowsBelow(t *testing.T) {
	d := newDisplay(t, 20, 10)
	s := terminal.NewScreen(d, func() int { return d.height })
	s.Show([]string{"web  pulling", "api  waiting for a very long time"})
	fmt.Fprintln(s, "a line")
	if want := "a line\nweb  pulling\napi  waiting for a v\n"; d.String() != want {
		t.Errorf("got %q, want %q", d, want)
	}
	io.WriteString(s, "half ")
	if want := "a line\nhalf "; d.String() != want {
		t.Errorf("rows stand in a line that goes on: %q", d)
	}
	s.Show([]string{"api  done"})
	io.WriteString(s, "a line\n")
	s.Write(nil)
	if want := "a line\nhalf a line\napi  done\n"; d.String() != want {
		t.Errorf("got %q, want %q", d, want)
	}
	s.Show(nil)
	if want := "a line\nhalf a line\n"; d.String() != want {
		t.Errorf("rows stay: %q, want %q", d, want)
	}
}

func TestScreenLowerThanItsRows(t *testing.T) {
	d := newDisplay(t, 20, 4)
	s := terminal.NewScreen(d, func() int { return d.height })
	var rows []string
	for i := range 300 {
		rows = append(rows, fmt.Sprint("service ", i))
	}
	for range 5 {
		s.Show(rows)
		fmt.Fprintln(s, "a line")
	}
	if want := strings.Repeat("a line\n", 5) + "service 0\nservice 1\n… and 298 more\n"; d.String() != want {
		t.Errorf("got %q, want %q", d, want)
	}
	if len(rows) != 300 || rows[2] != "service 2" {
		t.Error("the caller's rows changed")
	}
}
