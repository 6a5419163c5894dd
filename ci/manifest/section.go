package manifest

import (
	"strings"

	"gopkg.in/yaml.v3"
)

// section is a build section and where its paths start.
type section struct {
	file   *document
	node   *yaml.Node // nil when there is none
	folder string     // relative to the repository's root
}

// section returns a service's build section. Two that compose would merge, from
// several documents or by extends, are refused.
func (m *document) section(service string) (section, error) {
	found := m.settings(service, "build", map[string]bool{})
	switch len(found) {
	case 0:
		return section{}, nil
	case 1:
		return section{file: m, node: found[0]}, nil
	}
	return section{}, m.invalid(found[0], "build of service %q: compose would merge it with the one at %s: write one that says all, marked !override",
		service, m.where(found[1]))
}

// settings returns the values that a key of a service has, the strongest first:
// those of the later documents, of the earlier ones, of what it extends.
func (m *document) settings(service, key string, seen map[string]bool) (values []*yaml.Node) {
	seen[service] = true
	definitions := m.services()[service]
	for i := len(definitions) - 1; i >= 0; i-- {
		value := lookup(definitions[i], key)
		switch {
		case value == nil || value.ShortTag() == "!!null":
		case value.Tag == "!reset":
			return values
		case value.Tag == "!override":
			return append(values, value)
		default:
			values = append(values, value)
		}
	}
	for i := len(definitions) - 1; i >= 0; i-- {
		base, file := extends(definitions[i])
		if base != "" && file == "" && !seen[base] {
			return distinct(append(values, m.settings(base, key, seen)...))
		}
	}
	return distinct(values)
}

// distinct leaves out values that are one node, reached in several ways.
func distinct(nodes []*yaml.Node) (kept []*yaml.Node) {
	seen := map[*yaml.Node]bool{}
	for _, node := range nodes {
		if !seen[node] {
			kept = append(kept, node)
		}
		seen[node] = true
	}
	return kept
}

// ignoredKeys of a build section say how fast, with which limits or under which
// further names compose builds, and what it attests. They do not change what the
// image holds, and a release has its own answer to each.
var ignoredKeys = map[string]bool{
	"cache_from": true, "cache_to": true, "no_cache": true, "no_cache_filter": true, "pull": true,
	"tags": true, "provenance": true, "sbom": true, "shm_size": true, "ulimits": true,
}

// refusedKeys change what the image holds, or what its build may do, and are not
// supported. The values say what to do instead.
var refusedKeys = map[string]string{
	"additional_contexts": "copy from one context, or from an image with COPY --from",
	"dockerfile_inline":   "write it into a file that dockerfile names",
	"entitlements":        "build without them",
	"extra_hosts":         "reach hosts by names that resolve",
	"isolation":           "build without it",
	"labels":              "write LABEL in the Dockerfile",
	"network":             "build with the default network",
	"privileged":          "build without it",
	"secrets":             "fetch what needs them in a step before, into the context",
	"ssh":                 "fetch what needs it in a step before, into the context",
}

// recipe reads the section.
func (s section) recipe(service string) (recipe, error) {
	r := recipe{service: service, section: s, folder: s.folder}
	r.context = setting{text: ".", where: s.file.where(s.node), written: true}
	switch s.node.Kind {
	case yaml.ScalarNode:
		return r, s.text(&r.context, s.node, "build", service)
	case yaml.MappingNode:
	default:
		return r, s.file.invalid(s.node, "build of service %q is neither a path nor a mapping", service)
	}
	for _, e := range entries(s.node) {
		value := resolve(e.value)
		if value.Tag == "!reset" || value.ShortTag() == "!!null" {
			continue
		}
		if err := s.read(&r, e.at, value); err != nil {
			return r, err
		}
	}
	return r, nil
}

// read reads one key of the section into r.
func (s section) read(r *recipe, at, value *yaml.Node) error {
	key := resolve(at).Value
	switch key {
	case "context":
		return s.text(&r.context, value, key, r.service)
	case "dockerfile":
		return s.text(&r.dockerfile, value, key, r.service)
	case "target":
		return s.text(&r.target, value, key, r.service)
	case "platforms":
		return s.platforms(r, value)
	case "args":
		return s.args(r, value)
	}
	instead, refused := refusedKeys[key]
	switch {
	case refused && !isEmpty(value):
		return s.file.invalid(at, "build of service %q has %s, which a release cannot honour: %s", r.service, key, instead)
	case !refused && !ignoredKeys[key] && !strings.HasPrefix(key, "x-"):
		return s.file.invalid(at, "build of service %q has the key %q, which compose does not know", r.service, key)
	}
	return nil
}

// isEmpty reports whether a value says nothing: false, no text, no items.
func isEmpty(node *yaml.Node) bool {
	if node.Kind == yaml.ScalarNode {
		return node.Value == "" || node.ShortTag() == "!!bool" && strings.EqualFold(node.Value, "false")
	}
	return len(node.Content) == 0
}

// text reads a text; an empty one says nothing.
func (s section) text(into *setting, node *yaml.Node, key, service string) error {
	if node.Kind != yaml.ScalarNode || strings.HasPrefix(node.ShortTag(), "!!") && node.ShortTag() != "!!str" {
		return s.file.invalid(node, "%s of service %q is not a text: if it shall be one, put it in quotes", key, service)
	}
	if node.Value != "" {
		*into = setting{node.Value, s.file.where(node), true}
	}
	return nil
}

func (s section) platforms(r *recipe, list *yaml.Node) error {
	if list.Kind != yaml.SequenceNode {
		return s.file.invalid(list, "platforms of service %q are not a list", r.service)
	}
	for _, item := range list.Content {
		platform := setting{where: s.file.where(item)}
		if err := s.text(&platform, resolve(item), "platform", r.service); err != nil {
			return err
		}
		r.platforms = append(r.platforms, platform)
	}
	return nil
}

// args reads both ways of writing arguments: a mapping, and a list of
// NAME=value or NAME. A name alone is a variable of the environment.
func (s section) args(r *recipe, args *yaml.Node) error {
	r.args = map[string]setting{}
	switch args.Kind {
	case yaml.MappingNode:
		for _, e := range entries(args) {
			value := resolve(e.value)
			if err := s.arg(r, e.at, e.key.Value, value, value.Value, value.ShortTag() != "!!null"); err != nil {
				return err
			}
		}
	case yaml.SequenceNode:
		for _, item := range args.Content {
			value := resolve(item)
			name, text, given := strings.Cut(value.Value, "=")
			if err := s.arg(r, item, name, value, text, given); err != nil {
				return err
			}
		}
	default:
		return s.file.invalid(args, "build args of service %q are neither a mapping nor a list", r.service)
	}
	return nil
}

// arg adds one argument.
func (s section) arg(r *recipe, at *yaml.Node, name string, value *yaml.Node, text string, given bool) error {
	_, twice := r.args[name]
	switch {
	case value.Kind != yaml.ScalarNode:
		return s.file.invalid(at, "a build argument of service %q is not a text", r.service)
	case name == "":
		return s.file.invalid(at, "a build argument of service %q has no name", r.service)
	case twice:
		return s.file.invalid(at, "build argument %s of service %q is given twice", name, r.service)
	case !given:
		text = "${" + name + "}"
	}
	r.args[name] = setting{text, s.file.where(at), true}
	return nil
}
