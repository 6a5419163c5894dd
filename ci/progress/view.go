package progress

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"gitops/ci/terminal"
)

// redrawEvery is how often times on a terminal move on.
const redrawEvery = 500 * time.Millisecond

// View is how a Progress shows itself besides its lines. With the zero value there
// are lines alone.
type View struct {
	// Screen gets a table of what goes on, which changes in place. There is no line
	// then for a beginning or a phase.
	Screen *terminal.Screen
	// Commands gets commands of GitHub Actions that fold the lines of each step.
	Commands io.Writer
	// Clean takes secrets and control sequences out of text. Screen and Commands get
	// nothing else.
	Clean func(text string) string
}

// redraw draws the table until stop is closed.
func (b *board) redraw(stop <-chan struct{}) {
	tick := time.NewTicker(redrawEvery)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
			b.refresh()
		}
	}
}

func (b *board) refresh() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.show()
}

// show draws the table.
func (b *board) show() {
	if b.view.Screen != nil {
		_ = b.view.Screen.Show(b.table()) // people see the lines without it
	}
}

// table returns a row for each track: its time, its name, its phase.
func (b *board) table() []string {
	var names []string
	width := 0
	for _, t := range b.tracks {
		name := b.clean(t.progress.prefix + t.name)
		names = append(names, name)
		width = max(width, utf8.RuneCountInString(name))
	}
	var rows []string
	for i, t := range b.tracks {
		t.mu.Lock()
		phase := t.phase
		t.mu.Unlock()
		row := fmt.Sprintf("%9s  %-*s  %s", t.took(), width, names[i], b.clean(phase))
		rows = append(rows, strings.TrimRight(row, " "))
	}
	return rows
}

// clean returns text as one line that may be shown.
func (b *board) clean(text string) string {
	if b.view.Clean == nil {
		return "…"
	}
	return strings.Join(strings.Fields(b.view.Clean(text)), " ")
}

// openGroup folds the lines from here to the end of t. GitHub has no groups inside
// others: what begins in a group is part of it. What happens at one of several
// places opens none: its lines would be mixed with those of the others.
func (b *board) openGroup(t *Track) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.view.Commands == nil || b.group != nil || t.progress.prefix != "" {
		return
	}
	b.group = t
	title := strings.ReplaceAll(b.clean(t.name), "%", "%25")
	_, _ = fmt.Fprintf(b.view.Commands, "::group::%s\n", title) // without it lines stay unfolded
}

func (b *board) closeGroup(t *Track) {
	if b.group == t {
		b.group = nil
		_, _ = io.WriteString(b.view.Commands, "::endgroup::\n") // as above
	}
}
