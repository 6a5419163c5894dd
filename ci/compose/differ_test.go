package compose

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gitops/ci/secret"
)

// What makes Compose replace a container is named, without values, wherever the
// repository is.
func TestDifferences(t *testing.T) {
	const text = `services:
  web:
    image: web:1
    environment: {A: "${A}", B: b}
    labels: {l: one}
    command: [serve]
    volumes: ["./site:/site", "../shared:/shared:ro"]
    configs: [c]
    secrets: [s]
    build: .
    scale: 1
    depends_on: [db]
    stop_grace_period: 5s
    deploy: {replicas: 1, resources: {limits: {memory: 1g}}}
  db: {image: db}
configs: {c: {content: one}}
secrets: {s: {environment: TOKEN}}
`
	load := func(text string, env ...string) *Manifest {
		t.Helper()
		root := t.TempDir()
		for _, name := range []string{"app/site/x", "shared/x"} {
			if err := os.MkdirAll(filepath.Join(root, filepath.Dir(name)), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(root, "app/compose.yml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		values := map[string]secret.Value{"A": secret.New("a"), "TOKEN": secret.New("t")}
		for i := 0; i < len(env); i += 2 {
			values[env[i]] = secret.New(env[i+1])
		}
		m, err := Load(t.Context(), Source{Root: root, Manifests: []string{"app/compose.yml"}, Project: "p", Env: values})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	before := load(text)
	for name, c := range map[string]struct {
		old, now string
		env      []string
		want     string
	}{
		"nothing":              {"", "", nil, ""},
		"a value":              {"", "", []string{"A", "planted"}, "environment A"},
		"variables":            {`A: "${A}", B: b`, `B: c, C: planted`, nil, "environment A, B, C"},
		"a label":              {"l: one", "l: planted, m: x", nil, "labels l, m"},
		"keys":                 {"command: [serve]", "command: [planted]\n    user: planted", nil, "command, user"},
		"a place":              {"./site:/site", "../shared:/site", nil, "volumes"},
		"a config":             {"content: one", "content: planted", nil, "configs and secrets c"},
		"a secret's value":     {"", "", []string{"TOKEN", "planted"}, "configs and secrets s"},
		"a limit":              {"memory: 1g", "memory: 2g", nil, "deploy"},
		"what needs no other":  {"build: .\n    scale: 1\n    depends_on: [db]", "scale: 3", nil, ""},
		"the image by itself":  {"image: web:1", "image: web:2", nil, ""},
		"several":              {"labels: {l: one}", "hostname: x", nil, "labels l; hostname"},
		"replicas by a deploy": {"replicas: 1, ", "", nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := strings.Join(load(strings.Replace(text, c.old, c.now, 1), c.env...).Differences(before, "web"), "; ")
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	if got := before.Differences(before, "none"); got != nil {
		t.Errorf("of no service: %v", got)
	}
}
