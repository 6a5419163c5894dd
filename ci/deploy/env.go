package deploy

import (
	"encoding/base64"
	"maps"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

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

// document returns the shell function document, which writes content.
func document(content []byte) string {
	return "document() {\nbase64 -d <<'END-OF-DOCUMENT'\n" + base64.StdEncoding.EncodeToString(content) + "\nEND-OF-DOCUMENT\n}\n"
}

// recoverEnv reads the values that the manifest's variables had when its
// containers were made off the containers' own environment and labels. Going
// back uses them, because a deploy may have failed for a value given with it.
func recoverEnv(m *manifest, containers []environment) map[string]secret.Value {
	found := map[string]secret.Value{}
	for _, c := range containers {
		service := m.Services[c.Service]
		for key, template := range entries(service.Environment) {
			if value, ok := c.value(key); ok {
				maps.Copy(found, match(template, value))
			}
		}
		for key, template := range entries(service.Labels) {
			if value, ok := c.Labels[key]; ok {
				maps.Copy(found, match(template, value))
			}
		}
	}
	return found
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

// entries returns a section of keys and values, whichever of its two forms it has.
func entries(section yaml.Node) map[string]string {
	found := map[string]string{}
	if section.Decode(&found) == nil {
		return found
	}
	var list []string
	if section.Decode(&list) == nil {
		for _, entry := range list {
			if key, value, ok := strings.Cut(entry, "="); ok {
				found[key] = value
			}
		}
	}
	return found
}

// match returns the value of template's variable that makes it value. It is empty
// when template has no variable, several, or does not fit.
func match(template, value string) map[string]secret.Value {
	var pattern strings.Builder
	var name string
	for _, p := range split(template) {
		switch {
		case p.name == "":
			pattern.WriteString(regexp.QuoteMeta(p.text))
		case name != "" && name != p.name, strings.HasSuffix(p.operator, "+"):
			return nil // the value does not tell what the variables were
		default:
			name = p.name
			pattern.WriteString("(.*)")
		}
	}
	groups := regexp.MustCompile(`(?s)^` + pattern.String() + `$`).FindStringSubmatch(value)
	if name == "" || groups == nil || len(slices.Compact(groups[1:])) > 1 {
		return nil
	}
	return map[string]secret.Value{name: secret.New(groups[1])}
}
