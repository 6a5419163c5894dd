package review

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Failure is why there is no plan.
type Failure struct {
	Step   string // "init", "validate" or "plan"
	Output string // what Terraform printed; its last words are shown
}

// Place is an error of Terraform and where in the configuration it is.
type Place struct {
	Summary string // such as "Unsupported argument"
	File    string // relative to the root directory
	Line    string
}

var (
	errorLine = regexp.MustCompile(`^[│ ]*Error: (.+)$`)
	placeLine = regexp.MustCompile(`^[│ ]*on (.+) line ([0-9]+)(,|:|$)`)
)

// Places finds the errors in what Terraform printed, in its order.
func (f Failure) Places() (places []Place) {
	open := false // whether the last error may still get its place
	for line := range strings.SplitSeq(terminalCodes.ReplaceAllString(f.Output, ""), "\n") {
		line = strings.TrimRight(line, "\r ")
		if match := errorLine.FindStringSubmatch(line); match != nil {
			places, open = append(places, Place{Summary: match[1]}), true
		} else if match := placeLine.FindStringSubmatch(line); match != nil && open {
			places[len(places)-1].File, places[len(places)-1].Line = match[1], match[2]
			open = false
		}
	}
	return places
}

func (r *renderer) places() {
	var rows []string
	for _, place := range r.Failure.Places() {
		row := "- " + r.clean.code(place.Summary)
		if place.File != "" {
			row += " at " + r.clean.code(place.File+":"+place.Line)
		}
		rows = append(rows, row+"\n")
	}
	r.page.list(noticeBudget, "", rows, func(left int) string { return fmt.Sprintf("- … and %d more\n", left) })
	if len(rows) > 0 {
		r.page.write("\n")
	}
}

func (r *renderer) failure() {
	r.page.write("### " + r.clean.code("terraform "+r.Failure.Step) + " failed\n\n" + r.where() + "\n\n")
	r.places()
	text := strings.TrimSpace(r.clean.text(r.Failure.Output))
	if text == "" {
		r.page.write("It printed nothing.\n\n")
		return
	}
	said := "Its output:\n\n"
	if len(text) > lastWords {
		said = fmt.Sprintf("Its last words, of %d characters:\n\n", utf8.RuneCountInString(text))
		text = ending(text, lastWords)
	}
	r.page.write(said + block("text", text) + "\n\n")
}

// ending returns at most limit bytes from the end of text, whole lines if
// there is one.
func ending(text string, limit int) string {
	start := len(text) - limit
	for start < len(text) && !utf8.RuneStart(text[start]) {
		start++
	}
	text = text[start:]
	if end := strings.IndexByte(text, '\n'); end >= 0 && end+1 < len(text) {
		return text[end+1:]
	}
	return text
}
