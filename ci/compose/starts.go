package compose

import (
	"maps"
	"slices"
)

// Lookup returns the value of a variable, and whether it is set.
type Lookup func(name string) (value string, ok bool)

// Starts returns the services that have containers after `up`, sorted.
func (m *Manifest) Starts() (names []string) {
	for name, service := range m.Project.Services {
		if service.Provider == nil && service.GetScale() > 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Has reports whether the manifest has the service, in whatever profile.
func (m *Manifest) Has(name string) bool {
	_, active := m.Project.Services[name]
	_, disabled := m.Project.DisabledServices[name]
	return active || disabled
}

// services returns the names of all services, in whatever profile, sorted.
func (m *Manifest) services() []string {
	names := slices.Collect(maps.Keys(m.Project.Services))
	names = slices.AppendSeq(names, maps.Keys(m.Project.DisabledServices))
	slices.Sort(names)
	return names
}

// templates returns a key with variables as they are written. NAME that Compose takes
// from the environment is ${NAME}.
func (s service) templates(key string) map[string]string {
	values := map[string]string{}
	for name, value := range s.mapping(key) {
		if values[name] = "${" + name + "}"; value != nil {
			values[name] = *value
		}
	}
	return values
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
