package compose

import (
	"slices"
	"strings"

	"gitops/ci/builds"
	"gitops/ci/manifest"
	"gitops/ci/progress"
)

// WrittenImage returns the image of a service with its variables as they are written.
func (m *Manifest) WrittenImage(name string) string { return m.written.image(name) }

func (w *Written) image(name string) string {
	services, _ := w.model["services"].(map[string]any)
	definition, _ := services[name].(map[string]any)
	return service(definition).text("image")
}

// Image returns the image of an active service. It is false where the service has
// none. Of a Source with AnyValue it is also false where a variable in it has no value,
// and where its tag is a variable's default: a deploy may have another value.
func (m *Manifest) Image(name string) (ref string, known bool) {
	image := m.Project.Services[name].Image
	if !m.anyValue {
		return image, image != ""
	}
	template := m.WrittenImage(name)
	if slices.ContainsFunc(names(template), func(variable string) bool { return m.lacking[variable] }) {
		return "", false
	}
	if tag := tagVariable(template); tag != "" && !m.sets(tag) {
		return "", false
	}
	return image, image != ""
}

// sets reports whether a variable has a value in one of the compose files: those that
// are included may have environment files of their own.
func (m *Manifest) sets(variable string) bool {
	return slices.ContainsFunc(m.composed, func(f *composeFile) bool {
		_, ok := f.environment.Resolve(variable)
		return ok
	})
}

// OwnImages returns the images of the services that start and that a release builds,
// by their build sections in the manifest and in config (the text of
// builds.ConfigFile, nil when there is none), and of the named ones that start. An
// image with a variable that has no value is refused: what would run is not known.
func (m *Manifest) OwnImages(config []byte, named []string) (map[string]string, error) {
	wanted, err := configuredServices(config)
	if err != nil {
		return nil, err
	}
	for name, s := range m.Project.Services {
		if s.Build != nil {
			wanted = append(wanted, name)
		}
	}
	images, starts := map[string]string{}, m.Starts()
	for _, name := range append(wanted, named...) {
		switch {
		case !m.Has(name):
			return nil, progress.Invalid("the manifest has no service %q: there are %s", name, strings.Join(m.services(), ", "))
		case !slices.Contains(starts, name):
			continue
		}
		ref, known := m.Image(name)
		if !known {
			return nil, progress.Refused("%s: image of service %q is %s, which depends on the environment: give its variables with --env-file, or write it out",
				m.where("services", name, "image"), name, m.WrittenImage(name))
		}
		images[name] = ref
	}
	return images, nil
}

// configuredServices returns the services that have a build section in config.
func configuredServices(config []byte) ([]string, error) {
	if config == nil {
		return nil, nil
	}
	document, err := manifest.Parse(config, builds.ConfigFile)
	if err != nil {
		return nil, err
	}
	c := &Project{file: builds.ConfigFile, document: document}
	return document.Keys("services"), c.onlyBuilds()
}
