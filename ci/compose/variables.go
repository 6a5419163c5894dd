package compose

import (
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/template"
)

// part is a piece of a text with variables: literal text, or a variable. compose-go
// replaces variables and does not tell which of them lack a value; for that the text
// is taken apart here, and a test compares both.
type part struct {
	text     string // literal, when name is empty
	name     string // variable
	operator string // "", "-", ":-", "?", ":?", "+", ":+"
	operand  string // what follows the operator
}

// split takes a scalar apart by the rules of Compose: $VAR, ${VAR}, ${VAR:-x}
// and so on; $$ is a dollar sign.
func split(scalar string) []part {
	var parts []part
	var literal strings.Builder
	flush := func() {
		if literal.Len() > 0 {
			parts = append(parts, part{text: literal.String()})
			literal.Reset()
		}
	}
	for i := 0; i < len(scalar); {
		if scalar[i] != '$' {
			literal.WriteByte(scalar[i])
			i++
			continue
		}
		variable, length := variableAt(scalar[i:])
		switch {
		case strings.HasPrefix(scalar[i:], "$$"):
			literal.WriteByte('$')
			length = 2
		case length == 0:
			literal.WriteByte('$')
			length = 1
		default:
			flush()
			parts = append(parts, variable)
		}
		i += length
	}
	flush()
	return parts
}

// variableAt reads the variable at the start of text and returns its length, 0
// when there is none.
func variableAt(text string) (part, int) {
	if strings.HasPrefix(text, "${") {
		end := closing(text)
		if end < 0 {
			return part{}, 0
		}
		name := identifier(text[2:end])
		if name == "" {
			return part{}, 0
		}
		operator, operand := operation(text[2+len(name) : end])
		return part{name: name, operator: operator, operand: operand}, end + 1
	}
	name := identifier(text[1:])
	if name == "" {
		return part{}, 0
	}
	return part{name: name}, 1 + len(name)
}

// closing returns the index of the brace that ends text, which starts with "${".
func closing(text string) int {
	depth := 0
	for i := range len(text) {
		switch {
		case strings.HasPrefix(text[i:], "${"):
			depth++
		case text[i] == '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

func identifier(text string) string {
	for i, r := range text {
		letter := r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return text[:i]
		}
	}
	return text
}

func operation(text string) (operator, operand string) {
	for _, operator := range []string{":-", ":?", ":+", "-", "?", "+"} {
		if operand, found := strings.CutPrefix(text, operator); found {
			return operator, operand
		}
	}
	return "", ""
}

// missing returns the variables of text that have no value and no default: those
// of ${VAR:?}, and where plain is true also those of ${VAR}.
func missing(text string, set Lookup, plain bool) (names []string) {
	for _, p := range split(text) {
		if p.name == "" {
			continue
		}
		value, ok := set(p.name)
		present := ok && (value != "" || !strings.HasPrefix(p.operator, ":"))
		switch operator := strings.TrimPrefix(p.operator, ":"); {
		case !present && (operator == "?" || operator == "" && plain):
			names = append(names, p.name)
		case !present && operator == "-", present && operator == "+":
			names = append(names, missing(p.operand, set, plain)...)
		}
	}
	return names
}

// names returns the variables in text, those in operands too.
func names(text string) (all []string) {
	for _, p := range split(text) {
		if p.name != "" {
			all = append(append(all, p.name), names(p.operand)...)
		}
	}
	return all
}

// Expand returns text with its variables replaced. It is false when one has
// neither a value nor a default, and when Compose refuses the text.
func Expand(text string, set Lookup) (expanded string, ok bool) {
	if len(missing(text, set, true)) > 0 {
		return "", false
	}
	expanded, err := template.Substitute(text, template.Mapping(set))
	return expanded, err == nil
}

// Match returns the value of text's variable that makes it value, by the variable's
// name. It is empty when text has no variable, several, or does not fit.
func Match(text, value string) map[string]string {
	var pattern strings.Builder
	var name string
	for _, p := range split(text) {
		switch {
		case p.name == "":
			pattern.WriteString(regexp.QuoteMeta(p.text))
		case name != "" && name != p.name, strings.HasSuffix(p.operator, "+"):
			return nil // the value does not tell what the variables were
		default:
			name = p.name
			pattern.WriteString("(.*)")
		}
	}
	groups := regexp.MustCompile(`(?s)^` + pattern.String() + `$`).FindStringSubmatch(value)
	if name == "" || groups == nil || len(slices.Compact(groups[1:])) > 1 {
		return nil
	}
	return map[string]string{name: groups[1]}
}
