package terminal

import (
	"fmt"
	"strings"
	"unicode/utf16"
)

// JSON returns a JSON document that means the same and can be shown: characters
// that a terminal obeys or does not show, and the runner's "##[", are written as
// escapes. White space outside texts stays. No line of JSON begins with "::", for
// a newline in a text is an escape.
func JSON(document []byte) []byte {
	var safe strings.Builder
	for _, r := range string(document) { // bytes that are no UTF-8 become U+FFFD, as for JSON's readers
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			safe.WriteRune(r)
		case r > 0xffff && hidden(r):
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&safe, `\u%04x\u%04x`, high, low)
		case r == '\u2028' || r == '\u2029' || hidden(r):
			fmt.Fprintf(&safe, `\u%04x`, r)
		default:
			safe.WriteRune(r)
		}
	}
	return []byte(strings.ReplaceAll(safe.String(), "##[", `#\u0023[`))
}
