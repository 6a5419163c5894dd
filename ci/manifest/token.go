package manifest

import (
	"bytes"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"
)

// token is a scalar as it stands in the text, quotes included.
type token struct {
	start, end   int
	line, column int
	style        yaml.Style
}

const quotedOrBlock = yaml.DoubleQuotedStyle | yaml.SingleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle

// token finds node's scalar in the text. Scalars over several lines are refused:
// no image needs them, and where their ends are depends on their surroundings.
func (m *Document) token(node *yaml.Node) (token, error) {
	at := m.valueOffset(node)
	length := -1
	if at >= 0 {
		switch style := node.Style & quotedOrBlock; style {
		case yaml.DoubleQuotedStyle:
			length = doubleQuoted(m.text[at:])
		case yaml.SingleQuotedStyle:
			length = singleQuoted(m.text[at:])
		case yaml.LiteralStyle, yaml.FoldedStyle:
			at, length = blockLine(m.text, at, node.Value)
		default:
			length = plain(m.text[at:], node.Value)
		}
	}
	if length < 0 || hasBreak(m.text[at:at+length]) {
		return token{}, m.invalid(node, "the image is spread over several lines: write it on one")
	}
	line, column := position(m.text, at)
	return token{at, at + length, line, column, node.Style & quotedOrBlock}, nil
}

// valueOffset returns where node's value starts: behind its anchor and tag. It
// is -1 when the text and the parser disagree.
func (m *Document) valueOffset(node *yaml.Node) int {
	at := offset(m.text, node.Line, node.Column)
	if at < 0 || node.Kind != yaml.ScalarNode || (node.Anchor == "" && node.Style&yaml.TaggedStyle == 0) {
		return at
	}
	for at < len(m.text) {
		switch c := m.text[at]; {
		case c == '&' || c == '!':
			at += endOfProperty(m.text[at:])
		case c == ' ' || c == '\t':
			at++
		case c == '#':
			at += untilBreak(m.text[at:])
		case lineBreak(m.text[at:]) > 0:
			at += lineBreak(m.text[at:])
		default:
			return at
		}
	}
	return at
}

// endOfProperty returns the length of the anchor or tag that text starts with.
func endOfProperty(text []byte) int {
	if bytes.HasPrefix(text, []byte("!<")) {
		if end := bytes.IndexByte(text, '>'); end >= 0 {
			return end + 1
		}
	}
	for i := range text {
		if c := text[i]; c == ' ' || c == '\t' || lineBreak(text[i:]) > 0 {
			return i
		}
	}
	return len(text)
}

func untilBreak(text []byte) int {
	for i := range text {
		if lineBreak(text[i:]) > 0 {
			return i
		}
	}
	return len(text)
}

func hasBreak(text []byte) bool { return untilBreak(text) < len(text) }

func doubleQuoted(text []byte) int {
	if len(text) == 0 || text[0] != '"' {
		return -1
	}
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

func singleQuoted(text []byte) int {
	if len(text) == 0 || text[0] != '\'' {
		return -1
	}
	for i := 1; i < len(text); i++ {
		if text[i] != '\'' {
			continue
		}
		if i+1 == len(text) || text[i+1] != '\'' {
			return i + 1
		}
		i++ // two quotes stand for one
	}
	return -1
}

func plain(text []byte, value string) int {
	if value == "" || !bytes.HasPrefix(text, []byte(value)) {
		return -1
	}
	return len(value)
}

// blockLine returns the one line of content of the block scalar (| or >) at
// text[at:], whose value is known.
func blockLine(text []byte, at int, value string) (start, length int) {
	content := strings.TrimRight(value, "\n")
	at += untilBreak(text[at:])
	if at == len(text) || content == "" {
		return at, -1
	}
	at += lineBreak(text[at:])
	for at < len(text) && text[at] == ' ' {
		at++
	}
	end := at + len(content)
	if plain(text[at:], content) < 0 || (end < len(text) && lineBreak(text[end:]) == 0) {
		return at, -1
	}
	return at, len(content)
}

// sexagesimal matches what older YAML parsers read as a number in base 60.
var sexagesimal = regexp.MustCompile(`^[0-9][0-9_]*(:[0-5]?[0-9])+$`)

// render writes ref in the style of the token. A plain scalar that would not
// be read as this very text gets quotes.
func (t token) render(ref string) string {
	switch t.style {
	case yaml.DoubleQuotedStyle:
		return `"` + ref + `"`
	case yaml.SingleQuotedStyle:
		return `'` + ref + `'`
	case yaml.LiteralStyle, yaml.FoldedStyle:
		return ref
	}
	var node yaml.Node
	if err := yaml.Unmarshal([]byte(ref), &node); err != nil || len(node.Content) != 1 ||
		node.Content[0].ShortTag() != "!!str" || node.Content[0].Value != ref || sexagesimal.MatchString(ref) {
		return `"` + ref + `"`
	}
	return ref
}
