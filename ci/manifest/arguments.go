package manifest

import (
	"strings"

	"gitops/ci/stage"
)

// ReleaseArgument is the build argument that holds the commit an image is built
// from. Whatever the manifest says for builds by hand, a release sets it.
const ReleaseArgument = "GIT_SHA"

// Arguments returns the build's arguments for a release of commit. Given ones win
// over the manifest's. An argument that compose would take from the environment
// has to be given: a release does not depend on where it runs.
func (b Build) Arguments(commit string, given map[string]string) (map[string]string, error) {
	all := map[string]string{}
	for name, value := range b.Args {
		all[name] = value
	}
	for _, name := range b.ArgsFromEnv {
		all[name] = "${" + name + "}"
	}
	for name, value := range given {
		all[name] = value
	}
	all[ReleaseArgument] = commit
	for name, value := range all {
		if _, isGiven := given[name]; !isGiven && strings.Contains(value, "$") && name != ReleaseArgument {
			return nil, stage.Invalid("line %d: build argument %s of %s is %q, which depends on the environment: give it with --build-arg %s=VALUE",
				b.Line, name, b.Service, value, name)
		}
	}
	return all, nil
}
