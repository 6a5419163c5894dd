package compose_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"gitops/ci/compose"
	"gitops/ci/progress"
	"gitops/ci/secret"
)

// repository writes the files of a txtar archive into a folder.
func repository(t *testing.T, archive string) string {
	t.Helper()
	root := t.TempDir()
	for _, f := range txtar.Parse([]byte(archive)).Files {
		name := filepath.Join(root, f.Name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// values makes variables of name, value, name, value …
func values(pairs ...string) map[string]secret.Value {
	env := map[string]secret.Value{}
	for pair := range slices.Chunk(pairs, 2) {
		env[pair[0]] = secret.New(pair[1])
	}
	return env
}

func load(t *testing.T, s compose.Source, archive string) (*compose.Manifest, error) {
	t.Helper()
	s.Root = repository(t, archive)
	if s.Manifests == nil {
		s.Manifests = []string{"compose.yml"}
	}
	return compose.Load(t.Context(), s)
}

func TestLoadRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		source  compose.Source
		archive string
		exit    int
		says    []string
	}{
		"bind of a file that is not there": {
			archive: "-- compose.yml --\nservices:\n  web:\n    image: nginx:1\n    volumes: [\"./nginx.conf:/etc/nginx/nginx.conf:ro\"]\n",
			exit:    progress.ExitInvalid,
			says:    []string{"compose.yml:4:15: ./nginx.conf is not in the repository: commit the file", "--data ./nginx.conf"},
		},
		"build without image": {
			archive: "-- compose.yml --\nservices:\n  web:\n    build: .\n",
			exit:    progress.ExitInvalid,
			says:    []string{"compose.yml:2:3:", `service "web" has no image`},
		},
		"variable in a later document": {
			archive: "-- compose.yml --\nservices:\n  web: {image: a:1}\n---\nservices:\n  worker: {image: a:1, environment: {P: \"${DB_PASSWORD}\"}}\n",
			exit:    progress.ExitInvalid,
			says:    []string{"the manifest needs DB_PASSWORD, which is not set"},
		},
		"variable that is passed on": {
			archive: "-- compose.yml --\nservices:\n  web:\n    image: nginx:1\n    environment: [DB_PASSWORD, A=b]\n",
			exit:    progress.ExitInvalid,
			says:    []string{"the manifest needs DB_PASSWORD, which is not set"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(t, test.source, test.archive)
			if err == nil || progress.ExitCode(err) != test.exit {
				t.Fatalf("exit %d, want %d: %v", progress.ExitCode(err), test.exit, err)
			}
			for _, says := range test.says {
				if !strings.Contains(err.Error(), says) {
					t.Errorf("%q does not say %q", err, says)
				}
			}
		})
	}
}

func TestLoadAccepts(t *testing.T) {
	for name, test := range map[string]struct {
		source  compose.Source
		archive string
		starts  string
	}{
		"base of another profile":          {archive: "-- compose.yml --\nservices:\n  base: {image: a:1, profiles: [never]}\n  web: {extends: base}\n  app: {image: b:1}\n", starts: "app"},
		"provider":                         {archive: "-- compose.yml --\nservices:\n  db: {provider: {type: awesomecloud}}\n  web: {image: a:1}\n", starts: "web"},
		"project name":                     {archive: "-- compose.yml --\nservices:\n  web: {image: a:1, labels: {a: \"${COMPOSE_PROJECT_NAME}\"}}\n", starts: "web"},
		"names that look like the host's":  {source: compose.Source{Env: values("DOCKER_GID", "999", "ENV", "production")}, archive: "-- compose.yml --\nservices:\n  web: {image: a:1, environment: {G: \"${DOCKER_GID}\", E: \"${ENV}\"}}\n", starts: "web"},
		"variable of another profile":      {archive: "-- compose.yml --\nservices:\n  web: {image: a:1}\n  job: {image: b:1, profiles: [tools], environment: {T: \"${ONLY_TOOLS}\"}}\n", starts: "web"},
		"profiles reset, ports overridden": {archive: "-- compose.yml --\nservices:\n  base: {image: a:1, ports: [\"80:80\"]}\n  web:\n    extends: base\n    profiles: !reset null\n    ports: !override [\"81:80\"]\n", starts: "base web"},
		"merge of an alias to a list":      {archive: "-- compose.yml --\nx-a: &a {restart: always}\nx-l: &l [*a]\nservices:\n  web: {<<: *l, image: nginx:1}\n", starts: "web"},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := load(t, test.source, test.archive)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(m.Starts(), " "); got != test.starts {
				t.Errorf("%s start, want %s", got, test.starts)
			}
		})
	}
}
