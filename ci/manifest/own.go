package manifest

import (
	"strings"

	"gitops/ci/progress"
)

// OwnImages returns the refs of the services that a release builds, by their build
// sections in the manifest and in config (the text of ConfigFile, nil when there is
// none), and of the named ones. A ref with a variable is refused: what would run is
// not known.
func OwnImages(text, config []byte, named []string) (map[string]string, error) {
	m, err := parse(text, "manifest")
	if err != nil {
		return nil, err
	}
	sections, err := m.configured(BuildOptions{Config: config, ConfigPath: ConfigFile})
	if err != nil {
		return nil, err
	}
	images := map[string]string{}
	for _, name := range append(m.toBuild(sections, nil), named...) {
		image, err := m.imageOf(name)
		if err != nil {
			return nil, progress.Invalid("image of service %q: %w", name, err)
		}
		if strings.Contains(image.ref(), "$") {
			return nil, progress.Refused("%s: image of service %q is %s, which depends on the environment: write it out", m.where(image.node), name, image.ref())
		}
		images[name] = image.ref()
	}
	return images, nil
}
