package review

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"gitops/ci/secret"
)

// Ending is what became of a review: what apply adds to its comment.
type Ending struct {
	Applied  time.Time // when apply ended
	Took     time.Duration
	Run      string // address of the run that applied; empty outside of GitHub Actions
	Commit   string
	Failed   bool // apply failed half-way
	Done, Of int  // changes that were made, of how many; nothing is said of 0 of 0
	Outputs  []OutputValue
	Reviewed time.Time // when the review got its text that was applied
	Redactor *secret.Redactor
}

// OutputValue is an output that apply changed, its values as they may be shown.
type OutputValue struct{ Name, Before, After string }

// endingSize is the most that an ending takes in a comment, in bytes. Render leaves that
// much room.
const endingSize = 3000

// endingEnd is the line that an ending ends with.
const endingEnd = "<!-- gitops:ended -->\n"

var endingLine = regexp.MustCompile(`^<!-- gitops:ending ([0-9T:Z-]{20})(?: ([0-9a-f]{64}))? -->$`)

// WithEnding adds the ending to the comment of the review that was applied, or puts it
// in the place of an earlier one. Every other byte stays, so that the review counts for
// a rerun. It reports whether there was room.
func WithEnding(body string, key secret.Value, s Signed, e Ending) (string, bool) {
	head, rest := cutEnding(body)
	mark := "<!-- gitops:ending " + e.Reviewed.UTC().Format(time.RFC3339)
	if !key.Empty() {
		mark += " " + signEnding(key, s, e.Reviewed)
	}
	body = head + mark + " -->\n" + e.text() + "\n" + endingEnd + rest
	return body, len(body) <= Limit
}

// cutEnding returns what stands before an ending, which are hidden lines, and behind it.
func cutEnding(body string) (head, rest string) {
	at := 0
	for n := 0; ; n++ {
		line, _, whole := strings.Cut(body[at:], "\n")
		line = strings.TrimSuffix(line, "\r")
		if endingLine.MatchString(line) {
			if _, after, found := strings.Cut(body[at:], "\n"+endingEnd); found {
				return body[:at], after
			}
		}
		if !whole || n >= hiddenLines && !commitLine.MatchString(line) && !macLine.MatchString(line) {
			return body[:at], body[at:]
		}
		at += strings.IndexByte(body[at:], '\n') + 1
	}
}

// text is what is seen of the ending.
func (e Ending) text() string {
	clean := cleaner{e.Redactor}
	p := page{left: endingSize - 200} // of which the hidden lines take the rest
	kind, what := "NOTE", "Applied"
	if e.Failed {
		kind, what = "WARNING", "Apply failed half-way"
		if e.Of > 0 {
			what = fmt.Sprintf("Applied %d of %d, rerun allowed", e.Done, e.Of)
		}
	}
	p.write("> [!" + kind + "]\n> **" + what + "** " + strings.Join(e.facts(clean), " · ") + "\n")
	var rows []string
	for _, output := range e.Outputs {
		rows = append(rows, "> - output "+clean.code(output.Name)+": "+clean.code(output.Before)+" → "+clean.code(output.After)+"\n")
	}
	p.list(p.left, ">\n", rows, func(left int) string { return fmt.Sprintf("> - … and %d more\n", left) })
	return p.text.String()
}

// facts are when, how long and by which run.
func (e Ending) facts(clean cleaner) []string {
	facts := []string{e.Applied.UTC().Format("2006-01-02 15:04:05") + " UTC", "in " + e.Took.Round(time.Second).String()}
	if e.Commit != "" {
		facts = append(facts, "commit "+clean.code(e.Commit))
	}
	if e.Run != "" {
		facts = append(facts, "by "+link(e.Run))
	}
	return facts
}

var plainAddress = regexp.MustCompile(`^https?://[A-Za-z0-9./:_-]+$`)

// link shows an address of GitHub's as "this run". Another one is left out.
func link(address string) string {
	if !plainAddress.MatchString(address) {
		return "a run"
	}
	return "[this run](" + address + ")"
}

// EndingMarker returns the hidden first line of an ending in a comment by itself.
func EndingMarker(dir, workspace string) string {
	return strings.Replace(Marker(dir, workspace), "gitops:review", "gitops:applied", 1)
}

// RenderEnding writes an ending as a comment by itself, for where the review's comment is
// somebody else's.
func RenderEnding(dir, workspace string, e Ending) string {
	r := renderer{Comment: Comment{Dir: dir, Workspace: workspace}, clean: cleaner{e.Redactor}}
	return EndingMarker(dir, workspace) + "\n\n" + r.where() + "\n\n" + e.text()
}
