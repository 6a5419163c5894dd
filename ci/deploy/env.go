package deploy

import (
	"encoding/base64"
	"maps"
	"slices"
	"strings"

	"gitops/ci/compose"
	"gitops/ci/program"
	"gitops/ci/registry"
	"gitops/ci/secret"
)

// withEnv returns the shell function with_env, which runs a command with env in
// its environment and leaves the script's own alone.
func withEnv(env map[string]secret.Value) string {
	var text strings.Builder
	text.WriteString("with_env() {\n(\n")
	for _, name := range slices.Sorted(maps.Keys(env)) {
		text.WriteString("export " + name + "=" + program.Quote(env[name].Reveal()) + "\n")
	}
	text.WriteString("exec \"$@\"\n)\n}\n")
	return text.String()
}

// login returns the shell function login, which logs in to registries. The
// password goes through a builtin and a pipe, so no process list shows it.
func login(logins []registry.Login) string {
	var text strings.Builder
	text.WriteString("login() {\n:\n")
	for _, l := range logins {
		host := program.Quote(registry.ConfigHost(l.Host))
		text.WriteString("printf %s " + program.Quote(l.Password.Reveal()) + " | docker login --username " + program.Quote(l.Username) +
			" --password-stdin " + host + " >/dev/null 2>\"$errors\" || refused " + host + "\n")
	}
	text.WriteString("}\n")
	return text.String()
}

// document returns the shell function of that name, which writes content.
func document(name string, content []byte) string {
	return name + "() {\nbase64 -d <<'END-OF-DOCUMENT'\n" + base64.StdEncoding.EncodeToString(content) + "\nEND-OF-DOCUMENT\n}\n"
}

// recoverEnv reads the values that the manifest's variables had when its
// containers were made off the containers' own environment and labels. Going
// back uses them, because a deploy may have failed for a value given with it.
func recoverEnv(written *compose.Written, containers []environment) map[string]secret.Value {
	found := map[string]secret.Value{}
	recover := func(template, value string) {
		for name, value := range compose.Match(template, value) {
			if compose.CheckVariable(name) == nil { // else the host sets it, as COMPOSE_PROJECT_NAME
				found[name] = secret.New(value)
			}
		}
	}
	for _, c := range containers {
		environment, labels := written.Templates(c.Service)
		labels = generationOf(c.Labels).labels(qualified(c.Service, c.Labels["com.docker.compose.project"]), labels)
		for key, template := range environment {
			if value, ok := c.value(key); ok {
				recover(template, value)
			}
		}
		for key, template := range labels {
			if value, ok := c.Labels[key]; ok {
				recover(template, value)
			}
		}
	}
	return found
}

// withImages returns env with the values that the variables in a manifest's images had
// when its services ran images. What runs is told by them, and not by values of today.
func withImages(env map[string]secret.Value, written *compose.Written, images []Image) map[string]secret.Value {
	refs := map[string]string{}
	for _, image := range images {
		refs[image.Service] = image.Ref
	}
	all := map[string]secret.Value{}
	maps.Copy(all, env)
	values := written.ImageValues(refs, func(name string) (string, bool) {
		value, ok := env[name]
		return value.Reveal(), ok
	})
	for name, value := range values {
		all[name] = secret.New(value)
	}
	return all
}

// environment is what a service's container was started with.
type environment struct {
	Service string            `json:"service"`
	Env     []string          `json:"env"`
	Labels  map[string]string `json:"labels"`
}

func (e environment) value(key string) (string, bool) {
	for _, entry := range e.Env {
		if value, ok := strings.CutPrefix(entry, key+"="); ok {
			return value, true
		}
	}
	return "", false
}
