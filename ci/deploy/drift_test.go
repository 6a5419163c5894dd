package deploy

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"gitops/ci/compose"
	"gitops/ci/secret"
)

func TestCompare(t *testing.T) {
	folder := t.TempDir()
	text := long(`
include: [own.yml]
services:
  chosen: {image: c, profiles: [chosen]}
  versioned: {image: "r.local/x:${VERSION}"}
  secret: {image: x, env_file: [not-in-git.env], secrets: [s]}
  good: {image: "r.local/good:1@sha256:aa"}
  variable: {image: "${REG:-r.local}/v:1"}
  unknown: {image: "${NEVER}/u:1"}
  valued: {image: "r.local/w:${TAG:-latest}"}
  older: {image: "r.local/older:2"}
  moved: {image: "r.local/moved:1@sha256:cc"}
  missing: {image: m}
  stopped: {image: s}
  sick: {image: k}
  done: {image: d}
  tool: {image: t, profiles: [tools]}
  none: {image: n, scale: 0}
  never: {image: n, deploy: {replicas: "0"}}
secrets: {s: {file: ./not-in-git.txt}}
`)
	more := long(`
services:
  second: {image: "r.local/second:1"}
  tool: {profiles: !override [others]}
`)
	for name, content := range map[string]string{"compose.yml": text, "more.yml": more, "own.yml": "services: {included: {image: i}}\n"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	source := compose.Source{Root: folder, Manifests: []string{"compose.yml", "more.yml"}, Profiles: []string{"chosen"}, AnyValue: true, FilesElsewhere: true,
		Env: map[string]secret.Value{"VERSION": secret.New("2")}}
	file, err := compose.Load(t.Context(), source)
	if err != nil {
		t.Fatal(err)
	}
	running := func(name, ref, digest string) Service {
		return Service{Image: Image{Service: name, Ref: long(ref), Digest: long(digest)}, State: "running"}
	}
	services := []Service{
		running("good", "r.local/good:1@sha256:aa", "r.local/good@sha256:aa"),
		running("variable", "r.local/v:1", ""),
		running("unknown", "x/u:1", ""),
		running("valued", "r.local/w:2", ""), // a file of values has the tag
		running("older", "r.local/older:1", ""),
		running("moved", "r.local/moved:1@sha256:cc", "r.local/moved@sha256:dd"),
		{Image: Image{Service: "stopped", Ref: "s"}, State: "exited", policy: "always"},
		{Image: Image{Service: "sick", Ref: "k"}, State: "running", Health: "unhealthy"},
		{Image: Image{Service: "done", Ref: "d"}, State: "exited"},
		running("tool", "t", ""),
		running("stranger", "z:1", ""),
		running("versioned", "r.local/x:1", ""),
		running("secret", "x", ""),
	}
	got := compare(file, services)
	want := `[chosen has no container included has no container missing has no container moved runs r.local/moved@sha256:dd, the manifest says r.local/moved:1@sha256:cc ` +
		`older runs r.local/older:1, the manifest says r.local/older:2 second has no container sick is unhealthy stopped is exited ` +
		`versioned runs r.local/x:1, the manifest says r.local/x:2 stranger runs z:1 and is not in the manifest]`
	if fmt.Sprint(got.Findings) != long(want) {
		t.Errorf("got  %v\nwant %s", got.Findings, want)
	}
	if len(got.Findings) == 0 || compare(file, nil).Findings[0].Kind != DriftMissing {
		t.Error("drift was not noticed")
	}
}
