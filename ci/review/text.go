package review

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

const (
	mostNested   = 3       // how deep texts in texts are read as JSON or YAML
	mostParsed   = 1 << 18 // the longest text that is read as JSON or YAML, in bytes
	mostLines    = 40      // of one text that is compared by line
	lineLimit    = 160     // of one such line, in bytes
	contextLines = 2       // around those that differ
)

// texts compares two texts: by key where both are JSON or YAML, else by line where there
// are several, else as they stand.
func (c *comparison) texts(path, rawBefore, rawAfter string) {
	before, after := c.redactor.Redact(rawBefore), c.redactor.Redact(rawAfter)
	if before == after {
		c.add(value{sign: signChanged, path: path, note: cut(CompactJSON(before), valueLimit) + " (changed in what is hidden)"})
		return
	}
	if old, now, ok := documents(before, after); ok && c.depth < mostNested {
		c.document(path, old, now)
		return
	}
	if strings.Contains(before, "\n") || strings.Contains(after, "\n") {
		if lines := differingLines(before, after); len(lines) > 0 {
			c.add(value{sign: signChanged, path: path, lines: lines})
			return
		}
	}
	before, after = aroundDifference(before, after)
	c.add(value{sign: signChanged, path: path, before: CompactJSON(before), after: CompactJSON(after)})
}

// document compares what two texts hold.
func (c *comparison) document(path string, before, after any) {
	if equalValues(before, after) {
		c.add(value{sign: signChanged, path: path, note: "(the same content, written otherwise)"})
		return
	}
	c.depth++
	c.any(path, pair{before: before, after: after})
	c.depth--
}

// documents reads both texts as JSON, or both as YAML. They must hold two maps or two
// lists.
func documents(before, after string) (old, now any, ok bool) {
	if len(before) > mostParsed || len(after) > mostParsed {
		return nil, nil, false
	}
	if old, now = readJSON(before), readJSON(after); old != nil && now != nil {
		return old, now, isList(old) == isList(now)
	}
	// A first line such as #!/bin/sh or #cloud-config says how the rest is read.
	if heading(before) != heading(after) || !strings.Contains(before, "\n") || !strings.Contains(after, "\n") {
		return nil, nil, false
	}
	if old, now = readYAML(before), readYAML(after); old != nil && now != nil {
		return old, now, isList(old) == isList(now) && !equalValues(old, now)
	}
	return nil, nil, false
}

// readJSON returns the map or list that text is, or nil.
func readJSON(text string) any {
	trimmed := strings.TrimSpace(text)
	if !strings.HasPrefix(trimmed, "{") && !strings.HasPrefix(trimmed, "[") {
		return nil
	}
	decoder := json.NewDecoder(strings.NewReader(trimmed))
	decoder.UseNumber()
	var v any
	if decoder.Decode(&v) != nil || decoder.InputOffset() != int64(len(trimmed)) {
		return nil
	}
	return v
}

// readYAML returns the map or list that is text's one document, or nil.
func readYAML(text string) any {
	if strings.HasPrefix(text, "#!") || strings.ContainsRune(text, '\t') {
		return nil
	}
	decoder := yaml.NewDecoder(bytes.NewReader([]byte(text)))
	var v, second any
	if decoder.Decode(&v) != nil || !errors.Is(decoder.Decode(&second), io.EOF) {
		return nil
	}
	switch v.(type) {
	case map[string]any, map[any]any, []any:
		return plainYAML(v)
	}
	return nil
}

// plainYAML writes what YAML holds as JSON would hold it.
func plainYAML(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, field := range v {
			v[key] = plainYAML(field)
		}
		return v
	case map[any]any:
		fields := map[string]any{}
		for key, field := range v {
			fields[fmt.Sprint(key)] = plainYAML(field)
		}
		return fields
	case []any:
		for i, element := range v {
			v[i] = plainYAML(element)
		}
		return v
	case string, bool, nil:
		return v
	case int:
		return json.Number(strconv.Itoa(v))
	}
	return fmt.Sprint(v)
}

// heading returns the comments that a text begins with.
func heading(text string) string {
	var lines []string
	for line := range strings.SplitSeq(text, "\n") {
		if !strings.HasPrefix(line, "#") {
			break
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// differingLines writes the lines that differ with their signs, and a few around them.
func differingLines(before, after string) []string {
	old, now := strings.Split(before, "\n"), strings.Split(after, "\n")
	var lines []string
	shown := 0 // up to which line of old
	for _, g := range gaps(old, now, 1000) {
		for i := max(shown, g.before.from-contextLines); i < g.before.from; i++ {
			if i == g.before.from-contextLines && i > shown {
				lines = append(lines, "  …")
			}
			lines = append(lines, "  "+shownLine(old[i]))
		}
		for i := g.before.from; i < g.before.to; i++ {
			lines = append(lines, "- "+shownLine(old[i]))
		}
		for i := g.after.from; i < g.after.to; i++ {
			lines = append(lines, "+ "+shownLine(now[i]))
		}
		shown = g.before.to
	}
	if len(lines) > mostLines {
		left := len(lines) - mostLines
		lines = append(lines[:mostLines], fmt.Sprintf("  … and %d more lines", left))
	}
	return lines
}

// shownLine cuts a line, and shows the spaces at its end.
func shownLine(line string) string {
	trimmed := strings.TrimRight(line, " ")
	return cut(trimmed+strings.Repeat("␠", len(line)-len(trimmed)), lineLimit)
}

// aroundDifference cuts two long texts to where they differ.
func aroundDifference(before, after string) (string, string) {
	if len(before) <= valueLimit && len(after) <= valueLimit {
		return before, after
	}
	same := 0
	for same < len(before) && same < len(after) && before[same] == after[same] {
		same++
	}
	return around(before, same), around(after, same)
}

// around cuts a text to what stands before and after a place in it.
func around(text string, at int) string {
	const before = 40
	prefix := ""
	if from := runeStart(text, max(0, at-before)); from > 0 {
		text, prefix = text[from:], "…"
	}
	return prefix + cut(text, valueLimit-len(prefix))
}
