package deploy

import (
	"slices"
	"strings"

	"gitops/ci/compose"
	"gitops/ci/progress"
	"gitops/ci/secret"
)

// readManifest reads a manifest that is to be deployed with env, and refuses what
// could not run: services without an image, variables without a value.
func readManifest(content []byte, env map[string]secret.Value) (*compose.Project, error) {
	project, err := compose.Read(content, "manifest")
	if err != nil {
		return nil, progress.Invalid("reading %w; nothing was touched", err)
	}
	if err := project.CheckImages(variables(env)); err != nil {
		return nil, progress.Invalid("reading %w; nothing was touched", err)
	}
	return project, needs(project, env)
}

// variables returns the values of a manifest's variables.
func variables(env map[string]secret.Value) compose.Lookup {
	return func(name string) (string, bool) {
		value, ok := env[name]
		return value.Reveal(), ok
	}
}

// given are variables that every login on a host sets, and the one that Compose
// sets itself.
var given = []string{"HOME", "USER", "LOGNAME", "SHELL", "PATH", projectVariable}

const projectVariable = "COMPOSE_PROJECT_NAME"

// needs returns an error that names every variable without value and default.
func needs(p *compose.Project, env map[string]secret.Value) error {
	names := p.Missing(func(name string) (string, bool) {
		if slices.Contains(given, name) {
			return name, true
		}
		return variables(env)(name)
	})
	if len(names) == 0 {
		return nil
	}
	for _, name := range names {
		if err := checkName(name); err != nil {
			return progress.Invalid("the manifest needs %s, and it cannot be given: %w; nothing was touched", name, err)
		}
	}
	return progress.Invalid("the manifest needs %s, which %s not set: give a value, or a default as in ${%s:-value}; nothing was touched",
		strings.Join(names, ", "), are(len(names)), names[0])
}

func are(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}
