package settings

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"gitops/ci/progress"
)

// DefaultFile is where a repository keeps its settings: at its root.
const DefaultFile = "gitops.yml"

// Settings are what one file says. The zero value says nothing.
type Settings struct {
	file   string
	values map[string][]string
}

// Read reads a file. A file that does not exist says nothing. One that is not as the
// schema wants it is progress.Invalid, with line and column.
func Read(file string) (Settings, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return Settings{}, nil
	}
	if err != nil {
		return Settings{}, progress.Invalid("reading the settings: %w", err)
	}
	return Parse(text, file)
}

// Parse reads the text of a file, which errors call by its name.
func Parse(text []byte, file string) (Settings, error) {
	var document, second yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	if err := decoder.Decode(&document); err != nil && !errors.Is(err, io.EOF) {
		return Settings{}, progress.Invalid("%s: %w", file, err)
	}
	if err := decoder.Decode(&second); err == nil {
		return Settings{}, progress.Invalid("%s: there is a second document: write the settings into one", where(file, &second))
	}
	s := Settings{file: file, values: map[string][]string{}}
	if len(document.Content) == 0 || isNull(document.Content[0]) {
		return s, nil
	}
	root := document.Content[0]
	if err := check(root, file); err != nil {
		return Settings{}, err
	}
	s.collect(root, nil)
	return s, nil
}

// Values returns what the file says under a path such as terraform.dir: one value, the
// items of a list, the key=value pairs of terraform.backend, or the hosts as
// USER@ADDRESS=KEY.
func (s Settings) Values(path string) []string { return s.values[path] }

// File names the file in errors.
func (s Settings) File() string { return s.file }

// collect keeps the values below node, which stands under path.
func (s Settings) collect(node *yaml.Node, path []string) {
	name := strings.Join(path, ".")
	switch node = resolved(node); {
	case node.Kind == yaml.ScalarNode:
		s.values[name] = []string{node.Value}
	case node.Kind == yaml.SequenceNode:
		s.values[name] = nil // of a mapping that is merged in
		for _, item := range node.Content {
			s.values[name] = append(s.values[name], itemText(resolved(item)))
		}
	case name == "terraform.backend":
		for _, merged := range merges(node) {
			s.collect(merged, path)
		}
		for key, value := range pairs(node) {
			if key.Tag != mergeTag {
				s.values[name] = append(s.values[name], key.Value+"="+resolved(value).Value)
			}
		}
	default:
		for _, merged := range merges(node) {
			s.collect(merged, path)
		}
		for key, value := range pairs(node) {
			// Compose reads the build sections itself.
			if key.Tag != mergeTag && key.Value != "services" && !strings.HasPrefix(key.Value, "x-") && !isNull(value) {
				s.collect(value, append(slices.Clone(path), key.Value))
			}
		}
	}
}

// itemText returns the text of an item of a list, which is a text or a host.
func itemText(item *yaml.Node) string {
	if item.Kind != yaml.MappingNode {
		return item.Value
	}
	host := Settings{values: map[string][]string{}}
	host.collect(item, nil)
	text := host.values["address"][0] // the schema wants it
	if user := host.values["user"]; user != nil {
		text = user[0] + "@" + text
	}
	if key := host.values["key"]; key != nil {
		text += "=" + key[0]
	}
	return text
}

// pairs yields the keys of a mapping with their values, in order.
func pairs(mapping *yaml.Node) func(func(key, value *yaml.Node) bool) {
	return func(yield func(key, value *yaml.Node) bool) {
		for i := 0; i+1 < len(mapping.Content); i += 2 {
			if !yield(mapping.Content[i], mapping.Content[i+1]) {
				return
			}
		}
	}
}

// mergeTag is the tag of the key "<<".
const mergeTag = "!!merge"

// merges returns the mappings that are merged into one, the ones that win last.
func merges(mapping *yaml.Node) (all []*yaml.Node) {
	for key, value := range pairs(mapping) {
		if key.Tag != mergeTag {
			continue
		}
		if value = resolved(value); value.Kind == yaml.SequenceNode {
			all = append(all, value.Content...)
			slices.Reverse(all)
		} else {
			all = append(all, value)
		}
	}
	return all
}

// resolved follows an alias to its anchor.
func resolved(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

func isNull(node *yaml.Node) bool { return resolved(node).Tag == "!!null" }

func where(file string, node *yaml.Node) string {
	return fmt.Sprintf("%s:%d:%d", file, node.Line, node.Column)
}
