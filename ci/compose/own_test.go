package compose

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gitops/ci/progress"
	"gitops/ci/secret"
)

const owned = `
services:
  backend: {image: "r.local/backend:1@sha256:abc", build: {context: ., extra_hosts: [a=1]}}
  worker: {extends: backend}
  proxy: {image: "traefik:3"}
  frontend: {image: "r.local/frontend:1"}
  variable: {image: "r.local/variable:${TAG}"}
  nothing: {command: x, scale: 0}
  tool: {image: "r.local/tool:1", build: ., profiles: [tools]}
`

func TestOwnImages(t *testing.T) {
	for name, c := range map[string]struct {
		text, config string
		named        []string
		set          []string
		want         map[string]string
		code         int
	}{
		"build sections":      {text: owned, want: map[string]string{"backend": "r.local/backend:1@sha256:abc", "worker": "r.local/backend:1@sha256:abc"}},
		"the configuration":   {text: owned, config: "services: {frontend: {build: frontend}}", want: map[string]string{"backend": "r.local/backend:1@sha256:abc", "worker": "r.local/backend:1@sha256:abc", "frontend": "r.local/frontend:1"}},
		"named ones":          {text: owned, named: []string{"proxy", "backend"}, want: map[string]string{"backend": "r.local/backend:1@sha256:abc", "worker": "r.local/backend:1@sha256:abc", "proxy": "traefik:3"}},
		"none":                {text: "services: {proxy: {image: traefik}}", want: map[string]string{}},
		"a variable":          {text: owned, named: []string{"variable"}, code: progress.ExitRefused},
		"its value":           {text: owned, named: []string{"variable"}, set: []string{"TAG", "2"}, want: map[string]string{"backend": "r.local/backend:1@sha256:abc", "worker": "r.local/backend:1@sha256:abc", "variable": "r.local/variable:2"}},
		"one that starts not": {text: owned, named: []string{"nothing", "tool"}, want: map[string]string{"backend": "r.local/backend:1@sha256:abc", "worker": "r.local/backend:1@sha256:abc"}},
		"no build section":    {text: owned, config: "services: {frontend: {image: a}}", code: progress.ExitInvalid},
		"no such service":     {text: owned, named: []string{"other"}, code: progress.ExitInvalid},
		"no manifest":         {text: "a: [", code: progress.ExitInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			var config []byte
			if c.config != "" {
				config = []byte(c.config)
			}
			source := alone(t, c.text)
			source.AnyValue = true
			if c.set != nil {
				source.Env = map[string]secret.Value{c.set[0]: secret.New(c.set[1])}
			}
			m, err := Load(t.Context(), source)
			var got map[string]string
			if err == nil {
				got, err = m.OwnImages(config, c.named)
			}
			if !maps.Equal(got, c.want) || progress.ExitCode(err) != c.code {
				t.Errorf("got %v, %v (exit %d)", got, err, progress.ExitCode(err))
			}
			if c.code == progress.ExitRefused && !strings.Contains(err.Error(), "compose.yml:7:") {
				t.Errorf("no place: %v", err)
			}
		})
	}
}

// What a deploy starts is asked for its signatures: with all files, values and profiles.
func TestOwnImagesAreThoseOfADeploy(t *testing.T) {
	source := alone(t, "include: [{path: api.yml, env_file: api.env}]\nservices: {web: {image: \"r.local/web:1\", build: web}, tool: {image: \"r.local/tool:1\", build: tool, profiles: [tools]}}\n")
	for name, text := range map[string]string{
		"more.yml": "services: {web: {image: \"r.local/web:2\"}, job: {image: \"r.local/job:${TAG:-1}\", build: job}}\n",
		"api.yml":  "services: {api: {image: \"r.local/api:${API}\", build: api}}\n",
		"api.env":  "API=7\n",
	} {
		if err := os.WriteFile(filepath.Join(source.Root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	source.Manifests = append(source.Manifests, "more.yml")
	source.Profiles = []string{"tools"}
	source.Env = map[string]secret.Value{"TAG": secret.New("3")}
	m, err := Load(t.Context(), source)
	if err != nil {
		t.Fatal(err)
	}
	got, err := m.OwnImages(nil, nil)
	want := map[string]string{"web": "r.local/web:2", "job": "r.local/job:3", "api": "r.local/api:7", "tool": "r.local/tool:1"}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
}
