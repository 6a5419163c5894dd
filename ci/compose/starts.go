package compose

import (
	"slices"
	"strings"

	"gitops/ci/progress"
)

// Lookup returns the value of a variable, and whether it is set.
type Lookup func(name string) (value string, ok bool)

// Starts returns the services that have containers after a plain `up`, sorted.
func (p *Project) Starts(set Lookup) []string {
	return p.names(func(s service) bool { return s.isActive() && s["provider"] == nil && !s.isScaledToZero(set) })
}

// isActive reports whether the service needs no profile: a deploy names none.
func (s service) isActive() bool {
	profiles, _ := s["profiles"].([]any)
	return len(profiles) == 0
}

// isScaledToZero reports whether the service shall have no container.
func (s service) isScaledToZero(set Lookup) bool {
	text := s.text("scale")
	if deploy, ok := s["deploy"].(map[string]any); ok && text == "" {
		text = service(deploy).text("replicas")
	}
	number, ok := Expand(text, set)
	return ok && number == "0"
}

// CheckImages refuses services that start and have no image: a deploy builds none.
func (p *Project) CheckImages(set Lookup) error {
	for _, name := range p.Starts(set) {
		if s := p.services[name]; s.text("image") == "" && s[elsewhere] == nil {
			return progress.Invalid("%s: service %q has no image: a deploy builds nothing, so give it the image that a release pushes", p.document.WhereKey("services", name), name)
		}
	}
	return nil
}

// Image returns the image of a service with its variables replaced. It is false
// where the service has none, or a variable without a value, or a tag of which set
// does not know more than its default: a file of values may have another.
func (p *Project) Image(name string, set Lookup) (ref string, ok bool) {
	image := p.services[name].text("image")
	if tag := tagVariable(image); tag != "" {
		if _, ok := set(tag); !ok {
			return "", false
		}
	}
	ref, ok = Expand(image, set)
	return ref, ok && ref != ""
}

// WrittenImage returns the image of a service as the manifest has it.
func (p *Project) WrittenImage(name string) string { return p.services[name].text("image") }

// Platform returns the platform that a service names, as the manifest has it; empty
// where it names none.
func (p *Project) Platform(name string) string { return p.services[name].text("platform") }

// Templates returns the environment and the labels of a service, with variables as
// they are written. NAME that Compose takes from the environment is ${NAME}.
func (p *Project) Templates(name string) (environment, labels map[string]string) {
	return p.services[name].templates("environment"), p.services[name].templates("labels")
}

func (s service) templates(key string) map[string]string {
	values := map[string]string{}
	for name, value := range s.mapping(key) {
		if values[name] = "${" + name + "}"; value != nil {
			values[name] = *value
		}
	}
	return values
}

// Missing returns the variables that have no value and no default, sorted. Those
// of ${VAR:?} count wherever they stand, as for Compose; a plain ${VAR}, for which
// Compose would take an empty text, counts where it has an effect: not in services
// that only a profile starts, and not in build sections.
func (p *Project) Missing(set Lookup) []string {
	var names []string
	for _, scalar := range p.document.Scalars() {
		names = append(names, missing(scalar.Text, set, false)...)
	}
	for key, value := range p.model {
		if key != "services" && !strings.HasPrefix(key, "x-") {
			walk(value, func(text string) { names = append(names, missing(text, set, true)...) })
		}
	}
	for _, s := range p.services {
		if s.isActive() {
			names = append(names, s.missing(set)...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// missing returns the variables that a service lacks.
func (s service) missing(set Lookup) (names []string) {
	for key, value := range s {
		if key != "build" && !strings.HasPrefix(key, "x-") {
			walk(value, func(text string) { names = append(names, missing(text, set, true)...) })
		}
	}
	for name, value := range s.mapping("environment") {
		if _, ok := set(name); value == nil && !ok {
			names = append(names, name)
		}
	}
	return names
}

// walk visits every text below value. Compose replaces no variables in keys.
func walk(value any, visit func(string)) {
	switch v := value.(type) {
	case string:
		visit(v)
	case map[string]any:
		for _, item := range v {
			walk(item, visit)
		}
	case []any:
		for _, item := range v {
			walk(item, visit)
		}
	}
}
