package builds

import (
	"maps"
	"path"
	"regexp"
	"strings"

	"gitops/ci/progress"
)

// Setting is one text of a build section and where it stands. Compose replaces
// variables in those that are written in YAML.
type Setting struct {
	Text, Where string
	Written     bool
}

// literal returns the text without compose's escapes, and whether it has no
// variable.
func (s Setting) literal() (text string, ok bool) {
	if !s.Written {
		return s.Text, true
	}
	parts := strings.Split(s.Text, "$$")
	return strings.Join(parts, "$"), !strings.Contains(strings.Join(parts, ""), "$")
}

// Section is a service's build section before its settings are checked. The zero
// value, but for Service, is the one of a service that has none.
type Section struct {
	Service string
	// Folder is what Context is relative to, relative to the repository's root.
	Folder                      string
	Context, Dockerfile, Target Setting
	Platforms                   []Setting
	Args                        map[string]Setting
	// Line and Column say where the section stands, both from 1.
	Line, Column int
}

// Build checks every setting of the section and returns what is built, now as
// image. What o and given say wins over the section. Errors are progress.Invalid
// and name the place.
func (s Section) Build(image string, o Override, given map[string]string, commit string) (b Build, err error) {
	o.apply(&s)
	args := maps.Clone(given)
	if args == nil {
		args = map[string]string{}
	}
	maps.Copy(args, o.args)
	b = Build{Service: s.Service, Image: image, Line: s.Line, Column: s.Column}
	if b.Context, err = s.contextPath(); err != nil {
		return b, err
	}
	if b.Dockerfile, err = s.dockerfilePath(b.Context); err != nil {
		return b, err
	}
	if b.Target, err = s.plain(s.Target, "target"); err != nil {
		return b, err
	}
	if b.Platforms, err = s.checkedPlatforms(); err != nil {
		return b, err
	}
	b.Args, err = arguments(s.Service, s.Args, args, commit)
	return b, err
}

// plain returns a setting's text, which holds no variable.
func (s Section) plain(v Setting, key string) (string, error) {
	text, ok := v.literal()
	if !ok {
		return "", progress.Invalid("%s: %s of service %q is %q, which depends on the environment: write it out, or give it with --service",
			v.Where, key, s.Service, v.Text)
	}
	return text, nil
}

// remote are the beginnings by which compose tells a context that is no folder.
var remote = regexp.MustCompile(`^(git@|github\.com/|service:)|://`)

// contextPath returns the context, relative to the repository's root.
func (s Section) contextPath() (string, error) {
	context, err := s.plain(s.Context, "context")
	if err != nil {
		return "", err
	}
	if remote.MatchString(context) {
		return "", progress.Invalid("%s: context of service %q is %s: a release builds from the repository at its commit: name a folder in it",
			s.Context.Where, s.Service, context)
	}
	return s.inside(s.Context, "context", s.Folder, context)
}

// dockerfilePath returns the Dockerfile, relative to context.
func (s Section) dockerfilePath(context string) (string, error) {
	dockerfile, err := s.plain(s.Dockerfile, "dockerfile")
	if err != nil || dockerfile == "" {
		return "", err
	}
	_, err = s.inside(s.Dockerfile, "dockerfile", context, dockerfile)
	return path.Clean(dockerfile), err
}

// inside joins folder and name, which must not leave the repository.
func (s Section) inside(v Setting, key, folder, name string) (string, error) {
	joined := path.Join(folder, name)
	if path.IsAbs(name) || path.IsAbs(joined) || strings.HasPrefix(name, "~") || joined == ".." || strings.HasPrefix(joined, "../") {
		return "", progress.Invalid("%s: %s of service %q is %s, which is outside the repository: a release builds from it alone",
			v.Where, key, s.Service, name)
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
func (s Section) checkedPlatforms() (all []string, err error) {
	seen := map[string]string{}
	for _, v := range s.Platforms {
		platform, err := s.plain(v, "platform")
		if err != nil {
			return nil, err
		}
		if !platformForm.MatchString(platform) {
			return nil, progress.Invalid("%s: platform %q of service %q is not of the form os/arch or os/arch/variant, such as linux/arm64/v8",
				v.Where, platform, s.Service)
		}
		usual := platform
		if name, ok := samePlatform[platform]; ok {
			usual = name
		}
		if first, twice := seen[usual]; twice {
			return nil, progress.Invalid("%s: platform %s of service %q is there already, as %s", v.Where, platform, s.Service, first)
		}
		seen[usual] = platform
		all = append(all, platform)
	}
	return all, nil
}
