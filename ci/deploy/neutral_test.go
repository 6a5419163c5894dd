package deploy

import (
	"slices"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
	"gopkg.in/yaml.v3"
)

func TestNeutral(t *testing.T) {
	on := func(name string) types.DependsOnConfig { return types.DependsOnConfig{name: {}} }
	text, follow, err := neutral(&types.Project{
		Services: types.Services{
			"db":      {Name: "db"},
			"web":     {Name: "web", DependsOn: on("db")},
			"sidecar": {Name: "sidecar", DependsOn: on("web"), NetworkMode: "service:web"},
		},
		Configs: types.Configs{"site": {Content: "listen 80"}, "file": {File: "robots.txt"}},
		Secrets: types.Secrets{"password": {Environment: "PASSWORD"}},
	})
	want := `services:
    sidecar:
        depends_on: !reset null
    web:
        depends_on: !reset null
configs:
    site: !override
        file: /dev/null
secrets:
    password: !override
        file: /dev/null
`
	if err != nil || string(text) != want || !slices.Equal(follow, []string{"sidecar"}) {
		t.Errorf("%v %v\n%s", err, follow, text)
	}
}

// Docker Compose before 2.30 makes the folder of a bind only where the file says so.
func TestCreateFolder(t *testing.T) {
	for name, c := range map[string]struct {
		bind *types.ServiceVolumeBind
		want string
	}{
		"as by default": {&types.ServiceVolumeBind{CreateHostPath: true}, "type: bind\nbind:\n    create_host_path: true\n"},
		"with more":     {&types.ServiceVolumeBind{CreateHostPath: true, Propagation: "rprivate"}, "type: bind\nbind:\n    propagation: rprivate\n    create_host_path: true\n"},
		"not wanted":    {&types.ServiceVolumeBind{}, "type: bind\nbind:\n    create_host_path: false\n"},
	} {
		node := bindNode(types.ServiceVolumeConfig{Type: "bind", Bind: c.bind})
		if got, err := yaml.Marshal(node); err != nil || string(got) != c.want {
			t.Errorf("%s: %v\n%s", name, err, got)
		}
	}
}

// Two projects with a service of the same name share one Traefik.
func TestGenerationsOfProjects(t *testing.T) {
	manifest := map[string]string{"traefik.http.routers.shop.rule": "PathPrefix(`/`)"}
	got := generation{number: 1}.labels(qualified("web", "shop"), manifest)
	for key, want := range map[string]string{
		"traefik.http.routers.shop-g1.service":                          "web-shop-g1",
		"traefik.http.services.web-shop-g1.loadbalancer.passhostheader": "true",
		"traefik.http.routers.gitops-web-shop-g1.rule":                  "Path(`/.gitops/web-shop-g1`)",
	} {
		if got[key] != want {
			t.Errorf("%s is %q, want %q", key, got[key], want)
		}
	}
}
