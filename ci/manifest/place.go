package manifest

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Where returns file:line:column of the value under a path of keys, such as
// "services", "web", "build". Aliases, merge keys, extends within the file and
// several documents are followed. Where the text does not have the whole path, it
// is the place of the part that it has.
func (m *Document) Where(path ...string) string { return m.where(m.place(path).value) }

// WhereKey is Where for the last key of the path instead of its value.
func (m *Document) WhereKey(path ...string) string { return m.where(m.place(path).at) }

// Position returns Where as numbers, both from 1; columns count characters.
func (m *Document) Position(path ...string) (line, column int) {
	node := m.place(path).value
	return node.Line, node.Column
}

// Keys returns the keys of the mapping under path in all documents, in the order
// in which they stand there.
func (m *Document) Keys(path ...string) (keys []string) {
	seen := map[string]bool{}
	for _, root := range m.roots {
		found, depth := descend(entry{value: root}, path)
		if depth < len(path) {
			continue
		}
		for _, e := range entries(found.value) {
			if !seen[e.key.Value] {
				seen[e.key.Value] = true
				keys = append(keys, e.key.Value)
			}
		}
	}
	return keys
}

// place returns the key and the value under path, or those of its longest part.
func (m *Document) place(path []string) entry {
	best, reached := entry{at: &yaml.Node{Line: 1, Column: 1}, value: &yaml.Node{Line: 1, Column: 1}}, -1
	for _, start := range m.starts(path) {
		if found, depth := descend(start.entry, path[start.depth:]); start.depth+depth > reached {
			best, reached = found, start.depth+depth
		}
	}
	return best
}

// origin is where a look-up begins: behind depth keys of its path.
type origin struct {
	entry
	depth int
}

// starts returns where a path may begin, the strongest first.
func (m *Document) starts(path []string) (all []origin) {
	if len(path) > 2 && path[0] == "services" {
		values, _ := m.settings(path[1], path[2])
		for _, e := range values {
			all = append(all, origin{e, 3})
		}
	}
	if len(path) > 1 && path[0] == "services" {
		definitions := m.services()[path[1]]
		for i := len(definitions) - 1; i >= 0; i-- {
			all = append(all, origin{definitions[i].entry, 2})
		}
	}
	for i := len(m.roots) - 1; i >= 0; i-- {
		all = append(all, origin{entry{at: m.roots[i], value: m.roots[i]}, 0})
	}
	return all
}

// descend follows path as far as it goes. In a list it looks for the item itself,
// or for one that begins with "item=", and takes the last.
func descend(from entry, path []string) (entry, int) {
	for depth, key := range path {
		next, ok := find(from.value, key)
		for _, item := range items(from.value) {
			if item := resolve(item); item.Value == key || strings.HasPrefix(item.Value, key+"=") {
				next, ok = entry{item, item, item}, true
			}
		}
		if !ok {
			return from, depth
		}
		from = next
	}
	return from, len(path)
}

func items(node *yaml.Node) []*yaml.Node {
	if node = resolve(node); node == nil || node.Kind != yaml.SequenceNode {
		return nil
	}
	return node.Content
}

// Has reports whether a document has a value other than null under path.
func (m *Document) Has(path ...string) bool {
	for _, root := range m.roots {
		if found, depth := descend(entry{value: root}, path); depth == len(path) && resolve(found.value).ShortTag() != "!!null" {
			return true
		}
	}
	return false
}

// IsMapping reports whether every document that has something under path has a
// mapping there.
func (m *Document) IsMapping(path ...string) bool {
	for _, root := range m.roots {
		found, depth := descend(entry{value: root}, path)
		if node := resolve(found.value); depth == len(path) && node.Kind != yaml.MappingNode && node.ShortTag() != "!!null" {
			return false
		}
	}
	return true
}

// Scalar is a text in a manifest that is not a key.
type Scalar struct {
	Keys []string // of the mappings around it, from the outside
	Text string   // the value, its quotes and escapes read

	document *Document
	node     *yaml.Node
}

// Where returns file:line:column of the text.
func (s Scalar) Where() string { return s.document.where(s.node) }

// Scalars returns every text that is not a key. Aliases are
// not followed: what they repeat has its place at the anchor.
func (m *Document) Scalars() (all []Scalar) {
	for _, root := range m.roots {
		all = m.appendScalars(all, root, nil)
	}
	return all
}

func (m *Document) appendScalars(all []Scalar, node *yaml.Node, keys []string) []Scalar {
	if node.Kind == yaml.ScalarNode {
		return append(all, Scalar{keys, node.Value, m, node})
	}
	for i, child := range node.Content {
		switch {
		case node.Kind != yaml.MappingNode:
			all = m.appendScalars(all, child, keys)
		case i%2 == 1:
			all = m.appendScalars(all, child, append(slices.Clone(keys), node.Content[i-1].Value))
		}
	}
	return all
}
