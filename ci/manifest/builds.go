package manifest

import (
	"maps"
	"path"
	"reflect"

	"github.com/distribution/reference"

	"gitops/ci/progress"
)

// ConfigFile is where a repository says what its manifest does not: at its root.
const ConfigFile = "gitops.yml"

// BuildOptions say what a release builds. Paths are relative to the repository's
// root, with slashes.
type BuildOptions struct {
	Manifest     []byte
	ManifestPath string
	// Config is the text of ConfigFile, nil when there is none. It has services
	// with build sections in compose's syntax, each of which replaces the
	// manifest's as a whole. Its paths are relative to its folder.
	Config     []byte
	ConfigPath string // ConfigFile when empty
	// Services are the values of --service, which win over both, setting by
	// setting: NAME[=CONTEXT][,dockerfile=PATH][,target=STAGE]
	// [,platform=OS/ARCH[/VARIANT]]…[,arg=NAME=VALUE]…, split by the rules of CSV.
	// Platforms replace the others, arguments are added. When there are any, only
	// the services that they name are built.
	Services []string
	// BuildArgs are arguments of every image. They win over those of the build
	// sections, and those of Services win over them.
	BuildArgs map[string]string
	// Commit is what the images are built from: ReleaseArgument in all of them.
	Commit string
}

// Builds returns the services that a release builds, in order of their names: at
// least one. Aliases, merge keys and extends within a file are followed. What
// cannot be honoured is refused: keys that change what an image holds and are not
// supported, contexts at a URL or outside the repository, variables. Keys that
// change no content are ignored: caches, limits, further tags, attestations. All
// errors are progress.Invalid, and name file, line and column or the flag.
func Builds(o BuildOptions) ([]Build, error) {
	if o.ConfigPath == "" {
		o.ConfigPath = ConfigFile
	}
	m, err := parse(o.Manifest, o.ManifestPath)
	if err != nil {
		return nil, err
	}
	sections, err := m.configured(o)
	if err != nil {
		return nil, err
	}
	asked, err := parseOverrides(o.Services)
	if err != nil {
		return nil, err
	}
	var builds []Build
	for _, name := range m.toBuild(sections, asked) {
		build, err := m.build(name, sections[name], asked[name], o)
		if err != nil {
			return nil, err
		}
		builds = append(builds, build)
	}
	if len(builds) == 0 {
		return nil, progress.Invalid("%s: no service has a build section, here or in %s: write one, or name what to build with --service NAME=CONTEXT",
			o.ManifestPath, o.ConfigPath)
	}
	return builds, m.checkShared(builds)
}

// configured returns the build sections of the configuration.
func (m *document) configured(o BuildOptions) (map[string]section, error) {
	if o.Config == nil {
		return nil, nil
	}
	config, err := parse(o.Config, o.ConfigPath)
	if err != nil {
		return nil, err
	}
	sections, err := config.configSections()
	if err != nil {
		return nil, err
	}
	for _, name := range sortedKeys(sections) {
		if _, err := m.imageOf(name); err != nil {
			return nil, progress.Invalid("%s: build of service %q: %w", config.where(sections[name].node), name, err)
		}
	}
	return sections, nil
}

// toBuild returns the names of the services to build, in order.
func (m *document) toBuild(configured map[string]section, asked map[string]override) []string {
	if len(asked) > 0 {
		return sortedKeys(asked)
	}
	names := maps.Clone(configured)
	if names == nil {
		names = map[string]section{}
	}
	for name := range m.services() {
		if len(m.settings(name, "build", map[string]bool{})) > 0 {
			names[name] = section{}
		}
	}
	return sortedKeys(names)
}

// build returns one build as it is to be done.
func (m *document) build(name string, s section, asked override, o BuildOptions) (Build, error) {
	image, err := m.released(name, asked)
	if err != nil {
		return Build{}, err
	}
	if s.node == nil {
		if s, err = m.section(name); err != nil {
			return Build{}, err
		}
		s.folder = path.Dir(o.ManifestPath)
	}
	r := recipe{service: name, section: s}
	switch {
	case s.node != nil:
		if r, err = s.recipe(name); err != nil {
			return Build{}, err
		}
	case asked.context == "":
		return Build{}, progress.Invalid("--service %s: it has no build section in %s or %s: give its folder with --service %s=CONTEXT",
			name, o.ManifestPath, o.ConfigPath, name)
	}
	asked.apply(&r)
	m.defaultPlatform(&r)
	given := maps.Clone(o.BuildArgs)
	if given == nil {
		given = map[string]string{}
	}
	maps.Copy(given, asked.args)
	return r.build(image, given, o.Commit)
}

// released returns the ref of a service, whose name the release writes anew.
func (m *document) released(name string, asked override) (string, error) {
	image, err := m.imageOf(name)
	if err != nil && asked.service != "" {
		return "", progress.Invalid("--service %s: %w", name, err)
	}
	if err != nil {
		return "", err
	}
	if _, err := ParseReference(image.ref()); err != nil {
		return "", m.invalid(image.node, "image of service %q: %v", name, err)
	}
	return image.ref(), nil
}

// defaultPlatform makes a service's platform, as compose does, that of its build.
func (m *document) defaultPlatform(r *recipe) {
	if found := m.settings(r.service, "platform", map[string]bool{}); len(r.platforms) == 0 && len(found) > 0 {
		r.platforms = []setting{{found[0].Value, m.where(found[0]), true}}
	}
}

// checkShared refuses builds that push different images under one name.
func (m *document) checkShared(builds []Build) error {
	first := map[string]Build{}
	for _, b := range builds {
		image, err := reference.ParseNormalizedNamed(b.Image)
		if err != nil {
			return err
		}
		other, shared := first[image.Name()]
		if !shared {
			first[image.Name()] = b
			continue
		}
		if s, err := m.imageOf(b.Service); err == nil && !sameImage(b, other) {
			return m.invalid(s.node, "services %q and %q are built differently and pushed as one image, %s: give each an image of its own",
				other.Service, b.Service, image.Name())
		}
	}
	return nil
}

// sameImage reports whether two builds give one image.
func sameImage(a, b Build) bool {
	a.Service, a.Image, a.Line, a.Column = b.Service, b.Image, b.Line, b.Column
	return reflect.DeepEqual(a, b)
}
