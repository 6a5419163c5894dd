package manifest

import (
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"gitops/ci/progress"
)

// Images returns the image of every service that has one, its own or one that
// it gets by an alias, a merge key or extends within the file. Variables stand
// in it as they are written.
func Images(text []byte) (map[string]string, error) {
	m, err := Parse(text, "manifest")
	if err != nil {
		return nil, err
	}
	return m.Images(), nil
}

// Images is the function of this name, for a manifest that is parsed.
func (m *Document) Images() map[string]string {
	images := map[string]string{}
	for name := range m.services() {
		if s, err := m.imageOf(name); err == nil {
			images[name] = s.ref()
		}
	}
	return images
}

// Image returns a service's image as it is written, and where that stands. A
// service without one is progress.Invalid.
func (m *Document) Image(service string) (ref, where string, err error) {
	s, err := m.imageOf(service)
	if err != nil {
		return "", "", err
	}
	return s.ref(), m.where(s.node), nil
}

// site is a scalar in the text that gives at least one service its image.
type site struct{ node *yaml.Node }

// ref returns what the scalar says, without the line breaks that end a block.
func (s *site) ref() string { return strings.TrimSuffix(s.node.Value, s.ending()) }

// ending returns the line breaks that belong to a block scalar's value.
func (s *site) ending() string {
	if s.node.Style&(yaml.LiteralStyle|yaml.FoldedStyle) == 0 {
		return ""
	}
	return s.node.Value[len(strings.TrimRight(s.node.Value, "\n")):]
}

func (m *Document) site(node *yaml.Node) *site {
	if m.sites[node] == nil {
		m.sites[node] = &site{node}
	}
	return m.sites[node]
}

// imageOf returns the scalar that gives service its image.
func (m *Document) imageOf(service string) (*site, error) {
	definitions := m.services()[service]
	if len(definitions) == 0 {
		return nil, m.unknown(service)
	}
	images, reset := m.settings(service, "image")
	if len(images) > 0 {
		return m.textual(images[0].value, service)
	}
	at := definitions[0].value
	if reset != nil {
		at = reset
	}
	if node, file := m.extendsFile(service, map[string]bool{}); file != "" && reset == nil {
		return nil, m.invalid(node, "service %q has no image: here, it extends a service in %s: bump that file", service, file)
	}
	return nil, m.invalid(at, "service %q has no image: add one by hand, then it can be bumped", service)
}

// textual accepts an image that is text, whatever its tag or style.
func (m *Document) textual(image *yaml.Node, service string) (*site, error) {
	switch {
	case image.Kind != yaml.ScalarNode:
		return nil, m.invalid(image, "image of service %q is not a text", service)
	case strings.TrimSpace(image.Value) == "":
		return nil, m.invalid(image, "image of service %q is empty: write its first ref by hand", service)
	case strings.HasPrefix(image.ShortTag(), "!!") && image.ShortTag() != "!!str":
		return nil, m.invalid(image, "image of service %q is read as %s, not as text: put it in quotes", service, image.ShortTag())
	}
	return m.site(image), nil
}

func (m *Document) unknown(service string) error {
	var hint string
	for _, root := range m.roots {
		if include := lookup(root, "include"); include != nil {
			hint = "; it may stand in a file that include: names at " + m.where(include) + ", which is bumped by itself"
		}
	}
	names := strings.Join(sortedKeys(m.services()), ", ")
	for _, root := range m.roots {
		if services := lookup(root, "services"); services != nil && names != "" {
			return m.invalid(services, "no service %q, the manifest has %s%s", service, names, hint)
		}
	}
	return progress.Invalid("%s:1:1: no service %q, the manifest has no services%s", m.file, service, hint)
}

// replaceable refuses images whose text is not the whole truth.
func (m *Document) replaceable(s *site, service string, force bool) error {
	if strings.Contains(s.node.Value, "$") && !force {
		return m.invalid(s.node, "image of service %q is %s: a variable decides what runs, so a ref written here would end that; "+
			"name the file that sets the variable with --values, or replace it with --force", service, s.node.Value)
	}
	return nil
}

// use is a place that a scalar reaches.
type use struct {
	service string // the service whose image it is; empty for anything else
	path    string
	node    *yaml.Node
}

// uses returns the places that s reaches, following aliases, merge keys and
// extends. Definitions under x- keys are no use.
func (m *Document) uses(s *site) []use {
	if m.reached != nil {
		return m.reached[s.node]
	}
	m.reached = map[*yaml.Node][]use{}
	for _, root := range m.roots {
		m.walk(root, nil, func(u use, node *yaml.Node) { m.reached[node] = append(m.reached[node], u) })
	}
	for _, name := range sortedKeys(m.services()) {
		if inherited, err := m.imageOf(name); err == nil {
			node := inherited.node
			m.reached[node] = append(m.reached[node], use{name, "services." + name + ".image", node})
		}
	}
	return m.reached[s.node]
}

// walk visits every scalar below node, as often as it can be reached.
func (m *Document) walk(node *yaml.Node, path []string, visit func(use, *yaml.Node)) {
	if depth := len(path); depth > 0 && depth != 2 && strings.HasPrefix(path[depth-1], "x-") {
		return // an extension; on the second level it is a name
	}
	target := resolve(node)
	switch target.Kind {
	case yaml.ScalarNode:
		u := use{path: strings.Join(path, "."), node: node}
		if len(path) == 3 && path[0] == "services" && path[2] == "image" {
			u.service = path[1]
		}
		visit(u, target)
	case yaml.MappingNode:
		for _, e := range entries(target) {
			here := append(slices.Clip(path), e.key.Value)
			visit(use{path: "as a key in " + strings.Join(path, "."), node: e.at}, e.key)
			m.walk(e.value, here, visit)
		}
	case yaml.SequenceNode:
		for i, item := range target.Content {
			m.walk(item, append(path[:len(path):len(path)], fmt.Sprint(i)), visit)
		}
	}
}
