package settings

import (
	"bytes"
	"cmp"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/agext/levenshtein"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"gopkg.in/yaml.v3"

	"gitops/ci/progress"
)

// Schema is the JSON schema of the file.
//
//go:embed gitops.schema.json
var Schema []byte

var compiled = sync.OnceValues(func() (*jsonschema.Schema, error) {
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema))
	if err != nil {
		return nil, fmt.Errorf("reading the schema of the settings: %w", err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("gitops.schema.json", document); err != nil {
		return nil, fmt.Errorf("reading the schema of the settings: %w", err)
	}
	return compiler.Compile("gitops.schema.json")
})

// check holds a document to the schema. The first mistake is told with its place.
func check(root *yaml.Node, file string) error {
	schema, err := compiled()
	if err != nil {
		return err
	}
	var value any
	if err := root.Decode(&value); err != nil {
		return progress.Invalid("%s: %w", file, err)
	}
	if number := infinite(root); number != nil {
		return progress.Invalid("%s:%d:%d: %s is no number that a setting can have", file, number.Line, number.Column, number.Value)
	}
	var invalid *jsonschema.ValidationError
	if err := schema.Validate(value); errors.As(err, &invalid) {
		return mistake(root, file, first(root, invalid))
	} else if err != nil {
		return progress.Invalid("%s: %w", file, err)
	}
	return nil
}

// infinite returns the first number that is infinite or none, which JSON does not have.
func infinite(node *yaml.Node) *yaml.Node {
	var value float64
	if node.Kind == yaml.ScalarNode && node.ShortTag() == "!!float" && node.Decode(&value) == nil && (math.IsInf(value, 0) || math.IsNaN(value)) {
		return node
	}
	for _, child := range node.Content {
		if found := infinite(child); found != nil {
			return found
		}
	}
	return nil
}

// first returns the mistake that stands first in the file.
func first(root *yaml.Node, e *jsonschema.ValidationError) *jsonschema.ValidationError {
	if len(e.Causes) == 0 {
		return e
	}
	var all []*jsonschema.ValidationError
	for _, cause := range e.Causes {
		all = append(all, first(root, cause))
	}
	return slices.MinFunc(all, func(a, b *jsonschema.ValidationError) int {
		x, y := place(root, a), place(root, b)
		if x.Line != y.Line {
			return x.Line - y.Line
		}
		return x.Column - y.Column
	})
}

// place returns the node that a mistake is about: the value, or the unknown key.
func place(root *yaml.Node, e *jsonschema.ValidationError) *yaml.Node {
	node := find(root, e.InstanceLocation)
	if unknown, ok := e.ErrorKind.(*kind.AdditionalProperties); ok {
		for key := range pairs(node) {
			if slices.Contains(unknown.Properties, key.Value) {
				return key
			}
		}
	}
	return node
}

// find returns the node at a location. Where the location leaves the document, as
// inside an anchor that was merged, it is the last node on the way.
func find(node *yaml.Node, location []string) *yaml.Node {
	for _, step := range location {
		next := child(resolved(node), step)
		if next == nil {
			return node
		}
		node = next
	}
	return node
}

func child(node *yaml.Node, step string) *yaml.Node {
	if node.Kind == yaml.SequenceNode {
		if n, err := strconv.Atoi(step); err == nil && n < len(node.Content) {
			return node.Content[n]
		}
		return nil
	}
	for key, value := range pairs(node) {
		if key.Value == step {
			return value
		}
	}
	return nil
}

// mistake says what is wrong, where, and what would be right.
func mistake(root *yaml.Node, file string, e *jsonschema.ValidationError) error {
	at, path := place(root, e), strings.Join(e.InstanceLocation, ".")
	if _, odd := e.ErrorKind.(*kind.InvalidJsonValue); odd {
		return progress.Invalid("%s: %s: a key or value is no text: put it in quotes", where(file, at), cmp.Or(path, "settings"))
	}
	if _, unknown := e.ErrorKind.(*kind.AdditionalProperties); !unknown {
		said := e.ErrorKind.LocalizedString(message.NewPrinter(language.English))
		return progress.Invalid("%s: %s: %s; docs/adopt.md lists the settings", where(file, at), cmp.Or(path, "settings"), said)
	}
	known := keys(e.InstanceLocation)
	nearest := slices.MinFunc(known, func(a, b string) int {
		return levenshtein.Distance(at.Value, a, nil) - levenshtein.Distance(at.Value, b, nil)
	})
	if path != "" {
		path = " in " + path
	}
	return progress.Invalid("%s: unknown key %q%s: did you mean %q? There are %s", where(file, at), at.Value, path, nearest, strings.Join(known, ", "))
}

// keys returns the keys that the schema knows at a location, sorted.
func keys(location []string) []string {
	schema, _ := compiled() // it did compile, or nothing was checked
	for _, step := range location {
		if next := schema.Properties[step]; next != nil {
			schema = next
		} else if schema.Items2020 != nil {
			schema = schema.Items2020
		}
	}
	return slices.Sorted(maps.Keys(schema.Properties))
}
