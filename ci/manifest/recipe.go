package manifest

import (
	"path"
	"regexp"
	"strings"

	"gitops/ci/progress"
)

// setting is one text of a build and where it stands. Compose replaces variables
// in those that are written in YAML.
type setting struct {
	text, where string
	written     bool
}

// literal returns the text without compose's escapes, and whether it has no
// variable.
func (s setting) literal() (text string, ok bool) {
	if !s.written {
		return s.text, true
	}
	parts := strings.Split(s.text, "$$")
	return strings.Join(parts, "$"), !strings.Contains(strings.Join(parts, ""), "$")
}

// recipe is a build before its settings are checked.
type recipe struct {
	service                     string
	section                     section
	folder                      string // that context is relative to
	context, dockerfile, target setting
	platforms                   []setting
	args                        map[string]setting
}

// asWritten returns the build as the section has it.
func (r recipe) asWritten() Build {
	b := Build{Service: r.service, Context: r.context.text, Dockerfile: r.dockerfile.text, Target: r.target.text,
		Line: r.section.node.Line, Column: r.section.node.Column}
	for _, platform := range r.platforms {
		b.Platforms = append(b.Platforms, platform.text)
	}
	for name, value := range r.args {
		if b.Args == nil {
			b.Args = map[string]string{}
		}
		b.Args[name] = value.text
	}
	return b
}

// build checks every setting.
func (r recipe) build(image string, given map[string]string, commit string) (b Build, err error) {
	b = Build{Service: r.service, Image: image}
	if r.section.node != nil {
		b.Line, b.Column = r.section.node.Line, r.section.node.Column
	}
	if b.Context, err = r.contextPath(); err != nil {
		return b, err
	}
	if b.Dockerfile, err = r.dockerfilePath(b.Context); err != nil {
		return b, err
	}
	if b.Target, err = r.plain(r.target, "target"); err != nil {
		return b, err
	}
	if b.Platforms, err = r.checkedPlatforms(); err != nil {
		return b, err
	}
	b.Args, err = arguments(r.service, r.args, given, commit)
	return b, err
}

// plain returns a setting's text, which holds no variable.
func (r recipe) plain(s setting, key string) (string, error) {
	text, ok := s.literal()
	if !ok {
		return "", progress.Invalid("%s: %s of service %q is %q, which depends on the environment: write it out, or give it with --service",
			s.where, key, r.service, s.text)
	}
	return text, nil
}

// remote are the beginnings by which compose tells a context that is no folder.
var remote = regexp.MustCompile(`^(git@|github\.com/|service:)|://`)

// contextPath returns the context, relative to the repository's root.
func (r recipe) contextPath() (string, error) {
	context, err := r.plain(r.context, "context")
	if err != nil {
		return "", err
	}
	if remote.MatchString(context) {
		return "", progress.Invalid("%s: context of service %q is %s: a release builds from the repository at its commit: name a folder in it",
			r.context.where, r.service, context)
	}
	return r.inside(r.context, "context", r.folder, context)
}

// dockerfilePath returns the Dockerfile, relative to context.
func (r recipe) dockerfilePath(context string) (string, error) {
	dockerfile, err := r.plain(r.dockerfile, "dockerfile")
	if err != nil || dockerfile == "" {
		return "", err
	}
	_, err = r.inside(r.dockerfile, "dockerfile", context, dockerfile)
	return path.Clean(dockerfile), err
}

// inside joins folder and name, which must not leave the repository.
func (r recipe) inside(s setting, key, folder, name string) (string, error) {
	joined := path.Join(folder, name)
	if path.IsAbs(name) || path.IsAbs(joined) || strings.HasPrefix(name, "~") || joined == ".." || strings.HasPrefix(joined, "../") {
		return "", progress.Invalid("%s: %s of service %q is %s, which is outside the repository: a release builds from it alone",
			s.where, key, r.service, name)
	}
	return joined, nil
}

var platformForm = regexp.MustCompile(`^[a-z0-9]+/[a-z0-9_]+(/[a-z0-9.]+)?$`)

// samePlatform has names of platforms that another name is usual for.
var samePlatform = map[string]string{
	"linux/x86_64": "linux/amd64", "linux/amd64/v1": "linux/amd64",
	"linux/aarch64": "linux/arm64", "linux/arm64/v8": "linux/arm64", "linux/arm": "linux/arm/v7",
}

// checkedPlatforms returns the platforms as they are given.
func (r recipe) checkedPlatforms() (all []string, err error) {
	seen := map[string]string{}
	for _, s := range r.platforms {
		platform, err := r.plain(s, "platform")
		if err != nil {
			return nil, err
		}
		if !platformForm.MatchString(platform) {
			return nil, progress.Invalid("%s: platform %q of service %q is not of the form os/arch or os/arch/variant, such as linux/arm64/v8",
				s.where, platform, r.service)
		}
		usual := platform
		if name, ok := samePlatform[platform]; ok {
			usual = name
		}
		if first, twice := seen[usual]; twice {
			return nil, progress.Invalid("%s: platform %s of service %q is there already, as %s", s.where, platform, r.service, first)
		}
		seen[usual] = platform
		all = append(all, platform)
	}
	return all, nil
}
