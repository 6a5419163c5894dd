package review

import "strings"

// Limit is the most that GitHub takes as the body of a comment. GitHub counts
// characters; a review counts bytes, of which there are never fewer.
const Limit = 65536

// page is a comment being written within its budget. Whoever writes first has
// the most room.
type page struct {
	text strings.Builder
	left int
}

// write adds text if it fits, whole.
func (p *page) write(text string) bool {
	if len(text) > p.left {
		return false
	}
	p.text.WriteString(text)
	p.left -= len(text)
	return true
}

// list adds head and as many rows as fit within budget bytes. more writes the row
// that counts those left out.
func (p *page) list(budget int, head string, rows []string, more func(left int) string) {
	budget = min(budget, p.left)
	if len(rows) == 0 || len(head)+len(more(len(rows))) > budget {
		return
	}
	p.write(head)
	budget -= len(head)
	for i, row := range rows {
		rest := len(rows) - i - 1
		needed := len(row)
		if rest > 0 {
			needed += len(more(rest))
		}
		if needed > budget {
			p.write(more(rest + 1))
			return
		}
		p.write(row)
		budget -= len(row)
	}
}

// entry is a part of a list that may be written whole or in short.
type entry struct {
	brief string
	full  func() string // nil where there is no more
}

// leastRoom is how many bytes must be left for a further entry to be written whole.
const leastRoom = 100

// entries adds head, the entries within budget bytes, and tail. All are written in short
// before one is written whole; the first ones are written whole. It returns how many are
// not.
func (p *page) entries(budget int, head string, entries []entry, more func(left int) string, tail string) (cut int) {
	if len(entries) == 0 {
		return 0
	}
	budget = min(budget, p.left) - len(head) - len(tail)
	var rows []string
	room := budget
	for _, entry := range entries {
		rows = append(rows, entry.brief)
		room -= len(entry.brief)
	}
	if len(more(len(entries))) > budget {
		return len(entries)
	}
	for i, entry := range entries {
		if entry.full == nil {
			continue
		}
		if room < leastRoom {
			cut++
			continue
		}
		full := entry.full()
		if len(full)-len(entry.brief) > room {
			cut++
			continue
		}
		room -= len(full) - len(entry.brief)
		rows[i] = full
	}
	p.write(head)
	p.list(budget, "", rows, more)
	p.write(tail)
	return cut
}
