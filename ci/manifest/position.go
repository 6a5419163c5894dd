package manifest

import (
	"bytes"
	"unicode/utf8"
)

var byteOrderMark = []byte("\xef\xbb\xbf")

// lineBreak returns the length in bytes of the line break that text starts
// with, 0 when there is none. The parser counts more breaks than most editors.
func lineBreak(text []byte) int {
	switch {
	case bytes.HasPrefix(text, []byte("\r\n")):
		return 2
	case len(text) > 0 && (text[0] == '\n' || text[0] == '\r'):
		return 1
	case bytes.HasPrefix(text, []byte("\u0085")):
		return 2
	case bytes.HasPrefix(text, []byte("\u2028")), bytes.HasPrefix(text, []byte("\u2029")):
		return 3
	}
	return 0
}

// start returns where the parser starts to count: behind a byte order mark.
func start(text []byte) int {
	if bytes.HasPrefix(text, byteOrderMark) {
		return len(byteOrderMark)
	}
	return 0
}

// step returns the length of the character or line break at text[at:], and
// whether it was a line break.
func step(text []byte, at int) (size int, isBreak bool) {
	if size := lineBreak(text[at:]); size > 0 {
		return size, true
	}
	_, size = utf8.DecodeRune(text[at:])
	return size, false
}

// offset returns the byte offset of a line and column as the parser counts
// them, both from 1, or -1 when text has no such place.
func offset(text []byte, line, column int) int {
	at, l, c := start(text), 1, 1
	for l < line || c < column {
		if at >= len(text) || l > line {
			return -1
		}
		size, isBreak := step(text, at)
		at += size
		if c++; isBreak {
			l, c = l+1, 1
		}
	}
	if l != line || c != column {
		return -1
	}
	return at
}

// position is the inverse of offset.
func position(text []byte, target int) (line, column int) {
	at := start(text)
	line, column = 1, 1
	for at < target && at < len(text) {
		size, isBreak := step(text, at)
		at += size
		if column++; isBreak {
			line, column = line+1, 1
		}
	}
	return line, column
}

// firstColumn returns the column of the first character of line that is not a
// blank: the best there is where the parser reports no column.
func firstColumn(text []byte, line int) int {
	at := offset(text, line, 1)
	if at < 0 {
		return 1
	}
	column := 1
	for ; at < len(text) && (text[at] == ' ' || text[at] == '\t'); at++ {
		column++
	}
	return column
}
