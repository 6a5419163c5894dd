package compose

import (
	"maps"
	"path"
	"slices"
	"strings"

	"gitops/ci/builds"
	"gitops/ci/manifest"
	"gitops/ci/progress"
)

// configured returns the build sections of the configuration, by service, and gives
// o its ConfigPath. The other settings there are not for Compose.
func (p *Project) configured(o *builds.Options) (map[string]builds.Section, error) {
	if o.ConfigPath == "" {
		o.ConfigPath = builds.ConfigFile
	}
	if o.Config == nil {
		return nil, nil
	}
	document, err := manifest.Parse(o.Config, o.ConfigPath)
	if err != nil {
		return nil, err
	}
	config := &Project{file: o.ConfigPath, document: document, services: map[string]service{}, values: p.values}
	if err := config.onlyBuilds(); err != nil || len(document.Keys("services")) == 0 {
		return nil, err
	}
	if err := config.load(o.Config); err != nil {
		return nil, err
	}
	sections := map[string]builds.Section{}
	for _, name := range sortedKeys(config.services) {
		if sections[name], err = config.section(name, path.Dir(o.ConfigPath)); err != nil {
			return nil, err
		}
		if _, _, err := p.document.Image(name); err != nil {
			return nil, progress.Invalid("%s: build of service %q: %w", document.Where("services", name, "build"), name, err)
		}
	}
	return sections, nil
}

// onlyBuilds refuses services with more than a build section.
func (p *Project) onlyBuilds() error {
	if !p.document.IsMapping() {
		return progress.Invalid("%s: the configuration is not a mapping", p.document.Where())
	}
	if p.document.Has("services") && !p.document.IsMapping("services") {
		return progress.Invalid("%s: services is not a mapping", p.document.Where("services"))
	}
	for _, name := range p.document.Keys("services") {
		if err := p.only("service "+name, "build", "services", name); err != nil {
			return err
		}
		if !p.document.Has("services", name, "build") {
			return progress.Invalid("%s: service %q has no build section: write one, or leave the service out", p.document.WhereKey("services", name), name)
		}
	}
	return nil
}

// only refuses a mapping, the one under path, with another key than key.
func (p *Project) only(what, key string, path ...string) error {
	if !p.document.IsMapping(path...) {
		return progress.Invalid("%s: %s is not a mapping with %s", p.document.Where(path...), what, key)
	}
	for _, name := range p.document.Keys(path...) {
		if name != key && !strings.HasPrefix(name, "x-") {
			return progress.Invalid("%s: %s has the key %q: it may have %s alone", p.document.WhereKey(append(slices.Clone(path), name)...), what, name, key)
		}
	}
	return nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
