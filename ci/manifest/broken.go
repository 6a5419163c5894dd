package manifest

import (
	"bytes"
	"errors"
	"io"
	"slices"

	"gopkg.in/yaml.v3"
)

// brokenLine returns the line of text that the parser cannot read. The parser
// reports where the surrounding mapping or list begins, which may be far above;
// reported is that line.
func brokenLine(text []byte, reported int) int {
	lines := bytes.SplitAfter(text, []byte("\n"))
	taken := &lineReader{lines: slices.Clone(lines)}
	if readAll(taken) == nil {
		return reported // the mistake is in its content
	}
	// The parser looks ahead by a line or two: the mistake is in the first line
	// with which the text above it cannot be read any more.
	const ahead = 4
	for n := min(taken.taken, len(lines)); n > max(0, taken.taken-ahead); n-- {
		if readAll(bytes.NewReader(bytes.Join(lines[:n-1], nil))) == nil {
			return max(n, reported)
		}
	}
	return reported
}

// readAll returns the error that ends the reading of YAML documents, if one does.
func readAll(text io.Reader) (err error) {
	defer recoverInto(&err)
	decoder := yaml.NewDecoder(text)
	for {
		var node yaml.Node
		if err := decoder.Decode(&node); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// lineReader hands out a line at a time and counts them.
type lineReader struct {
	lines [][]byte
	taken int
}

// Read implements io.Reader.
func (r *lineReader) Read(p []byte) (int, error) {
	if r.taken == len(r.lines) {
		return 0, io.EOF
	}
	n := copy(p, r.lines[r.taken])
	if r.lines[r.taken] = r.lines[r.taken][n:]; len(r.lines[r.taken]) == 0 {
		r.taken++
	}
	return n, nil
}
