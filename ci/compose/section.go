package compose

import (
	"slices"
	"strings"

	"gitops/ci/builds"
	"gitops/ci/progress"
)

// section returns a service's build section, whose context is relative to folder.
// Its line is 0 when the service has none.
func (p *Project) section(name, folder string) (builds.Section, error) {
	s := builds.Section{Service: name, Folder: folder}
	build, ok := p.services[name]["build"].(map[string]any)
	if !ok {
		return s, nil
	}
	s.Line, s.Column = p.document.Position("services", name, "build")
	s.Context = builds.Setting{Text: ".", Where: p.document.Where("services", name, "build"), Written: true}
	for _, key := range sortedKeys(build) {
		if value := build[key]; value != nil {
			if err := p.take(&s, key, value); err != nil {
				return s, err
			}
		}
	}
	return s, nil
}

// take reads one key of a build section into s.
func (p *Project) take(s *builds.Section, key string, value any) error {
	into := map[string]*builds.Setting{"context": &s.Context, "dockerfile": &s.Dockerfile, "target": &s.Target}[key]
	switch {
	case into != nil && value == "": // it says nothing
		return nil
	case into != nil:
		setting, err := p.setting(value, key, s.Service, "build", key)
		*into = setting
		return err
	case key == "platforms":
		return p.platforms(s, value)
	case key == "args":
		return p.args(s, value)
	}
	if refusal := builds.Refusal(key, isEmpty(value)); refusal != "" {
		return progress.Invalid("%s: build of service %q %s", p.document.WhereKey("services", s.Service, "build", key), s.Service, refusal)
	}
	return nil
}

// setting returns the text under a path of a service.
func (p *Project) setting(value any, what, name string, path ...string) (builds.Setting, error) {
	where := p.document.Where(append([]string{"services", name}, path...)...)
	text, ok := value.(string)
	if !ok {
		return builds.Setting{}, progress.Invalid("%s: %s of service %q is not a text: if it shall be one, put it in quotes", where, what, name)
	}
	return builds.Setting{Text: text, Where: where, Written: true}, nil
}

func (p *Project) platforms(s *builds.Section, value any) error {
	list, ok := value.([]any)
	if !ok {
		return progress.Invalid("%s: platforms of service %q are not a list", p.document.Where("services", s.Service, "build", "platforms"), s.Service)
	}
	for _, item := range list {
		text, _ := item.(string)
		platform, err := p.setting(item, "platform", s.Service, "build", "platforms", text)
		if err != nil {
			return err
		}
		s.Platforms = append(s.Platforms, platform)
	}
	return nil
}

// args reads both ways of writing arguments: a mapping, and a list of NAME=value or
// NAME. A name alone is a variable of the environment.
func (p *Project) args(s *builds.Section, value any) error {
	where := p.document.Where("services", s.Service, "build", "args")
	switch written := value.(type) {
	case map[string]any:
		for name, item := range written {
			if !isScalar(item) {
				return progress.Invalid("%s: a build argument of service %q is not a text", p.document.WhereKey("services", s.Service, "build", "args", name), s.Service)
			}
		}
	case []any: // of texts, or compose-go had refused them
	default:
		return progress.Invalid("%s: build args of service %q are neither a mapping nor a list", where, s.Service)
	}
	s.Args = map[string]builds.Setting{}
	for name, text := range (service{"args": value}).templates("args") {
		if name == "" {
			return progress.Invalid("%s: a build argument of service %q has no name", where, s.Service)
		}
		text, written := p.argument(text)
		s.Args[name] = builds.Setting{Text: text, Where: p.document.WhereKey("services", s.Service, "build", "args", name), Written: written}
	}
	return nil
}

// argument returns a build argument with the values of the release's file, and whether
// it is still as written: without such a file, where a value is missing, and where it
// is the tag that the release itself changes.
func (p *Project) argument(text string) (string, bool) {
	isTag := func(name string) bool {
		for _, image := range p.document.Images() {
			if name == tagVariable(image) {
				return true
			}
		}
		return false
	}
	if p.values == nil || slices.ContainsFunc(names(text), isTag) {
		return text, true
	}
	if expanded, ok := Expand(text, p.values.Lookup); ok {
		return expanded, false
	}
	return text, true
}

func isScalar(value any) bool {
	switch value.(type) {
	case map[string]any, []any:
		return false
	}
	return true
}

// isEmpty reports whether a value says nothing: false, no text, no items.
func isEmpty(value any) bool {
	switch v := value.(type) {
	case map[string]any:
		return len(v) == 0
	case []any:
		return len(v) == 0
	case bool:
		return !v
	case string:
		return v == "" || strings.EqualFold(v, "false")
	}
	return false
}
