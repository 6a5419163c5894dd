package review

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"gitops/ci/secret"
)

// cellLimit is how many bytes of one name or value are shown outside the plan.
const cellLimit = 240

// terminalCodes are the colour and cursor sequences that programs print.
var terminalCodes = regexp.MustCompile("\x1b(\\[[0-9;?]*[ -/]*[@-~]|\\][^\x07\x1b]*(\x07|\x1b\\\\)|[@-Z\\\\-_])")

// cleaner makes untrusted text fit to be shown: secrets out, terminal codes out,
// invisible characters visible.
type cleaner struct{ redactor *secret.Redactor }

// text cleans text of several lines.
func (c cleaner) text(text string) string {
	text = terminalCodes.ReplaceAllString(strings.ToValidUTF8(text, "\uFFFD"), "")
	text = strings.ReplaceAll(text, "\r\n", "\n")
	return visible(c.redactor.Redact(text), "\n\t")
}

// line cleans text that must stay on one line.
func (c cleaner) line(text string) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	return visible(c.redactor.Redact(text), "")
}

// visible writes control characters, and those that reorder or hide text, as
// escapes, except the characters in keep.
func visible(text, keep string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case !hidden(r) || strings.ContainsRune(keep, r):
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case r > 0xFFFF:
			fmt.Fprintf(&b, `\U%08x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// hidden covers controls (Cc), formats such as bidirectional overrides and
// zero-width characters (Cf), private ones (Co), spaces and line separators other than
// the plain space, and letters that show nothing: fillers, joiners, variation selectors,
// the empty Braille pattern.
func hidden(r rune) bool {
	if r >= ' ' && r <= '~' {
		return false // most text, without a look into tables
	}
	return r == '\u2800' || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Z,
		unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// code quotes untrusted text as a code span: inside one, neither Markdown nor
// HTML nor a mention means anything. A pipe would end a table's cell even there,
// so it is written between two spans as an entity.
func (c cleaner) code(text string) string {
	text = c.redactor.Redact(strings.ToValidUTF8(text, "\uFFFD"))
	// Escapes only make a text longer, so that no more of it can be shown.
	text = cut(visible(text[:runeStart(text, min(len(text), 2*cellLimit))], ""), cellLimit)
	var spans []string
	for _, part := range strings.Split(text, "|") {
		spans = append(spans, span(part))
	}
	return strings.Join(spans, "&#124;")
}

// span fences text with more backticks than it holds in a row. A span of spaces
// alone, or an empty one, would not be a span.
func span(text string) string {
	if strings.Trim(text, " ") == "" {
		return strings.Repeat("&#32;", len(text))
	}
	fence := strings.Repeat("`", longestRun(text, '`')+1)
	if strings.HasPrefix(text, "`") || strings.HasSuffix(text, "`") ||
		strings.HasPrefix(text, " ") && strings.HasSuffix(text, " ") {
		text = " " + text + " "
	}
	return fence + text + fence
}

// block fences text of several lines; nothing in it can close the fence.
func block(language, text string) string {
	fence := strings.Repeat("`", max(3, longestRun(text, '`')+1))
	return fence + language + "\n" + strings.TrimSuffix(text, "\n") + "\n" + fence
}

func longestRun(text string, of rune) int {
	longest, run := 0, 0
	for _, r := range text {
		if r == of {
			run++
			longest = max(longest, run)
		} else {
			run = 0
		}
	}
	return longest
}

// cut shortens text to at most limit bytes, whole runes, and shows that it did.
func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return text[:runeStart(text, limit-len("…"))] + "…"
}

// runeStart returns the largest offset up to at that splits no rune.
func runeStart(text string, at int) int {
	for at > 0 && at < len(text) && !utf8.RuneStart(text[at]) {
		at--
	}
	return at
}
