package compose

import (
	"maps"
	"strings"
	"testing"

	"gitops/ci/progress"
)

const owned = `
services:
  backend: {image: "r.local/backend:1@sha256:abc", build: {context: ., extra_hosts: [a=1]}}
  worker: {extends: backend}
  proxy: {image: "traefik:3"}
  frontend: {image: "r.local/frontend:1"}
  variable: {image: "r.local/variable:${TAG}"}
  nothing: {command: x}
`

func TestOwnImages(t *testing.T) {
	for name, c := range map[string]struct {
		text, config string
		named        []string
		set          []string
		want         map[string]string
		code         int
	}{
		"build sections":    {text: owned, want: map[string]string{"backend": "r.local/backend:1@sha256:abc", "worker": "r.local/backend:1@sha256:abc"}},
		"the configuration": {text: owned, config: "services: {frontend: {build: frontend}}", want: map[string]string{"backend": "r.local/backend:1@sha256:abc", "worker": "r.local/backend:1@sha256:abc", "frontend": "r.local/frontend:1"}},
		"named ones":        {text: owned, named: []string{"proxy", "backend"}, want: map[string]string{"backend": "r.local/backend:1@sha256:abc", "worker": "r.local/backend:1@sha256:abc", "proxy": "traefik:3"}},
		"none":              {text: "services: {proxy: {image: traefik}}", want: map[string]string{}},
		"a variable":        {text: owned, named: []string{"variable"}, code: progress.ExitRefused},
		"its value":         {text: owned, named: []string{"variable"}, set: []string{"TAG", "2"}, want: map[string]string{"backend": "r.local/backend:1@sha256:abc", "worker": "r.local/backend:1@sha256:abc", "variable": "r.local/variable:2"}},
		"no image":          {text: owned, named: []string{"nothing"}, code: progress.ExitInvalid},
		"no such service":   {text: owned, named: []string{"other"}, code: progress.ExitInvalid},
		"no manifest":       {text: "a: [", code: progress.ExitInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			var config []byte
			if c.config != "" {
				config = []byte(c.config)
			}
			got, err := OwnImages([]byte(c.text), config, c.named, lookup(c.set...))
			if !maps.Equal(got, c.want) || progress.ExitCode(err) != c.code {
				t.Errorf("got %v, %v (exit %d)", got, err, progress.ExitCode(err))
			}
			if c.code == progress.ExitRefused && !strings.Contains(err.Error(), "manifest:7:") {
				t.Errorf("no place: %v", err)
			}
		})
	}
}
