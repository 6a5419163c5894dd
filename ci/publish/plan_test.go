package publish

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"gitops/ci/builds"
	"gitops/ci/progress"
)

// What reuse reports survives its way through JSON, and is all that an engine needs.
func TestPlan(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{
		"app/web/run.Dockerfile":              "ARG GO=golang:1\nFROM $GO AS build\nFROM nginx:1 AS run\nCOPY --from=files:2 /a /a\nFROM scratch\n",
		"app/web/run.Dockerfile.dockerignore": "docs\n",
		"app/web/.dockerignore":               "other\n",
		"app/Dockerfile":                      "FROM debian:13-${TARGETARCH}\n",
		"app/page/.dockerignore":              "docs\n",
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	images := []string{"files:2", "mirror/golang:1", "nginx:1"}
	for name, c := range map[string]struct {
		s    Service
		want builds.Plan
	}{
		"all": {Service{Name: "web", Context: "app/web", Dockerfile: "run.Dockerfile", Target: "run", Args: map[string]string{"GO": "mirror/golang:1"},
			Platforms: []string{"linux/amd64", "linux/arm64"}},
			builds.Plan{Context: "app/web", Dockerfile: "run.Dockerfile", IgnoreFile: "app/web/run.Dockerfile.dockerignore", Target: "run",
				Args:  map[string]string{"GO": "mirror/golang:1", "GIT_SHA": commit},
				Parts: []builds.Part{{Platform: "linux/amd64", Base: "nginx:1", Images: images}, {Platform: "linux/arm64", Base: "nginx:1", Images: images}}}},
		"from scratch": {Service{Name: "web", Context: "app/web", Dockerfile: "run.Dockerfile", Args: map[string]string{"GIT_SHA": commit, "GO": "mirror/golang:1"}},
			builds.Plan{Context: "app/web", Dockerfile: "run.Dockerfile", IgnoreFile: "app/web/run.Dockerfile.dockerignore",
				Args: map[string]string{"GO": "mirror/golang:1", "GIT_SHA": commit}, Parts: []builds.Part{{Images: images}}}},
		"a Dockerfile outside, one base for each platform": {Service{Name: "page", Context: "app/page", Dockerfile: "../Dockerfile", Platforms: []string{"linux/amd64", "linux/arm64"}},
			builds.Plan{Context: "app/page", Dockerfile: "../Dockerfile", IgnoreFile: "app/page/.dockerignore", Args: map[string]string{"GIT_SHA": commit},
				Parts: []builds.Part{{Platform: "linux/amd64", Base: "debian:13-amd64", Images: []string{"debian:13-amd64"}}, {Platform: "linux/arm64", Base: "debian:13-arm64", Images: []string{"debian:13-arm64"}}}}},
		"the folder above": {Service{Name: "app", Context: "app", Platforms: []string{"linux/arm64"}},
			builds.Plan{Context: "app", Dockerfile: "Dockerfile", Args: map[string]string{"GIT_SHA": commit},
				Parts: []builds.Part{{Platform: "linux/arm64", Base: "debian:13-arm64", Images: []string{"debian:13-arm64"}}}}},
	} {
		plan, err := c.s.plan(commit)
		text, _ := json.Marshal(Found{Build: plan})
		var got Found
		if err != nil || json.Unmarshal(text, &got) != nil || !reflect.DeepEqual(got.Build, c.want) {
			t.Errorf("%s: %v\ngot  %+v\nwant %+v", name, err, got.Build, c.want)
		}
	}
}

func TestPlanRefuses(t *testing.T) {
	for text, says := range map[string]string{
		"FROM a\nRUN <<EOF\nFROM b\n": "reading ",
		"FROM a AS b\n":               `it has no stage "run"`,
		"FROM $A AS run\n":            "line 1: FROM $A names no image",
	} {
		s := service(t, map[string]string{"Dockerfile": text})
		s.Target = "run"
		if _, err := s.plan(commit); progress.ExitCode(err) != progress.ExitInvalid || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want %s", text, err, says)
		}
	}
}
