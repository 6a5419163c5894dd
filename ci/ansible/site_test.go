package ansible_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"gitops/ci/ansible"
)

// site is the playbook of this repository.
const site = "../../ansible"

// needCollection skips the test where the roles' collection is missing, or an older one:
// it needs ansible-core 2.17.
func needCollection(t *testing.T) {
	t.Helper()
	needAnsible(t)
	out, err := exec.Command("ansible-galaxy", "collection", "list", "community.docker").CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("community.docker 5.")) {
		t.Skip("needs the Ansible collection community.docker 5, and ansible-core 2.17")
	}
}

func TestSiteParses(t *testing.T) {
	needCollection(t)
	if err := ansible.SyntaxCheck(t.Context(), site, "site.yml"); err != nil {
		t.Error(err)
	}
}

// rendered is the configuration of the stack as the role writes it.
type rendered struct {
	dir string
	t   *testing.T
}

// render runs the configuration phase of the role monitoring on this machine,
// into a folder of the test.
func render(t *testing.T, vars map[string]any) rendered {
	t.Helper()
	needCollection(t)
	dir := t.TempDir()
	play := []map[string]any{{
		"hosts": "localhost", "connection": "local", "gather_facts": false,
		"tasks": []map[string]any{{
			"ansible.builtin.import_role": map[string]any{"name": "monitoring", "tasks_from": "config"},
		}},
	}}
	content, err := yaml.Marshal(play)
	if err != nil {
		t.Fatal(err)
	}
	playbook := write(t, filepath.Join(t.TempDir(), "render.yml"), string(content))
	all := map[string]any{"monitoring_dir": dir, "monitoring_domain": "203.0.113.7", "ansible_python_interpreter": "/usr/bin/python3"}
	for name, value := range vars {
		all[name] = value
	}
	extra, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	roles, err := filepath.Abs(filepath.Join(site, "roles"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "ansible-playbook", "--inventory", "localhost,", "--extra-vars", string(extra), playbook)
	cmd.Env = append(os.Environ(), "ANSIBLE_ROLES_PATH="+roles, "ANSIBLE_NOCOLOR=1", "LC_ALL=C.UTF-8")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return rendered{dir: dir, t: t}
}

func (r rendered) path(name string) string { return filepath.Join(r.dir, name) }

func (r rendered) yaml(name string, into any) {
	r.t.Helper()
	if err := yaml.Unmarshal(read(r.t, r.path(name)), into); err != nil {
		r.t.Fatalf("%s: %v\n%s", name, err, read(r.t, r.path(name)))
	}
}

// compose is what the tests look at in the stack's Compose file.
type compose struct {
	Services map[string]struct {
		Image         string
		Ports         []string
		ContainerName string `yaml:"container_name"`
		Privileged    bool
		MemLimit      string `yaml:"mem_limit"`
		Environment   map[string]string
		Labels        map[string]string
		Networks      []string
	}
	Volumes map[string]any
}

func TestTheWholeStack(t *testing.T) {
	r := render(t, nil)
	var stack compose
	r.yaml("compose.yml", &stack)
	tagged := regexp.MustCompile(`:v?\d+\.\d+\.\d+$`)
	for _, name := range []string{"prometheus", "grafana", "loki", "promtail", "node-exporter", "cadvisor"} {
		service, there := stack.Services[name]
		switch {
		case !there:
			t.Errorf("%s is missing", name)
		case len(service.Ports) > 0 || service.Privileged:
			t.Errorf("%s publishes %v, privileged %v", name, service.Ports, service.Privileged)
		case !tagged.MatchString(service.Image):
			t.Errorf("%s has no exact version: %s", name, service.Image)
		case service.MemLimit == "":
			t.Errorf("%s has no memory limit", name)
		}
	}
	labels := stack.Services["prometheus"].Labels
	if labels["traefik.http.routers.prometheus.rule"] != "PathPrefix(`/prometheus`)" ||
		labels["traefik.http.routers.prometheus.middlewares"] != "dashboard-auth@docker" {
		t.Errorf("Prometheus is routed by %v, want its path, behind a password", labels)
	}
	grafana := stack.Services["grafana"]
	if grafana.Labels["traefik.http.services.grafana.loadbalancer.server.port"] != "3000" || grafana.Environment["GF_AUTH_ANONYMOUS_ENABLED"] != "false" {
		t.Errorf("Grafana has %v, %v", grafana.Labels, grafana.Environment)
	}
	if routed := stack.Services["loki"].Labels["traefik.enable"]; routed != "" {
		t.Error("Loki is reachable from outside")
	}
}

func TestComponentsCanBeLeftOut(t *testing.T) {
	r := render(t, map[string]any{"monitoring_components": []string{"prometheus", "loki"}, "monitoring_prometheus_middlewares": []string{},
		"monitoring_memory": map[string]string{"loki": "1g"}})
	var stack compose
	r.yaml("compose.yml", &stack)
	if len(stack.Services) != 2 || len(stack.Volumes) != 2 {
		t.Errorf("services %v, volumes %v", stack.Services, stack.Volumes)
	}
	if loki, prometheus := stack.Services["loki"].MemLimit, stack.Services["prometheus"].MemLimit; loki != "1g" || prometheus != "384m" {
		t.Errorf("memory limits %s, %s: want the one given and the default", loki, prometheus)
	}
	if _, set := stack.Services["prometheus"].Labels["traefik.http.routers.prometheus.middlewares"]; set {
		t.Error("an empty list of middlewares still made a label")
	}
	jobs := scrapeJobs(r)
	for _, job := range []string{"grafana", "promtail", "node-exporter", "cadvisor"} {
		if jobs[job] {
			t.Errorf("Prometheus still watches %s", job)
		}
	}
	if !jobs["prometheus"] || !jobs["loki"] || !jobs["traefik"] || !jobs["backend"] {
		t.Errorf("jobs %v", jobs)
	}
}

func scrapeJobs(r rendered) map[string]bool {
	r.t.Helper()
	var config struct {
		ScrapeConfigs []struct {
			JobName string `yaml:"job_name"`
		} `yaml:"scrape_configs"`
	}
	r.yaml("prometheus/prometheus.yml", &config)
	jobs := map[string]bool{}
	for _, job := range config.ScrapeConfigs {
		jobs[job.JobName] = true
	}
	return jobs
}

// Compose recreates a service when its labels change: a changed configuration
// must change the label of those who read it, and of nobody else.
func TestOnlyWhatChangedIsRecreated(t *testing.T) {
	hashes := func(vars map[string]any) map[string]string {
		var stack compose
		render(t, vars).yaml("compose.yml", &stack)
		found := map[string]string{}
		for name, service := range stack.Services {
			found[name] = service.Labels["gitops.config"]
		}
		return found
	}
	before := hashes(nil)
	after := hashes(map[string]any{"monitoring_loki_retention": "24h"})
	if before["loki"] == "" || len(before) < 6 {
		t.Fatalf("the stack has the hashes %v", before)
	}
	for name, hash := range before {
		if hash == "" {
			t.Errorf("%s has no hash", name)
		}
		if changed := after[name] != hash; changed != (name == "loki") {
			t.Errorf("%s changed: %v", name, changed)
		}
	}
}

// The programs themselves are the judges of their configuration.
func TestTheProgramsAcceptTheirConfiguration(t *testing.T) {
	r := render(t, nil)
	checks := map[string][]string{
		"promtool": {"check", "config", r.path("prometheus/prometheus.yml")},
		"loki":     {"-config.file=" + r.path("loki/loki.yml"), "-verify-config"},
		"promtail": {"-config.file=" + r.path("promtail/promtail.yml"), "-check-syntax"},
		"docker":   {"compose", "--file", r.path("compose.yml"), "config", "--quiet"},
	}
	for program, args := range checks {
		t.Run(program, func(t *testing.T) {
			if _, err := exec.LookPath(program); err != nil {
				t.Skip("needs " + program)
			}
			if program == "docker" && exec.Command("docker", "compose", "version").Run() != nil {
				t.Skip("needs Docker Compose")
			}
			if out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// Every data source that a dashboard asks for is provisioned under that name.
func TestDashboardsUseProvisionedDataSources(t *testing.T) {
	r := render(t, nil)
	var queries []string // for Prometheus
	var provisioned struct {
		Datasources []struct{ UID string }
	}
	r.yaml("grafana/provisioning/datasources/datasources.yml", &provisioned)
	known := map[string]bool{}
	for _, source := range provisioned.Datasources {
		known[source.UID] = true
	}
	paths, err := filepath.Glob(r.path("grafana/dashboards/*.json"))
	if err != nil || len(paths) < 4 {
		t.Fatalf("dashboards %v, %v", paths, err)
	}
	for _, path := range paths {
		queries = append(queries, checkDashboard(t, path, known)...)
	}
	if len(queries) == 0 {
		t.Error("no dashboard asks Prometheus")
	}
	t.Run("queries", func(t *testing.T) {
		if _, err := exec.LookPath("promtool"); err != nil {
			t.Skip("needs promtool")
		}
		for _, query := range queries {
			checkQuery(t, query)
		}
	})
}

// checkDashboard returns the dashboard's queries for Prometheus.
func checkDashboard(t *testing.T, path string, known map[string]bool) (queries []string) {
	t.Helper()
	var dashboard struct {
		UID, Title string
		Panels     []struct {
			Title      string
			Datasource struct{ UID string }
			Targets    []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(read(t, path), &dashboard); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	if dashboard.UID+".json" != filepath.Base(path) || dashboard.Title == "" || len(dashboard.Panels) == 0 {
		t.Errorf("%s is called %q, %q and has %d panels", path, dashboard.UID, dashboard.Title, len(dashboard.Panels))
	}
	for _, panel := range dashboard.Panels {
		if !known[panel.Datasource.UID] || len(panel.Targets) == 0 {
			t.Errorf("%s, panel %q: data source %q, %d queries", path, panel.Title, panel.Datasource.UID, len(panel.Targets))
		}
		for _, target := range panel.Targets {
			if panel.Datasource.UID == "prometheus" {
				queries = append(queries, target.Expr)
			}
		}
	}
	return queries
}

// checkQuery lets promtool parse a query, with Grafana's variables filled in.
func checkQuery(t *testing.T, expr string) {
	t.Helper()
	expr = strings.NewReplacer("$__rate_interval", "1m", "$service", ".+", "$project", ".+").Replace(expr)
	if out, err := exec.CommandContext(t.Context(), "promtool", "--experimental", "promql", "format", "--", expr).CombinedOutput(); err != nil {
		t.Errorf("query %s: %v\n%s", expr, err, out)
	}
}

// A run for Grafana without its password ends before anything is touched.
func TestGrafanaNeedsItsPassword(t *testing.T) {
	needCollection(t)
	o := prepare(t, oneTask)
	o.Dir, o.Tags = site, []string{"monitoring"}
	t.Setenv("GRAFANA_ADMIN_PASSWORD", "short")
	recap, err := ansible.Run(t.Context(), o)
	if err == nil || !strings.Contains(err.Error(), "set GRAFANA_ADMIN_PASSWORD in the environment") {
		t.Fatalf("got %v", err)
	}
	if recap.Changed() != 0 {
		t.Errorf("%v was changed all the same", recap.Tasks)
	}
}
