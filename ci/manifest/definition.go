package manifest

import (
	"slices"
	"sort"

	"gopkg.in/yaml.v3"
)

// definition is what one YAML document says of a service.
type definition struct {
	entry
	document int // its number
	// literal is true inside something that overrides: Compose takes what is in it
	// as it stands, tags included.
	literal bool
}

// ownName names a service in one document.
type ownName struct {
	document int
	service  string
}

// services returns the definitions of each service, one for each YAML document
// that has it and that no later one resets or overrides. Compose merges them, and
// the later one wins.
func (m *Document) services() map[string][]definition {
	if m.defined != nil {
		return m.defined
	}
	found := map[string][]definition{}
	m.own = map[ownName]definition{}
	for number, root := range m.roots {
		services := lookup(root, "services")
		if replaces(services) {
			clear(found)
		}
		if isReset(services) {
			continue
		}
		for _, e := range entries(services) {
			e.value = resolve(e.value)
			name, literal := e.key.Value, replaces(services)
			if replaces(e.value) {
				delete(found, name)
			}
			if literal || !isReset(e.value) {
				d := definition{e, number, literal || replaces(e.value)}
				found[name] = append(found[name], d)
				m.own[ownName{number, name}] = d
			}
		}
	}
	m.defined = found
	return found
}

// isReset reports whether Compose removes node and what it would be merged with.
func isReset(node *yaml.Node) bool { return node != nil && node.Tag == "!reset" }

// replaces reports whether Compose does not merge node with what stands before it.
func replaces(node *yaml.Node) bool { return isReset(node) || node != nil && node.Tag == "!override" }

// settings returns the values that a key of a service has, the strongest first:
// of each document from the last to the first, its own and then that of what it
// extends there. One that resets or overrides the rest ends the list; reset is the
// node of the first.
func (m *Document) settings(service, key string) (values []entry, reset *yaml.Node) {
	values, reset = m.inherited(m.services()[service], key, map[string]bool{service: true})
	return distinct(values), reset
}

func (m *Document) inherited(definitions []definition, key string, seen map[string]bool) (values []entry, reset *yaml.Node) {
	for i := len(definitions) - 1; i >= 0; i-- {
		if e, ok := find(definitions[i].value, key); ok {
			ends := replaces(e.value) && !definitions[i].literal
			if ends && isReset(e.value) {
				return values, e.value
			}
			if values = append(values, e); ends {
				return values, nil
			}
		}
		base, file := extends(definitions[i].value)
		if base == "" || file != "" || seen[base] {
			continue
		}
		seen[base] = true
		more, end := m.inherited(m.bases(base, definitions[i].document), key, seen)
		delete(seen, base)
		if values = append(values, more...); reset == nil {
			reset = end
		}
	}
	return values, reset
}

// bases returns what a service in document extends under this name: the definition
// of that very document, where Compose looks for it.
func (m *Document) bases(service string, document int) []definition {
	if d, ok := m.own[ownName{document, service}]; ok {
		return []definition{d}
	}
	return nil
}

// extendsFile returns where a service extends one of another file, and that file.
func (m *Document) extendsFile(service string, seen map[string]bool) (at *yaml.Node, file string) {
	seen[service] = true
	definitions := m.services()[service]
	for i := len(definitions) - 1; i >= 0; i-- {
		base, file := extends(definitions[i].value)
		if file != "" {
			return definitions[i].value, file
		}
		if base != "" && !seen[base] {
			return m.extendsFile(base, seen)
		}
	}
	return nil, ""
}

// extends returns the service, and the file if it is another one, that a
// definition extends.
func extends(definition *yaml.Node) (service, file string) {
	node := lookup(definition, "extends")
	if node == nil || isReset(node) {
		return "", ""
	}
	if node.Kind == yaml.ScalarNode {
		return node.Value, ""
	}
	if f := lookup(node, "file"); f != nil {
		file = f.Value
	}
	if s := lookup(node, "service"); s != nil {
		service = s.Value
	}
	return service, file
}

// distinct leaves out values that are one node, reached in several ways.
func distinct(values []entry) (kept []entry) {
	seen := map[*yaml.Node]bool{}
	for _, e := range values {
		if !seen[e.value] {
			kept = append(kept, e)
		}
		seen[e.value] = true
	}
	return kept
}

// Extended returns the names of the services that the manifest extends from other
// files, by the files' paths as they are written.
func (m *Document) Extended() map[string][]string {
	m.services()
	files := map[string][]string{}
	for _, d := range m.own {
		if base, file := extends(d.value); file != "" {
			files[file] = append(files[file], base)
		}
	}
	for file, names := range files {
		sort.Strings(names)
		files[file] = slices.Compact(names)
	}
	return files
}
