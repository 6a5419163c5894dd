package main

import "testing"

func TestBytesChanged(t *testing.T) {
	for _, c := range []struct {
		before, after string
		want          int
	}{
		{"a: b\n", "a: b\n", 0},
		{"image: x:old # keep\n", "image: x:new # keep\n", 6},
		{"image: x:old # keep\n", "image: x:old\n", 7},
		{"a:  b\nc: {  d }\n", "a: b\nc: {d}\n", 4},
		{"a\n\nb\n", "a\nb\n", 1},
		{"a\n", "a", 1},
		{"a: 1\nb:  2\nc: 3\n", "a: 9\nb: 2\nc: 8\n", 5},
	} {
		if got := bytesChanged(c.before, c.after); got != c.want {
			t.Errorf("%q → %q: %d, want %d", c.before, c.after, got, c.want)
		}
	}
}
