package deploy

import (
	"slices"
	"strings"
	"testing"

	"gitops/ci/compose"
)

func loaded(t *testing.T, manifest string) *compose.Manifest {
	t.Helper()
	m, err := compose.Load(t.Context(), sourceOf(t, manifest))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestWhoMayHaveTwoContainers(t *testing.T) {
	for definition, want := range map[string]string{
		"":                        "",
		"container_name: x":       "container_name: x is for one container",
		`ports: ["80:80"]`:        "it publishes port 80",
		`ports: ["80"]`:           "",
		`ports: ["8000-8010:80"]`: "",
		`{ports: ["8000-8002:80"], deploy: {replicas: 2}}`: "it publishes the ports 8000-8002, which are too few",
		`{ports: ["8000-8003:80"], deploy: {replicas: 2}}`: "",
		"network_mode: host":                        "it is on the host's network",
		`network_mode: "service:db"`:                "it lives in a container of db",
		"networks: {n: {ipv4_address: 10.0.0.2}}":   "it has a fixed address in network n",
		`volumes: ["data:/data"]`:                   "volume data may be for one container",
		`volumes: ["data:/data:ro"]`:                "",
		`volumes: ["/srv/x:/x"]`:                    "folder /srv/x may be for one container",
		`volumes: ["/run/docker.sock:/run/d.sock"]`: "",
		`tmpfs: [/tmp]`:                             "",
		`{volumes: ["data:/data"], deploy: {update_config: {order: start-first}}}`: "",
		`deploy: {update_config: {order: stop-first}}`:                             "deploy.update_config.order is stop-first",
	} {
		if !strings.HasPrefix(definition, "{") {
			definition = "{" + definition + "}"
		}
		m := loaded(t, "services:\n  db: {image: x}\n  web:\n    <<: "+definition+"\n    image: x\nvolumes: {data: {}}\nnetworks: {n: {}}\n")
		if got := single(m.Project, m.Project.Services["web"], nil); want == "" && got != "" || !strings.HasPrefix(got, want) {
			t.Errorf("%s: %q, want %q", definition, got, want)
		}
	}
	m := loaded(t, "services:\n  web: {image: x}\n  side: {image: x, pid: \"service:web\"}\n")
	if got := single(m.Project, m.Project.Services["web"], nil); got != "side lives in its container" {
		t.Errorf("a service that another lives in: %q", got)
	}
	unnamed := []Service{{unnamed: []string{"/data"}}}
	if got := single(m.Project, m.Project.Services["side"], unnamed); got != "it lives in a container of web" {
		t.Errorf("the reason is %q", got)
	}
	m = loaded(t, "services:\n  cache: {image: x}\n")
	if got := single(m.Project, m.Project.Services["cache"], unnamed); !strings.HasPrefix(got, "the volume without a name at /data may be") {
		t.Errorf("a volume that the image declares: %q", got)
	}
}

func TestSwitch(t *testing.T) {
	for lines, want := range map[string]string{
		"": SwitchNone,
		"traefik.enable=true\ntraefik.http.routers.a.rule=Host(`x`)":                                           SwitchTraefik,
		"traefik.tcp.routers.a.rule=HostSNI(`*`)":                                                              SwitchTraefik,
		"traefik.enable=true":                                                                                  SwitchShared, // Traefik's default rule
		"traefik.http.routers.a.entrypoints=web":                                                               SwitchShared,
		"traefik.http.routers.a.rule=Host(`x`)\ntraefik.http.routers.b.entrypoints=web":                        SwitchShared,
		"traefik.udp.routers.a.entrypoints=dns":                                                                SwitchShared,
		"traefik.http.middlewares.a.compress=true":                                                             SwitchNone,
		"traefik.http.routers.a.Rule=Host(`x`)\ntraefik.http.middlewares.a.compress=true\ntraefik.enable=TRUE": SwitchTraefik,
	} {
		if got := switchOf(labels(lines), false); got != want {
			t.Errorf("%q: %s, want %s", lines, got, want)
		}
	}
	if got := switchOf(nil, true); got != SwitchShared {
		t.Errorf("another proxy: %s", got)
	}
}

// A name that another service's labels use has to stay.
func TestBorrowed(t *testing.T) {
	all := map[string]map[string]string{
		"auth": labels("traefik.http.middlewares.login.forwardauth.address=x\ntraefik.http.routers.auth.rule=Host(`a`)\ntraefik.http.services.auth.loadbalancer.server.port=1"),
		"web":  labels("traefik.http.routers.web.rule=Host(`w`)\ntraefik.http.routers.web.middlewares=zip,login@docker"),
		"own":  labels("traefik.http.routers.own.middlewares=login\ntraefik.http.middlewares.login.compress=true"),
	}
	if got := borrowed("auth", all); got != "web uses its Traefik middleware login" {
		t.Errorf("auth: %q", got)
	}
	if got := borrowed("web", all); got != "" {
		t.Errorf("web: %q", got)
	}
	all["alias"] = labels("traefik.http.routers.alias.service=auth")
	if got := borrowed("auth", all); got != "alias uses its Traefik service auth" {
		t.Errorf("auth with an alias: %q", got)
	}
}

func TestLevels(t *testing.T) {
	m := loaded(t, `services:
  web: {image: x, depends_on: [api]}
  api: {image: x, depends_on: {db: {condition: service_healthy}, job: {condition: service_completed_successfully}}}
  db: {image: x}
  job: {image: x, depends_on: [db]}
  other: {image: x}
`)
	got := levels(m.Project)
	if len(got) != 4 || !slices.Equal(got[0], []string{"db", "other"}) || !slices.Equal(got[1], []string{"job"}) || !slices.Equal(got[3], []string{"web"}) {
		t.Errorf("levels are %v", got)
	}
	if finish := jobs(m.Project); len(finish) != 1 || !finish["job"] {
		t.Errorf("jobs are %v", finish)
	}
}

func TestCountRequests(t *testing.T) {
	counted, found := countRequests(strings.NewReader(`# HELP x
traefik_config_reloads_total 3
traefik_entrypoint_requests_total{code="200",entrypoint="web",method="GET",protocol="http"} 120
traefik_entrypoint_requests_total{code="502",entrypoint="web",method="GET",protocol="http"} 3
traefik_entrypoint_requests_total{code="404",entrypoint="web",method="GET",protocol="http"} 1e+01
traefik_service_requests_total{code="502",service="a@docker"} 3
`))
	if !found || counted != (Requests{Total: 133, Failed: 3}) {
		t.Errorf("counted %+v, %v", counted, found)
	}
	if _, found := countRequests(strings.NewReader("404 page not found\n")); found {
		t.Error("a page without metrics counts")
	}
}

func TestPortsOfEntryPoints(t *testing.T) {
	got := portsIn([]string{"--entryPoints.web.address=:80", "--entrypoints.websecure.address=0.0.0.0:443/tcp", "--providers.docker", "--entrypoints.web.http.redirections.entrypoint.to=websecure"})
	if !slices.Equal(got, []string{"80", "443", "8080"}) {
		t.Errorf("ports are %v", got)
	}
}

func TestProbesAndCommandsAreRead(t *testing.T) {
	if p, err := ParseProbe("example.org/api?a=b=200"); err != nil || p != (Probe{"example.org", "/api?a=b", 200}) {
		t.Errorf("probe %+v, %v", p, err)
	}
	for _, bad := range []string{"", "/", "/=", "/=abc", "=200", "x=200/", "/a=99"} {
		if _, err := ParseProbe(bad); err == nil {
			t.Errorf("probe %q is accepted", bad)
		}
	}
	if b, err := ParseBefore("backend:migrate  up"); err != nil || b.Service != "backend" || !slices.Equal(b.Command, []string{"migrate", "up"}) {
		t.Errorf("command %+v, %v", b, err)
	}
	for _, bad := range []string{"", "backend", ":x", "backend: "} {
		if _, err := ParseBefore(bad); err == nil {
			t.Errorf("command %q is accepted", bad)
		}
	}
}
