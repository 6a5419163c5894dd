package dockerfile

import (
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/tonistiigi/go-csvvalue"
)

// flags returns the values of a flag, such as "--from=". They are read here and not
// by BuildKit's instructions, which refuse flags that a newer builder knows.
func flags(node *parser.Node, prefix string) (values []string) {
	for _, flag := range node.Flags {
		if value, ok := strings.CutPrefix(flag, prefix); ok && value != "" {
			values = append(values, value)
		}
	}
	return values
}

// mountedFrom returns what a RUN --mount takes files from, if it names something.
func mountedFrom(mount string) (names []string) {
	fields, err := csvvalue.Fields(mount, nil)
	if err != nil {
		return nil // the builder says what is wrong with it
	}
	for _, field := range fields {
		if key, value, ok := strings.Cut(field, "="); ok && strings.EqualFold(strings.TrimSpace(key), "from") && value != "" {
			names = append(names, value)
		}
	}
	return names
}
