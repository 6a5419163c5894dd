package deploy

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gitops/ci/compose"
	"gitops/ci/progress"
	"gitops/ci/secret"
)

// swarmSource returns a manifest with files beside it.
func swarmSource(t *testing.T, manifest string, files map[string]string) compose.Source {
	t.Helper()
	source := sourceOf(t, manifest)
	for name, content := range files {
		file := filepath.Join(source.Root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	source.Env = map[string]secret.Value{"PASSWORD": secret.New(`p$w"`)}
	return source
}

func stackOf(t *testing.T, source compose.Source) (swarmStack, error) {
	t.Helper()
	m, err := readManifest(t.Context(), source)
	if err != nil {
		t.Fatal(err)
	}
	b, err := pack(m, source)
	if err != nil {
		t.Fatal(err)
	}
	return stacker{manifest: m, bundle: b, project: "shop", dir: "/srv/shop"}.stack()
}

// rendered returns the stack as Docker reads it.
func rendered(t *testing.T, stack swarmStack) map[string]any {
	t.Helper()
	var file map[string]any
	if err := json.Unmarshal(stack.text, &file); err != nil {
		t.Fatal(err)
	}
	return file
}

func at(t *testing.T, value any, keys ...string) any {
	t.Helper()
	for _, key := range keys {
		m, _ := value.(map[string]any)
		value = m[key]
	}
	return value
}

func TestSwarmSaysComposeInItsWords(t *testing.T) {
	for name, c := range map[string]struct {
		service string // lines of service a
		key     string
		want    any
	}{
		"restart":            {"restart: unless-stopped", "deploy.restart_policy", map[string]any{"condition": "any"}},
		"restart with limit": {"restart: on-failure:3", "deploy.restart_policy", map[string]any{"condition": "on-failure", "max_attempts": 3.0}},
		"no restart":         {`restart: "no"`, "deploy.restart_policy", map[string]any{"condition": "none"}},
		"Swarm's own policy": {"{restart: always, deploy: {restart_policy: {condition: none}}}", "deploy.restart_policy", map[string]any{"condition": "none"}},
		"limits": {"{mem_limit: 64m, cpus: 0.5, pids_limit: 9, mem_reservation: 1m}", "deploy.resources",
			map[string]any{"limits": map[string]any{"cpus": "0.5", "memory": "67108864", "pids": 9.0}, "reservations": map[string]any{"memory": "1048576"}}},
		"limits of both":   {"{mem_limit: 64m, deploy: {resources: {limits: {memory: 1k}}}}", "deploy.resources", map[string]any{"limits": map[string]any{"memory": "1024"}}},
		"scale":            {"scale: 4", "deploy.replicas", 4.0},
		"global":           {"deploy: {mode: global}", "deploy.replicas", nil},
		"order":            {"restart: always", "deploy.update_config", map[string]any{"order": "start-first", "failure_action": "pause"}},
		"order of volumes": {`volumes: ["data:/data"]`, "deploy.update_config.order", "stop-first"},
		"its own order":    {`{volumes: ["data:/data"], deploy: {update_config: {order: start-first, failure_action: continue}}}`, "deploy.update_config", map[string]any{"order": "start-first", "failure_action": "continue"}},
		"a port of a node": {"ports: [{target: 80, published: 80, mode: host}]", "deploy.update_config.order", "stop-first"},
		"a port of all":    {`ports: ["8080:80"]`, "ports", []any{map[string]any{"target": 80.0, "published": 8080.0, "protocol": "tcp", "mode": "ingress"}}},
		"values":           {`{environment: {A: "${PASSWORD}", B: "x$$y", H: "${HOME}"}}`, "environment", map[string]any{"A": `p$$w"`, "B": "x$$y", "H": "${HOME}"}},
		"a shell variable": {`command: [sh, -c, "echo $${HOME}"]`, "command", []any{"sh", "-c", "echo $${HOME}"}},
		"extra hosts":      {`extra_hosts: ["a.b:10.0.0.1"]`, "extra_hosts", []any{"a.b:10.0.0.1"}},
		"host network":     {"network_mode: host", "networks", map[string]any{"host": map[string]any{}}},
		"a bind":           {`volumes: ["/var/run/docker.sock:/s:ro"]`, "volumes", []any{map[string]any{"type": "bind", "source": "/var/run/docker.sock", "target": "/s", "read_only": true}}},
		"a bind of home":   {`volumes: ["${HOME}/x:/s"]`, "volumes", []any{map[string]any{"type": "bind", "source": "${HOME}/x", "target": "/s"}}},
		"a container name": {"container_name: mine", "container_name", nil},
	} {
		t.Run(name, func(t *testing.T) {
			service := c.service
			if inner, found := strings.CutPrefix(service, "{"); found {
				service = strings.TrimSuffix(inner, "}")
			}
			manifest := "services:\n  a: {image: a, " + service + "}\nvolumes: {data: {}}\n"
			stack, err := stackOf(t, swarmSource(t, manifest, nil))
			if err != nil {
				t.Fatal(err)
			}
			got := at(t, rendered(t, stack), append([]string{"services", "a"}, strings.Split(c.key, ".")...)...)
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("%s is %v, want %v", c.key, got, c.want)
			}
		})
	}
}

func TestSwarmLabels(t *testing.T) {
	const routed = "traefik.http.routers.a.rule: Host(`a`), traefik.docker.network: web"
	for name, c := range map[string]struct {
		service string
		key     string
		want    any
	}{
		"moves to the service": {"labels: {" + routed + "}", "deploy.labels.traefik.http.routers.a.rule", "Host(`a`)"},
		"not on the container": {"labels: {" + routed + "}", "labels.traefik.http.routers.a.rule", nil},
		"others stay":          {"labels: {x: y}", "labels.x", "y"},
		"its network":          {"labels: {" + routed + "}", "deploy.labels.traefik.swarm.network", "web"},
		"its port":             {"expose: [9000, 8000], labels: {" + routed + "}", "deploy.labels.traefik.http.services.a.loadbalancer.server.port", "8000"},
		"a port that is there": {"expose: [9000], labels: {" + routed + `, traefik.http.services.a.loadbalancer.server.port: "1"}`, "deploy.labels.traefik.http.services.a.loadbalancer.server.port", "1"},
		"tries another task":   {"labels: {" + routed + "}", "deploy.labels.traefik.http.routers.a.middlewares", "gitops-retry-a-shop"},
		"after its middlewares": {"labels: {" + routed + ", traefik.http.routers.a.middlewares: 'auth@docker,b'}", "deploy.labels.traefik.http.routers.a.middlewares",
			"auth@swarm,b,gitops-retry-a-shop"},
		"deploy.labels win": {"labels: {" + routed + "}, deploy: {labels: {traefik.http.routers.a.rule: Host(`b`)}}", "deploy.labels.traefik.http.routers.a.rule", "Host(`b`)"},
	} {
		t.Run(name, func(t *testing.T) {
			stack, err := stackOf(t, swarmSource(t, "services:\n  a: {image: a, "+c.service+"}\n", nil))
			if err != nil {
				t.Fatal(err)
			}
			section, label, _ := strings.Cut(c.key, "labels.")
			keys := append([]string{"services", "a"}, strings.Fields(strings.ReplaceAll(section, ".", " "))...)
			if got := at(t, rendered(t, stack), append(keys, "labels", label)...); !reflect.DeepEqual(got, c.want) {
				t.Errorf("%s is %v, want %v", c.key, got, c.want)
			}
		})
	}
}

// The folder of the manifest itself is a bind mount too.
func TestSwarmFilesOfTheProject(t *testing.T) {
	manifest := "services: {a: {image: a, volumes: [\".:/code:ro\"]}}\n"
	stack, err := stackOf(t, swarmSource(t, manifest, map[string]string{".hidden": "1", "conf.d/a": "a"}))
	if err != nil {
		t.Fatal(err)
	}
	var targets []string
	for _, entry := range at(t, rendered(t, stack), "services", "a", "configs").([]any) {
		target, _ := at(t, entry, "target").(string)
		targets = append(targets, target)
	}
	for _, want := range []string{"/code/.hidden", "/code/conf.d/a"} {
		if !slices.Contains(targets, want) {
			t.Errorf("no config at %s: %v", want, targets)
		}
	}
}

func TestSwarmFiles(t *testing.T) {
	const manifest = `services:
  a:
    image: a
    volumes: ["./one.conf:/etc/one.conf", "./conf.d:/etc/conf.d:ro"]
    configs: [site, text]
    secrets: [{source: token, target: t, mode: 0400}, password]
configs:
  site: {file: site.conf}
  text: {content: "hello ${PASSWORD}"}
secrets:
  token: {file: token.txt}
  password: {environment: PASSWORD}
`
	files := map[string]string{"one.conf": "1", "conf.d/a": "a", "conf.d/deep/b": "b", "site.conf": "s", "token.txt": "t"}
	stack, err := stackOf(t, swarmSource(t, manifest, files))
	if err != nil {
		t.Fatal(err)
	}
	file := rendered(t, stack)
	targets := map[string]bool{}
	for _, entry := range at(t, file, "services", "a", "configs").([]any) {
		target, _ := at(t, entry, "target").(string)
		targets[target] = true
	}
	for _, want := range []string{"/etc/one.conf", "/etc/conf.d/a", "/etc/conf.d/deep/b"} {
		if !targets[want] {
			t.Errorf("no config at %s: %v", want, targets)
		}
	}
	used, _ := at(t, file, "services", "a", "secrets").([]any)
	if len(used) != 2 || !reflect.DeepEqual(used[0], map[string]any{"source": "token", "target": "t", "mode": 256.0}) {
		t.Errorf("secrets of a: %v", used)
	}
	token, _ := at(t, file, "secrets", "token", "name").(string)
	if place, _ := at(t, file, "secrets", "token", "file").(string); !strings.HasPrefix(token, "shop_token_") || !strings.HasPrefix(place, "/srv/shop/files/") {
		t.Errorf("token is %s from %s", token, place)
	}
	if strings.Contains(string(stack.text), "hello") || len(stack.contents) != 2 || len(stack.files) != 7 {
		t.Errorf("%d contents and %d names, and the text:\n%s", len(stack.contents), len(stack.files), stack.text)
	}
	for _, name := range stack.files {
		if len(name) > 64 {
			t.Errorf("%s is too long a name for a swarm", name)
		}
	}

	files["token.txt"] = "another"
	changed, err := stackOf(t, swarmSource(t, manifest, files))
	if err != nil || at(t, rendered(t, changed), "secrets", "token", "name") == token || changed.services["a"].definition == stack.services["a"].definition {
		t.Errorf("a secret that changes keeps its name: %v", err)
	}
}

func TestSwarmRefuses(t *testing.T) {
	large := map[string]string{"large": strings.Repeat("x", maxConfig+1), "folder/x": "x", "empty": ""}
	for name, c := range map[string]struct{ manifest, says string }{
		"a large secret":       {"services: {a: {image: a, secrets: [s]}}\nsecrets: {s: {file: large}}\n", "a secret of a swarm has less than 500"},
		"a large config":       {"services: {a: {image: a, volumes: ['./large:/x']}}\n", "a config of a swarm has less than 1000"},
		"an empty file":        {"services: {a: {image: a, volumes: ['./empty:/x:ro']}}\n", "a swarm has no empty config"},
		"a folder to write":    {"services: {a: {image: a, volumes: ['./folder:/x']}}\n", "mount it read-only (:ro)"},
		"a file of the host":   {"services: {a: {image: a, configs: [s]}}\nconfigs: {s: {file: /etc/hosts}}\n", "put it beside the manifest"},
		"a shared namespace":   {"services: {a: {image: a, network_mode: 'service:b'}, b: {image: b}}\n", "lives in a container of b"},
		"volumes_from":         {"services: {a: {image: a, volumes_from: [b]}, b: {image: b}}\n", "volumes_from"},
		"a range of ports":     {"services: {a: {image: a, ports: [{target: 80, published: '80-90'}]}}\n", "write them one by one"},
		"a volume of an image": {"services: {a: {image: a, volumes: [{type: image, source: b, target: /x}]}}\n", "mounts an image"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := stackOf(t, swarmSource(t, c.manifest, large))
			if progress.ExitCode(err) != progress.ExitInvalid || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v; want exit %d and %q", err, progress.ExitInvalid, c.says)
			}
		})
	}
	for name, o := range map[string]Options{
		"--before": {Before: []Before{{Service: "a"}}}, "--probe": {Probes: []Probe{{Path: "/"}}}, "--watch": {Watch: 1}, "--data": {Source: compose.Source{Data: []string{"x"}}},
	} {
		if err := o.checkSwarm(); progress.ExitCode(err) != progress.ExitInvalid || !strings.Contains(err.Error(), name+" is not available with --engine swarm") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSwarmPlan(t *testing.T) {
	manifest := "services:\n  a: {image: 'r/a:1', container_name: x, privileged: true, depends_on: [b]}\n  b: {image: 'r/b:1', volumes: ['data:/d']}\n  c: {image: 'r/c:1'}\nvolumes: {data: {}}\n"
	stack, err := stackOf(t, swarmSource(t, manifest, nil))
	if err != nil {
		t.Fatal(err)
	}
	now := swarmState{services: map[string]runningService{"gone": {Image: "r/gone:1"}}}
	for name, s := range stack.services {
		now.services[name] = runningService{Own: map[string]string{labelDefinition: s.definition}, Labels: map[string]string{labelService: s.whole}, Image: s.image + "@sha256:" + strings.Repeat("a", 64)}
	}
	check := func(want ...string) {
		t.Helper()
		for i, a := range planSwarm(stack, now) {
			if got := a.Service + " " + a.Action; got != want[i] {
				t.Errorf("%s, want %s", got, want[i])
			}
		}
	}
	check("a unchanged", "b unchanged", "c unchanged", "gone removed")
	if ignored := planSwarm(stack, now)[0].Ignored; !reflect.DeepEqual(ignored, []string{"container_name", "depends_on (all services start at once)", "privileged"}) {
		t.Errorf("a ignores %v", ignored)
	}
	for _, name := range []string{"a", "b"} {
		now.services[name].Own[labelDefinition] = "another"
	}
	now.services["c"].Labels[labelService] = "another"
	check("a rolls", "b recreated", "c updated", "gone removed")
	delete(now.services, "a")
	check("a created", "b recreated", "c updated", "gone removed")
}
