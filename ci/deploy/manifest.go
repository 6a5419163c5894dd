package deploy

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"gopkg.in/yaml.v3"

	"gitops/ci/progress"
	"gitops/ci/secret"
)

// service is what a deploy has to know of a service in the manifest.
type service struct {
	Image       string    `yaml:"image"`
	Profiles    []string  `yaml:"profiles"`
	Scale       any       `yaml:"scale"`
	Environment yaml.Node `yaml:"environment"`
	Labels      yaml.Node `yaml:"labels"`
	Deploy      struct {
		Replicas any `yaml:"replicas"`
	} `yaml:"deploy"`
}

// starts reports whether the service has containers after a plain `up`.
func (s service) starts() bool {
	return len(s.Profiles) == 0 && fmt.Sprint(s.Scale) != "0" && fmt.Sprint(s.Deploy.Replicas) != "0"
}

// manifest is a compose file as far as a deploy looks into it. Everything else
// is left to Docker Compose.
type manifest struct {
	Services map[string]service `yaml:"services"`
	scalars  []string
}

func parseManifest(content []byte) (*manifest, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(content, &root); err != nil {
		return nil, progress.Invalid("reading manifest: %w", err)
	}
	var m manifest
	if err := root.Decode(&m); err != nil {
		return nil, progress.Invalid("reading manifest: %w", err)
	}
	if len(m.Services) == 0 {
		return nil, progress.Invalid("reading manifest: it has no services: is it a compose file?")
	}
	m.collect(&root)
	return &m, nil
}

// collect gathers the scalar values, where variables may be. Compose does not
// replace variables in keys.
func (m *manifest) collect(node *yaml.Node) {
	switch node.Kind {
	case yaml.ScalarNode:
		m.scalars = append(m.scalars, node.Value)
	case yaml.MappingNode:
		for i := 1; i < len(node.Content); i += 2 {
			m.collect(node.Content[i])
		}
	default:
		for _, child := range node.Content {
			m.collect(child)
		}
	}
}

// given are variables that every login on a host sets.
var given = []string{"HOME", "USER", "LOGNAME", "SHELL", "PATH"}

// needs returns an error that names every variable without value and default.
// Compose itself would put an empty text for a plain ${VAR}.
func (m *manifest) needs(env map[string]secret.Value) error {
	set := func(name string) (string, bool) {
		if slices.Contains(given, name) {
			return name, true
		}
		value, ok := env[name]
		return value.Reveal(), ok
	}
	var names []string
	for _, scalar := range m.scalars {
		names = append(names, missing(scalar, set)...)
	}
	sort.Strings(names)
	if names = slices.Compact(names); len(names) > 0 {
		return progress.Invalid("the manifest needs %s, which %s not set: give a value, or a default as in ${%s:-value}; nothing was touched",
			strings.Join(names, ", "), are(len(names)), names[0])
	}
	return nil
}

func are(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// names returns the services that have containers after a plain `up`, sorted.
func (m *manifest) names() []string {
	var names []string
	for name, service := range m.Services {
		if service.starts() {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	return names
}
