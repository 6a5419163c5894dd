package stages

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"gitops/ci/compose"
	"gitops/ci/progress"
)

// inRepository writes the files of a txtar archive into the current directory of the test.
func inRepository(t *testing.T, archive string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for _, f := range txtar.Parse([]byte(archive)).Files {
		if err := os.MkdirAll(filepath.Dir(f.Name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(f.Name, f.Data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// Health, drain and limit may be in another file than the service, and a profile decides
// whether a service starts at all.
func TestValidateWarnsOfWhatADeployStarts(t *testing.T) {
	inRepository(t, `
-- compose.yml --
services:
  web: {image: "web:1", ports: ["80:80"]}
  tool: {image: "tool:1", profiles: [tools]}
-- more.yml --
services:
  web: {healthcheck: {test: [CMD, ok]}, stop_grace_period: 30s, mem_limit: 1g}
  api: {image: "api:1", labels: {traefik.http.routers.api.rule: "Path(\u0060/\u0060)"}}
-- broken.yml --
services: {web: {depends_on: 5}}
`)
	for name, c := range map[string]struct {
		manifests, profiles []string
		want                []string
		fails               string
	}{
		"one file": {[]string{"compose.yml"}, nil, []string{"compose.yml:2:8: service web has no healthcheck", "web takes requests and has no stop_grace_period", "web has no memory limit"}, ""},
		"two files": {[]string{"compose.yml", "more.yml"}, nil, []string{
			"more.yml:3:8: service api has no healthcheck", "api takes requests and has no stop_grace_period", "api has no memory limit"}, ""},
		"a profile":             {[]string{"compose.yml", "more.yml"}, []string{"tools"}, []string{"api has no h", "api takes", "api has no m", "tool has no healthcheck", "tool has no memory limit"}, ""},
		"a mistake in a second": {[]string{"compose.yml", "broken.yml"}, nil, nil, "broken.yml:1:"},
		"a second that is gone": {[]string{"compose.yml", "gone.yml"}, nil, nil, "gone.yml"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := Validate(t.Context(), ValidateOptions{Manifests: c.manifests, Profiles: c.profiles, Only: []string{"manifest"}})
			if c.fails != "" {
				if err == nil || !strings.Contains(err.Error(), c.fails) {
					t.Fatalf("%v, want a mistake in %s", err, c.fails)
				}
				return
			}
			if err != nil || len(r.Checks[0].Warnings) != len(c.want) {
				t.Fatalf("%v; warnings\n%s", err, strings.Join(r.Checks[0].Warnings, "\n"))
			}
			for i, want := range c.want {
				if !strings.Contains(r.Checks[0].Warnings[i], want) {
					t.Errorf("warning %q, want %q", r.Checks[0].Warnings[i], want)
				}
			}
		})
	}
}

// The values of the deployed branch are in its checkout, and a file of secrets is not.
func TestDriftReadsTheDeployedBranch(t *testing.T) {
	inRepository(t, `
-- app/images.env --
TAG=of-this-branch
-- deployed/app/compose.yml --
services:
  web: {image: "web:${TAG}"}
  api: {image: "api:${SECRET_TAG}", env_file: [secret.env]}
-- deployed/app/more.yml --
services: {job: {image: "job:1", profiles: [jobs]}}
-- deployed/app/images.env --
TAG=deployed
`)
	o := DriftOptions{Deployed: "deployed", Manifests: []string{"app/compose.yml", "app/more.yml"}, Profiles: []string{"jobs"}, EnvFiles: []string{"app/images.env", "app/secret.env"}}
	source, err := o.source(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	m, err := compose.Load(t.Context(), source)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(m.Starts(), " "); got != "api job web" {
		t.Errorf("services %s", got)
	}
	if got, known := m.Image("web"); got != "web:deployed" || !known {
		t.Errorf("web is %s", got)
	}
	if _, known := m.Image("api"); known {
		t.Error("an image without its value is compared")
	}
	o.Manifests = []string{"app/none.yml"}
	if _, err := o.source(t.Context()); progress.ExitCode(err) != progress.ExitInvalid {
		t.Errorf("no manifest: %v", err)
	}
}
