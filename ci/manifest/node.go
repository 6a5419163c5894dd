package manifest

import "gopkg.in/yaml.v3"

// entry is a key and its value in a mapping; at is the key as it stands there,
// which may be an alias of key.
type entry struct{ at, key, value *yaml.Node }

// resolve follows an alias to what it stands for.
func resolve(node *yaml.Node) *yaml.Node {
	for node != nil && node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	return node
}

// entries returns what a mapping holds once its merge keys are followed: its
// own keys first, then those of the merged mappings that are not there yet.
func entries(node *yaml.Node) []entry {
	node = resolve(node)
	if node == nil || node.Kind != yaml.MappingNode {
		return nil
	}
	var found, merged []entry
	seen := map[string]bool{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		at, value := node.Content[i], node.Content[i+1]
		if isMerge(at) {
			merged = append(merged, mergedEntries(value)...)
			continue
		}
		key := resolve(at)
		seen[key.Value] = true
		found = append(found, entry{at, key, value})
	}
	for _, e := range merged {
		if !seen[e.key.Value] {
			seen[e.key.Value] = true
			found = append(found, e)
		}
	}
	return found
}

func isMerge(key *yaml.Node) bool {
	return key.Kind == yaml.ScalarNode && key.Value == "<<" && key.ShortTag() == "!!merge"
}

// mergedEntries returns the entries of the mapping, or of the mappings in the
// list, that a merge key names; the earlier one wins.
func mergedEntries(value *yaml.Node) []entry {
	value = resolve(value)
	if value.Kind != yaml.SequenceNode {
		return entries(value)
	}
	var found []entry
	for _, item := range value.Content {
		found = append(found, entries(item)...)
	}
	return found
}

// find returns the entry of key in a mapping, its value resolved.
func find(node *yaml.Node, key string) (entry, bool) {
	for _, e := range entries(node) {
		if e.key.Kind == yaml.ScalarNode && e.key.Value == key {
			e.value = resolve(e.value)
			return e, true
		}
	}
	return entry{}, false
}

// lookup returns the value of key in a mapping, nil when there is none.
func lookup(node *yaml.Node, key string) *yaml.Node {
	e, _ := find(node, key)
	return e.value
}
