package deploy

import (
	"strings"
)

// part is a piece of a scalar with variables: literal text, or a variable.
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

// missing returns the variables of scalar that have no value and no default.
func missing(scalar string, set func(name string) (value string, ok bool)) []string {
	var names []string
	for _, p := range split(scalar) {
		if p.name == "" {
			continue
		}
		value, ok := set(p.name)
		present := ok && (value != "" || !strings.HasPrefix(p.operator, ":"))
		switch strings.TrimPrefix(p.operator, ":") {
		case "", "?":
			if !present {
				names = append(names, p.name)
			}
		case "-":
			if !present {
				names = append(names, missing(p.operand, set)...)
			}
		case "+":
			if present {
				names = append(names, missing(p.operand, set)...)
			}
		}
	}
	return names
}

// expand returns scalar with its variables replaced; ok is false when one has
// neither value nor default.
func expand(scalar string, lookup func(name string) (string, bool)) (expanded string, ok bool) {
	if len(missing(scalar, lookup)) > 0 {
		return "", false
	}
	var out strings.Builder
	for _, p := range split(scalar) {
		if p.name == "" {
			out.WriteString(p.text)
			continue
		}
		value, set := lookup(p.name)
		present := set && (value != "" || !strings.HasPrefix(p.operator, ":"))
		kind := strings.TrimPrefix(p.operator, ":")
		switch {
		case kind == "-" && !present, kind == "+" && present:
			value, _ = expand(p.operand, lookup)
		case kind == "+":
			value = ""
		}
		out.WriteString(value)
	}
	return out.String(), true
}
