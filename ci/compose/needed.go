package compose

import (
	"context"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// needed returns the variables without a value or default that have an effect: not
// in services of other profiles, and not in build sections. Those of ${VAR:?} count
// wherever they stand, as for Compose.
func (r *reading) needed(ctx context.Context) (names []string) {
	if len(r.lacking) == 0 {
		return nil
	}
	var effective []string
	model, err := r.asWritten(ctx)
	if err != nil { // a path has a variable
		return sortedKeys(r.lacking)
	}
	set := func(name string) (string, bool) {
		value, ok := r.environment[name]
		return value, ok
	}
	visit := func(text string) { effective = append(effective, missing(text, set, true)...) }
	r.walkEffective(model, visit)
	for _, p := range r.composed {
		for _, s := range p.scalars {
			effective = append(effective, missing(s.Text, Lookup(p.environment.Resolve), false)...)
		}
	}
	for _, name := range effective {
		if r.lacking[name] {
			names = append(names, name)
		}
	}
	return names
}

// walkEffective visits the texts of a model that a deploy goes by.
func (r *reading) walkEffective(model map[string]any, visit func(string)) {
	services, _ := model["services"].(map[string]any)
	for key, value := range model {
		if key != "services" && !strings.HasPrefix(key, "x-") {
			walk(value, visit)
		}
	}
	for _, value := range services {
		definition, _ := value.(map[string]any)
		if !r.isActive(definition) {
			continue
		}
		for key, item := range definition {
			if key != "build" && key != "develop" && !strings.HasPrefix(key, "x-") {
				walk(item, visit)
			}
		}
	}
}

// isActive reports whether the profiles of the source start a service.
func (r *reading) isActive(definition service) bool {
	s := types.ServiceConfig{Profiles: texts(definition["profiles"])}
	return s.HasProfile(r.Profiles)
}

// passed returns the variables that services, secrets and configs take from the
// environment as they are, and that have no value.
func (m *Manifest) passed(r *reading) (names []string) {
	for _, s := range m.Project.Services {
		for name, value := range s.Environment {
			if value == nil {
				names = append(names, name)
			}
		}
		for _, use := range s.Secrets {
			names = append(names, r.unset(m.Project.Secrets[use.Source].Environment)...)
		}
		for _, use := range s.Configs {
			names = append(names, r.unset(m.Project.Configs[use.Source].Environment)...)
		}
	}
	return names
}

func (r *reading) unset(name string) []string {
	if _, ok := r.environment[name]; ok || name == "" {
		return nil
	}
	return []string{name}
}
