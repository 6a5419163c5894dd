package compose

import (
	"path"
	"reflect"
	"slices"
	"strings"

	"github.com/distribution/reference"

	"gitops/ci/builds"
	"gitops/ci/progress"
)

// Builds returns the services that a release builds, in order of their names: at
// least one. What cannot be honoured is refused: keys that change what an image
// holds and are not supported, contexts at a URL or outside the repository,
// variables. Keys that change no content are ignored: caches, limits, further tags,
// attestations. All errors are progress.Invalid, and name file, line and column or
// the flag.
func Builds(o builds.Options) ([]builds.Build, error) {
	p, err := read(o.Manifest, o.ManifestPath)
	if err != nil {
		return nil, err
	}
	if o.Values != nil {
		if p.values, err = ReadValues(o.Values, o.ValuesPath); err != nil {
			return nil, err
		}
	}
	configured, err := p.configured(&o)
	if err != nil {
		return nil, err
	}
	asked, err := builds.ParseOverrides(o.Services)
	if err != nil {
		return nil, err
	}
	var all []builds.Build
	for _, name := range p.toBuild(configured, asked) {
		build, err := p.build(name, configured[name], asked, o)
		if err != nil {
			return nil, err
		}
		all = append(all, build)
	}
	if len(all) == 0 {
		return nil, progress.Invalid("%s: no service has a build section, here or in %s: write one, or name what to build with --service NAME=CONTEXT",
			o.ManifestPath, o.ConfigPath)
	}
	return all, p.checkShared(all)
}

// toBuild returns the names of the services to build, in order.
func (p *Project) toBuild(configured map[string]builds.Section, asked map[string]builds.Override) (names []string) {
	for name := range asked {
		names = append(names, name)
	}
	if len(asked) == 0 {
		names = p.names(func(s service) bool { return s["build"] != nil })
		for name := range configured {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// build returns one build as it is to be done.
func (p *Project) build(name string, section builds.Section, asked map[string]builds.Override, o builds.Options) (builds.Build, error) {
	override, isAsked := asked[name]
	image, err := p.released(name, isAsked, o)
	if err != nil {
		return builds.Build{}, err
	}
	if section.Line == 0 {
		if section, err = p.section(name, path.Dir(o.ManifestPath)); err != nil {
			return builds.Build{}, err
		}
	}
	if section.Line == 0 && !override.HasContext() {
		return builds.Build{}, progress.Invalid("--service %s: it has no build section in %s or %s: give its folder with --service %s=CONTEXT",
			name, o.ManifestPath, o.ConfigPath, name)
	}
	if platform := p.services[name]["platform"]; len(section.Platforms) == 0 && platform != nil && !override.HasPlatforms() {
		// Compose builds for the platform that the service runs on.
		setting, err := p.setting(platform, "platform", name, "platform")
		if err != nil {
			return builds.Build{}, err
		}
		section.Platforms = []builds.Setting{setting}
	}
	if len(section.Platforms) == 0 && !override.HasPlatforms() {
		for _, platform := range o.Platforms {
			section.Platforms = append(section.Platforms, builds.Setting{Text: platform, Where: "--default-platform"})
		}
	}
	return section.Build(image, override, o.BuildArgs, o.Commit)
}

// released returns the ref of a service, of which the release changes the tag.
func (p *Project) released(name string, isAsked bool, o builds.Options) (string, error) {
	ref, where, err := p.document.Image(name)
	if err != nil && isAsked {
		return "", progress.Invalid("--service %s: %w", name, err)
	}
	if err != nil {
		return "", err
	}
	if strings.Contains(ref, "$") {
		return p.valued(name, ref, where, o)
	}
	if _, err := reference.ParseNormalizedNamed(ref); err != nil {
		return "", progress.Invalid("%s: image of service %q: invalid image reference %q: %w", where, name, ref, err)
	}
	return ref, nil
}

// valued returns the ref that an image with variables names. Errors do not repeat it.
func (p *Project) valued(name, image, where string, o builds.Options) (string, error) {
	tag := tagVariable(image)
	if _, set := p.values.Lookup(tag); !set && !o.Force {
		return "", p.unreleasable(name, image, where, tag, o)
	}
	ref, ok := Expand(image, p.values.Lookup)
	if !ok { // the tag may lack a value: the release writes it
		ref, ok = beforeTag(image, tag, p.values.Lookup)
		ref = strings.TrimSuffix(ref, ":")
	}
	if _, err := reference.ParseNormalizedNamed(ref); !ok || err != nil {
		return "", progress.Invalid("%s: image of service %q is %s: its name has a variable without a value, or values that make no image of it: "+
			"set them in the file of --values", where, name, image)
	}
	return ref, nil
}

// unreleasable is the error for an image whose tag no file of values sets.
func (p *Project) unreleasable(name, image, where, tag string, o builds.Options) error {
	remedy := "set " + tag + " in " + o.ValuesPath
	switch {
	case tag == "":
		remedy = "make its tag one variable, as in name:${TAG}, and set that in a file that --values names"
	case p.values == nil:
		remedy = "name the file that sets " + tag + " with --values"
	}
	return progress.Invalid("%s: image of service %q is %s, and a release has to write its tag: %s, or replace the image with --force", where, name, image, remedy)
}

// checkShared refuses builds that push different images under one name.
func (p *Project) checkShared(all []builds.Build) error {
	first := map[string]builds.Build{}
	for _, b := range all {
		image, err := reference.ParseNormalizedNamed(b.Image)
		if err != nil {
			return err
		}
		other, shared := first[image.Name()]
		if !shared {
			first[image.Name()] = b
			continue
		}
		if !sameImage(b, other) {
			name := image.Name()
			if written := p.document.Images()[b.Service]; strings.Contains(written, "$") {
				name = written
			}
			return progress.Invalid("%s: services %q and %q are built differently and pushed as one image, %s: give each its own image",
				p.document.Where("services", b.Service, "image"), other.Service, b.Service, name)
		}
	}
	return nil
}

// sameImage reports whether two builds give one image.
func sameImage(a, b builds.Build) bool {
	a.Service, a.Image, a.Line, a.Column = b.Service, b.Image, b.Line, b.Column
	return reflect.DeepEqual(a, b)
}
