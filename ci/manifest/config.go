package manifest

import (
	"path"
	"strings"

	"gopkg.in/yaml.v3"
)

// configSections returns the build sections of a ConfigFile, by service. It
// holds nothing else, but for extensions, whose names start with x-.
func (m *document) configSections() (map[string]section, error) {
	sections := map[string]section{}
	if len(m.roots) > 1 {
		return nil, m.invalid(m.roots[1], "a second YAML document: write all into one")
	}
	if len(m.roots) == 0 {
		return nil, nil
	}
	services, err := m.only(m.roots[0], "the configuration", "services")
	if err != nil || services == nil {
		return nil, err
	}
	if services.Kind != yaml.MappingNode {
		return nil, m.invalid(services, "services is not a mapping")
	}
	for _, e := range entries(services) {
		build, err := m.only(e.value, "service "+e.key.Value, "build")
		if err != nil {
			return nil, err
		}
		if build == nil {
			return nil, m.invalid(e.at, "service %q has no build section: write one, or leave the service out", e.key.Value)
		}
		sections[e.key.Value] = section{m, build, path.Dir(m.file)}
	}
	return sections, nil
}

// only returns the value of the one key that a mapping may have, nil when it is
// not there or says nothing.
func (m *document) only(node *yaml.Node, what, key string) (*yaml.Node, error) {
	node = resolve(node)
	if node.ShortTag() == "!!null" {
		return nil, nil
	}
	if node.Kind != yaml.MappingNode {
		return nil, m.invalid(node, "%s is not a mapping with %s", what, key)
	}
	for _, e := range entries(node) {
		if name := e.key.Value; name != key && !strings.HasPrefix(name, "x-") {
			return nil, m.invalid(e.at, "%s has the key %q: it may have %s alone", what, name, key)
		}
	}
	value := lookup(node, key)
	if value == nil || value.ShortTag() == "!!null" {
		return nil, nil
	}
	return value, nil
}
