package main

import (
	"strings"
	"testing"

	"gitops/ci/manifest"
)

// Each stack's manifest is one that Compose reads, with the release's images.
func TestManifests(t *testing.T) {
	t.Chdir("../../..")
	for _, s := range []stack{application, article, plain} {
		v := values{
			Project: "bench-1", Network: "bench-1-web", Port: "8080", Traefik: traefikImage, Postgres: postgresImage,
			Backend: "r/backend:1", Frontend: "r/frontend:1", Extra: "r/extra:1", Retry: true, Named: s.name == article.name,
			Plain: []plainService{{"backend", "r/backend:1", "/extra", 100}, {"frontend", "r/frontend:1", "", 1}},
		}
		text, err := s.text(v)
		if err != nil {
			t.Fatal(err)
		}
		found, err := manifest.Images([]byte(text))
		if err != nil {
			t.Fatalf("%s: %v\n%s", s.name, err, text)
		}
		for _, service := range s.rolls {
			if !strings.HasPrefix(found[service], "r/") {
				t.Errorf("%s: %s runs %q", s.name, service, found[service])
			}
		}
		if got := strings.Contains(text, "container_name:"); got != v.Named {
			t.Errorf("%s: has container_name: %v", s.name, got)
		}
		if !strings.Contains(text, "127.0.0.1:8080:80") || strings.Contains(text, "=web_net") {
			t.Errorf("%s: port or network are not the bench's:\n%s", s.name, text)
		}
	}
}
