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
