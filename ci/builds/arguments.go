package builds

import (
	"maps"
	"slices"

	"gitops/ci/progress"
)

// ReleaseArgument is the build argument that holds the commit an image is built
// from. Whatever the manifest says for builds by hand, a release sets it.
const ReleaseArgument = "GIT_SHA"

// arguments completes the arguments of a build. Given ones win over written ones.
// An argument that compose would take from the environment has to be given: a
// release does not depend on where it runs.
func arguments(service string, written map[string]Setting, given map[string]string, commit string) (map[string]string, error) {
	if value, ok := given[ReleaseArgument]; ok && value != commit {
		return nil, progress.Invalid("build argument %s of %s is given as %q: a release sets it to its commit, %s", ReleaseArgument, service, value, commit)
	}
	all := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(written)) {
		value, ok := written[name].literal()
		if _, isGiven := given[name]; !ok && !isGiven && name != ReleaseArgument {
			return nil, progress.Invalid("%s: build argument %s of %s is %q, which depends on the environment: give it with --build-arg %s=VALUE, or set it in the file of --values",
				written[name].Where, name, service, written[name].Text, name)
		}
		all[name] = value
	}
	maps.Copy(all, given)
	all[ReleaseArgument] = commit
	return all, nil
}
