package manifest

import (
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"
)

// Build is a service with a build section. Paths are as written: relative to
// the manifest's folder.
type Build struct {
	Service    string
	Image      string // as in Images; empty when the service has none
	Context    string // "." when not given
	Dockerfile string // relative to Context; empty means Dockerfile
	Target     string // the Dockerfile's stage; empty means the last one
	Platforms  []string
	// Args are the build arguments with a value; ArgsFromEnv are those that
	// compose takes from the environment.
	Args        map[string]string
	ArgsFromEnv []string
	// Line and Column say where the build section stands, both from 1.
	Line, Column int
}

// BuildServices returns the services that have a build section, in order of
// their names. Aliases and merge keys are followed.
func BuildServices(text []byte) ([]Build, error) {
	m, err := parse(text, "manifest")
	if err != nil {
		return nil, err
	}
	var builds []Build
	services := m.services()
	for _, name := range sortedKeys(services) {
		for i := len(services[name]) - 1; i >= 0; i-- {
			section := lookup(services[name][i], "build")
			if section == nil || section.ShortTag() == "!!null" {
				continue
			}
			build, err := m.build(name, section)
			if err != nil {
				return nil, err
			}
			builds = append(builds, build)
			break
		}
	}
	return builds, nil
}

func (m *document) build(service string, section *yaml.Node) (Build, error) {
	b := Build{Service: service, Context: ".", Line: section.Line, Column: section.Column}
	if s, err := m.imageOf(service); err == nil {
		b.Image = s.ref()
	}
	switch section.Kind {
	case yaml.ScalarNode:
		b.Context = section.Value
		return b, nil
	case yaml.MappingNode:
	default:
		return b, m.invalid(section, "build of service %q is neither a path nor a mapping", service)
	}
	b.Context = textOr(section, "context", ".")
	b.Dockerfile = textOr(section, "dockerfile", "")
	b.Target = textOr(section, "target", "")
	if platforms := lookup(section, "platforms"); platforms != nil {
		for _, item := range platforms.Content {
			b.Platforms = append(b.Platforms, resolve(item).Value)
		}
	}
	return b, m.buildArgs(&b, lookup(section, "args"))
}

func textOr(section *yaml.Node, key, otherwise string) string {
	if value := lookup(section, key); value != nil && value.Kind == yaml.ScalarNode && value.Value != "" {
		return value.Value
	}
	return otherwise
}

// buildArgs reads both ways of writing arguments: a mapping, and a list of
// NAME=value or NAME.
func (m *document) buildArgs(b *Build, args *yaml.Node) error {
	if args == nil || args.ShortTag() == "!!null" {
		return nil
	}
	b.Args = map[string]string{}
	switch args.Kind {
	case yaml.MappingNode:
		for _, e := range entries(args) {
			b.addArg(e.key.Value, resolve(e.value).Value, resolve(e.value).ShortTag() != "!!null")
		}
	case yaml.SequenceNode:
		for _, item := range args.Content {
			name, value, found := strings.Cut(resolve(item).Value, "=")
			b.addArg(name, value, found)
		}
	default:
		return m.invalid(args, "build args of service %q are neither a mapping nor a list", b.Service)
	}
	return nil
}

func (b *Build) addArg(name, value string, given bool) {
	if !given {
		b.ArgsFromEnv = append(b.ArgsFromEnv, name)
		return
	}
	b.Args[name] = value
}

// String names the build for progress and errors.
func (b Build) String() string { return fmt.Sprintf("%s from %s", b.Service, b.Context) }
