package main

import (
	"regexp"
	"strings"
)

// word is a word or a sign, with the white space before it.
var word = regexp.MustCompile(`\s*(?:[\pL\pN]+|[^\pL\pN\s]|$)`)

// bytesChanged counts the bytes that are in one text and not in the other:
// word by word where both have as many words between what they share at their
// ends, so that changed white space counts for itself; as a whole otherwise.
func bytesChanged(before, after string) (total int) {
	a, b := trimShared(word.FindAllString(before, -1), word.FindAllString(after, -1))
	if len(a) != len(b) {
		return differing(strings.Join(a, ""), strings.Join(b, ""))
	}
	for i := range a {
		total += differing(a[i], b[i])
	}
	return total
}

func trimShared(a, b []string) ([]string, []string) {
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	return a, b
}

// differing counts the bytes of both texts without what they share at their ends.
func differing(a, b string) int {
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	return len(a) + len(b)
}
