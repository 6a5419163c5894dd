package attest

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"gitops/ci/progress"
)

func exampleBuild() Build {
	return Build{
		BuilderID: "https://github.com/o/r/.github/workflows/ci.yml@refs/heads/integration", BuildType: "https://gitops.example/docker@v1",
		InvocationID: "https://github.com/o/r/actions/runs/1", Source: "https://robot:hunter2222@git.local/app.git", Commit: strings.Repeat("a", 40),
		Service: "backend", Context: "backend", Dockerfile: "Dockerfile", Target: "run", Args: map[string]string{"B": "2", "A": "1"},
		Platforms: []string{"linux/arm64", "linux/amd64"},
		Bases:     []Material{{"golang:1.26.8-trixie", "sha256:" + strings.Repeat("b", 64)}, {"registry.local:5000/team/base", ""}, {"registry.local:5000/team/base", ""}},
	}
}

func TestProvenance(t *testing.T) {
	text, err := Provenance(exampleBuild())
	if err != nil {
		t.Fatal(err)
	}
	var indented bytes.Buffer
	json.Indent(&indented, text, "", " ")
	want := `{
 "buildDefinition": {
  "buildType": "https://gitops.example/docker@v1",
  "externalParameters": {
   "source": "git+https://git.local/app.git@` + strings.Repeat("a", 40) + `",
   "service": "backend",
   "context": "backend",
   "dockerfile": "Dockerfile",
   "target": "run",
   "args": {
    "A": "1",
    "B": "2"
   },
   "platforms": [
    "linux/amd64",
    "linux/arm64"
   ]
  },
  "resolvedDependencies": [
   {
    "uri": "git+https://git.local/app.git@` + strings.Repeat("a", 40) + `",
    "digest": {
     "gitCommit": "` + strings.Repeat("a", 40) + `"
    }
   },
   {
    "uri": "pkg:docker/golang@1.26.8-trixie",
    "digest": {
     "sha256": "` + strings.Repeat("b", 64) + `"
    }
   },
   {
    "uri": "pkg:docker/registry.local:5000/team/base@latest"
   }
  ]
 },
 "runDetails": {
  "builder": {
   "id": "https://github.com/o/r/.github/workflows/ci.yml@refs/heads/integration"
  },
  "metadata": {
   "invocationId": "https://github.com/o/r/actions/runs/1"
  }
 }
}`
	if indented.String() != want {
		t.Errorf("got\n%s", indented.String())
	}
}

func TestProvenanceIsTheSameForTheSameBuild(t *testing.T) {
	first, err := Provenance(exampleBuild())
	if err != nil {
		t.Fatal(err)
	}
	other := exampleBuild()
	slices.Reverse(other.Bases)
	slices.Reverse(other.Platforms)
	if second, err := Provenance(other); err != nil || !bytes.Equal(first, second) {
		t.Errorf("differs by order: %s, %v", second, err)
	}
	other.Target = ""
	if third, err := Provenance(other); err != nil || bytes.Equal(first, third) {
		t.Errorf("another target is not seen: %s, %v", third, err)
	}
}

func TestProvenanceNeedsTheMost(t *testing.T) {
	for what, change := range map[string]func(*Build){
		"builder": func(b *Build) { b.BuilderID = "" }, "type": func(b *Build) { b.BuildType = "" },
		"commit": func(b *Build) { b.Commit = "" },
		"base":   func(b *Build) { b.Bases = []Material{{"Not An Image", ""}} }, "digest": func(b *Build) { b.Bases = []Material{{"a", "abc"}} },
	} {
		b := exampleBuild()
		change(&b)
		if _, err := Provenance(b); progress.ExitCode(err) != progress.ExitInvalid {
			t.Errorf("%s: got %v, want exit 2", what, err)
		}
	}
}

func TestGitURI(t *testing.T) {
	for source, want := range map[string]string{
		"https://git.local/o/r":                  "git+https://git.local/o/r",
		"https://x-token:secret@git.local/o/r":   "git+https://git.local/o/r",
		"https://secret@git.local/o/r.git":       "git+https://git.local/o/r.git",
		"git@github.com:o/r.git":                 "git+ssh://git@github.com/o/r.git",
		"ssh://git:secret@git.local:2222/o/r":    "git+ssh://git@git.local:2222/o/r",
		"/srv/git/app.git":                       "git+file:///srv/git/app.git",
		"https://secret%zz:secret@git.local/o/r": "git+git.local/o/r",
	} {
		if got := gitURI(source); got != want {
			t.Errorf("%s: got %s, want %s", source, got, want)
		}
	}
}

func TestBaseImagesByPackageURL(t *testing.T) {
	for image, want := range map[string]string{
		"alpine":                           "pkg:docker/alpine@latest",
		"docker.io/library/alpine:3":       "pkg:docker/alpine@3",
		"grafana/loki:1":                   "pkg:docker/grafana/loki@1",
		"ghcr.io/o/r/app:v1":               "pkg:docker/ghcr.io/o/r/app@v1",
		"registry.local:5000/a:1":          "pkg:docker/registry.local:5000/a@1",
		"a@sha256:" + nines:                "pkg:docker/a@sha256:" + nines,
		"ghcr.io/o/app:v1@sha256:" + nines: "pkg:docker/ghcr.io/o/app@sha256:" + nines,
	} {
		if d, err := (Material{Name: image}).dependency(); err != nil || d.URI != want {
			t.Errorf("%s: got %s, %v; want %s", image, d.URI, err, want)
		}
	}
}

var nines = strings.Repeat("9", 64)

// Who builds without saying where the source is still says which commit.
func TestProvenanceWithoutASource(t *testing.T) {
	text, err := Provenance(Build{BuilderID: "urn:b", BuildType: "urn:t", Commit: strings.Repeat("a", 40)})
	if err != nil || !strings.Contains(string(text), `"source":"`+strings.Repeat("a", 40)+`"`) || !strings.Contains(string(text), `"resolvedDependencies":[]`) {
		t.Errorf("got %s, %v", text, err)
	}
}
