package compose

import (
	"context"
	"maps"
	"path/filepath"
	"strings"
)

// Written is a manifest with its variables as they are written.
type Written struct {
	model  map[string]any
	values Lookup
}

// ReadWritten reads a manifest as Load does, and replaces no variables: they need no
// values, save those in the paths of other compose files.
func ReadWritten(ctx context.Context, s Source) (*Written, error) {
	r, err := s.begin()
	if err != nil {
		return nil, err
	}
	if err := r.readManifests(ctx); err != nil {
		return nil, err
	}
	return r.template(ctx)
}

func (r *reading) template(ctx context.Context) (*Written, error) {
	model, err := r.asWritten(ctx)
	if err != nil {
		return nil, r.mistake(ctx, err)
	}
	return &Written{model, Lookup(r.environment.Resolve)}, nil
}

// Templates returns the environment and the labels of a service. NAME that Compose
// takes from the environment is ${NAME}. Variables in names are replaced where they
// have values.
func (w *Written) Templates(name string) (environment, labels map[string]string) {
	services, _ := w.model["services"].(map[string]any)
	definition, _ := services[name].(map[string]any)
	labels = map[string]string{}
	for key, value := range service(definition).mapping("labels") {
		if expanded, ok := Expand(key, w.values); ok {
			key = expanded
		}
		if labels[key] = ""; value != nil {
			labels[key] = *value
		}
	}
	return service(definition).templates("environment"), labels
}

// ImageValues returns the values of variables that make the images of services the
// refs that they ran, as far as set and the refs tell.
func (w *Written) ImageValues(refs map[string]string, set Lookup) map[string]string {
	services, _ := w.model["services"].(map[string]any)
	values := map[string]string{}
	for _, name := range sortedKeys(refs) {
		definition, _ := services[name].(map[string]any)
		image, _ := definition["image"].(string)
		tag := tagVariable(image)
		if before, ok := beforeTag(image, tag, set); ok && tag != "" {
			if value, found := strings.CutPrefix(refs[name], before); found {
				values[tag] = value
				continue
			}
		}
		maps.Copy(values, Match(image, refs[name]))
	}
	return values
}

// Labels returns the labels of a service with their variables as they are written.
func (m *Manifest) Labels(name string) map[string]string {
	_, labels := m.written.Templates(name)
	return labels
}

// Name is the project's name as the manifest has it, with its variables; empty where it
// has none.
func (m *Manifest) Name() (name string) {
	for _, file := range m.composed {
		if text, ok := file.model["name"].(string); ok {
			name = text
		}
	}
	return name
}

// Relative returns a path of the Project relative to the Source's Root, with slashes.
// It is false for a path of the host.
func (m *Manifest) Relative(source string) (string, bool) {
	if source == m.root {
		return ".", true
	}
	return strings.CutPrefix(filepath.ToSlash(source), filepath.ToSlash(m.root)+"/")
}

// FileOf returns the paths of configs or secrets, as Relative does, by their names.
func (m *Manifest) FileOf(use Use) map[string]string {
	sources := map[string]string{}
	if use == UseConfig {
		for name, config := range m.Project.Configs {
			sources[name] = config.File
		}
	} else {
		for name, secret := range m.Project.Secrets {
			sources[name] = secret.File
		}
	}
	files := map[string]string{}
	for name, source := range sources {
		if file, ok := m.Relative(source); ok && source != "" {
			files[name] = file
		}
	}
	return files
}
