package secret

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
)

// startLength is how many bytes of a form are looked up at once. No form is
// shorter.
const startLength = 4

// index finds forms in text: the leftmost one, and of several at one place the
// longest. It does not change once it is made.
//
// Nearly every byte of a text is passed by a look into filter, which has a bit for
// each hash of a form's first bytes and fits into the processor's nearest cache.
type index struct {
	filter  [1 << 10]uint64
	byStart map[uint32][]form // by the first startLength bytes, longest form first
	starts  map[string]bool   // what is shorter than startLength and begins a form
}

// newIndex returns the index of all forms of values; nil if there are none.
func newIndex(values []string) *index {
	words := map[string]bool{} // by text: whether it is looked for as a whole word only
	for _, value := range values {
		for _, f := range forms(value) {
			word, twice := words[f.text]
			words[f.text] = f.word && (word || !twice)
		}
	}
	if len(words) == 0 {
		return nil
	}
	x := &index{byStart: map[uint32][]form{}, starts: map[string]bool{}}
	for text, word := range words {
		x.add(form{text, word})
	}
	for _, candidates := range x.byStart {
		slices.SortFunc(candidates, func(a, b form) int { return cmp.Compare(len(b.text), len(a.text)) })
	}
	return x
}

func (x *index) add(f form) {
	start := binary.LittleEndian.Uint32([]byte(f.text))
	x.byStart[start] = append(x.byStart[start], f)
	x.filter[hash(start)>>6] |= 1 << (hash(start) & 63)
	for length := 1; length < startLength; length++ {
		x.starts[f.text[:length]] = true
	}
}

func hash(start uint32) uint16 { return uint16(start * 2654435769 >> 16) }

// redact appends text[from:] to out, without the secrets in it, and returns how
// far it came. Unless the text is final, it stops where a secret may begin whose
// end is not there yet. The bytes before from are context.
func (x *index) redact(out, text []byte, from int, final bool) ([]byte, int) {
	copied, at := from, from
	for at < len(text) {
		if at+startLength <= len(text) {
			h := hash(binary.LittleEndian.Uint32(text[at:]))
			if x.filter[h>>6]&(1<<(h&63)) == 0 {
				at++
				continue
			}
		}
		length, open := x.match(text, at, final)
		switch {
		case open:
			return append(out, text[copied:at]...), at
		case length == 0:
			at++
		default:
			out = append(append(out, text[copied:at]...), Redacted...)
			at += length
			copied = at
		}
	}
	return append(out, text[copied:]...), at
}

// match returns the length of the longest form at text[at:], 0 if there is none.
// It is open when only further text can tell.
func (x *index) match(text []byte, at int, final bool) (length int, open bool) {
	rest := text[at:]
	if len(rest) < startLength {
		return 0, !final && x.starts[string(rest)]
	}
	for _, f := range x.byStart[binary.LittleEndian.Uint32(rest)] {
		if f.word && at > 0 && isWord(text[at-1]) && isWord(rest[0]) {
			continue
		}
		if len(f.text) > len(rest) {
			if !final && f.text[:len(rest)] == string(rest) {
				return 0, true
			}
			continue
		}
		if string(rest[:len(f.text)]) != f.text {
			continue
		}
		ends, open := f.ends(rest, final)
		if open {
			return 0, true
		}
		if !ends {
			continue
		}
		return len(f.text), false
	}
	return 0, false
}

// ends reports whether a word of text, which begins with f, may end with f. It is
// open when only further text can tell.
func (f form) ends(text []byte, final bool) (ends, open bool) {
	length := len(f.text)
	if !f.word || !isWord(text[length-1]) {
		return true, false
	}
	if length == len(text) {
		return final, !final
	}
	return !isWord(text[length]), false
}

// isWord reports whether a word goes on at b. Every byte of a character beyond
// ASCII counts as a letter.
func isWord(b byte) bool {
	return b >= 0x80 || b == '_' || bytes.IndexByte(alphanumeric, b) >= 0
}

var alphanumeric = []byte("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
