package deploy

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gitops/ci/compose"
	"gitops/ci/progress"
	"gitops/ci/registry"
	"gitops/ci/secret"
)

const commitA = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

func TestBadInputIsRefusedBeforeTheHostIsReached(t *testing.T) {
	good := func() Options {
		return Options{Source: sourceOf(t, "services: {a: {image: x}}"), Commit: commitA}
	}
	for name, c := range map[string]struct {
		change func(*Options)
		says   string
	}{
		"no manifest":      {func(o *Options) { o.Source.Manifests = nil }, "no manifest"},
		"bad yaml":         {func(o *Options) { o.Source = sourceOf(t, "services: [") }, "docker-compose.yml"},
		"no services":      {func(o *Options) { o.Source = sourceOf(t, "a: b") }, "no services"},
		"bad commit":       {func(o *Options) { o.Commit = "../../etc" }, "not a git SHA"},
		"relative folder":  {func(o *Options) { o.Dir = "deploy" }, "absolute"},
		"folder with dots": {func(o *Options) { o.Dir = "/srv/../etc" }, "absolute"},
		"bad project":      {func(o *Options) { o.Project = "Web App" }, "compose project"},
		"bad network":      {func(o *Options) { o.Network = "--help" }, "network"},
		"registry alone":   {func(o *Options) { o.Logins = []registry.Login{{Host: "r.local"}} }, "no user name or no password"},
		"registry option":  {func(o *Options) { o.Logins = []registry.Login{{Host: "-x"}} }, "not the name of a registry"},
		"variable name":    {func(o *Options) { o.Env = map[string]secret.Value{"A B": {}} }, "not a name"},
		"reserved":         {func(o *Options) { o.Env = map[string]secret.Value{"DOCKER_HOST": {}} }, "another name"},
		"project by name":  {func(o *Options) { o.Env = map[string]secret.Value{"COMPOSE_PROJECT_NAME": {}} }, "give that with --project"},
		"reserved, needed": {func(o *Options) { o.Source = sourceOf(t, "services: {a: {image: x, hostname: $DOCKER_HOST}}") }, "the manifest needs DOCKER_HOST, and it cannot be given: variable DOCKER_HOST would change"},
		"no image":         {func(o *Options) { o.Source = sourceOf(t, "services:\n  a: {image: x}\n  b: {build: .}\n") }, `docker-compose.yml:3:3: service "b" has no image: a deploy builds nothing`},
		"second document": {func(o *Options) {
			o.Source = sourceOf(t, "services: {a: {image: x}}\n---\nservices: {b: {image: x, environment: {P: $PASSWORD}}}\n")
		}, "needs PASSWORD, which is not set"},
		"passed through": {func(o *Options) { o.Source = sourceOf(t, "services: {a: {image: x, environment: [PASSWORD, B=c]}}") }, "needs PASSWORD, which is not set"},
		"NUL":            {func(o *Options) { o.Env = map[string]secret.Value{"A": secret.New("a\x00b")} }, "NUL"},
		"missing variable": {func(o *Options) {
			o.Source = sourceOf(t, "services: {a: {image: x, environment: {A: \"${B:?}${C}\"}}}")
		}, "B, C, which are not set"},
	} {
		o := good()
		c.change(&o)
		_, err := Deploy(context.Background(), nil, o)
		if err == nil || progress.ExitCode(err) != progress.ExitInvalid || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v (exit %d), want exit 2 and %q", name, err, progress.ExitCode(err), c.says)
		}
	}
}

// Variables that Compose sets are not asked for, and those that it ignores are accepted.
func TestNeeds(t *testing.T) {
	env := map[string]secret.Value{"DOCKER_GID": secret.New("999"), "ENV": secret.New("production"), "SHELL_COLOUR": secret.New("red"), "PASSWORD": secret.New("p")}
	if err := checkEnv(env); err != nil {
		t.Error(err)
	}
	for _, manifest := range []string{
		"services: {a: {image: x, labels: {a: $COMPOSE_PROJECT_NAME, b: $HOME}}}",
		"services: {a: {image: x, environment: {G: $DOCKER_GID, E: $ENV}}}",
		"services: {a: {image: x, environment: [PASSWORD]}}",
		"services: {a: {image: x}, job: {image: y, profiles: [tools], environment: {T: $ONLY_TOOLS}}}",
		"services: {base: {image: x, profiles: [never], hostname: $NEVER}, a: {extends: base}, b: {image: y}}",
		"services: {db: {provider: {type: cloud}}, a: {image: x}}",
		"services: {a: {image: x, build: {context: ., args: {V: $V}}}}",
		"x-a: &a {image: x}\nx-l: &l [*a]\nservices: {a: {<<: *l}}",
	} {
		source := sourceOf(t, manifest)
		source.Env = env
		if _, err := readManifest(t.Context(), source); err != nil {
			t.Errorf("%s: %v", manifest, err)
		}
	}
}

func TestPlaceDefaults(t *testing.T) {
	for _, c := range []struct{ place, want Place }{
		{Place{}, Place{Dir: "/home/ubuntu/deploy", Project: "deploy"}},
		{Place{Dir: "/srv/My.App_2"}, Place{Dir: "/srv/My.App_2", Project: "myapp_2"}},
		{Place{Dir: "/srv/__"}, Place{Dir: "/srv/__", Project: "deploy"}},
		{Place{Dir: "/srv/a", Project: "b"}, Place{Dir: "/srv/a", Project: "b"}},
	} {
		if got := c.place.in("/home/ubuntu"); got != c.want {
			t.Errorf("%+v becomes %+v, want %+v", c.place, got, c.want)
		}
	}
}

// sourceOf returns a manifest in a folder that it is alone in.
func sourceOf(t *testing.T, manifest string) compose.Source {
	t.Helper()
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "docker-compose.yml"), []byte(manifest), 0o600); err != nil {
		t.Fatal(err)
	}
	return compose.Source{Root: folder, Manifests: []string{"docker-compose.yml"}}
}
