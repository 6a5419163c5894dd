//go:build swarm

package deploy_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gitops/ci/compose"
	"gitops/ci/deploy"
	"gitops/ci/host"
	engines "gitops/ci/lab"
	"gitops/ci/progress"
	"gitops/ci/registry"
	"gitops/ci/secret"
)

// swarmLab is a swarm of three host stand-ins, with a registry and a real Traefik.
type swarmLab struct {
	t        *testing.T
	swarm    *engines.Swarm
	client   *host.Client
	folder   string            // the repository
	images   map[string]string // by behaviour, as the nodes name them
	password string
	log      *bytes.Buffer
}

func newSwarmLab(t *testing.T) *swarmLab {
	t.Helper()
	needsDocker(t)
	l := &swarmLab{t: t, folder: t.TempDir(), images: map[string]string{}, log: &bytes.Buffer{}}
	l.password = fmt.Sprintf("planted-$wa\"rm-%d", time.Now().UnixNano())
	provideTraefik(t)
	buildImages(t)
	buildFaultImages(t)
	var err error
	if l.swarm, err = engines.StartSwarm(t.Context(), 3, progress.NewProgress(t.Output())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.swarm.Close() })
	l.push("traefik", traefikImage)
	for _, name := range []string{"good-1", "good-2", "crash", "v1"} {
		l.push(name, image(name))
	}
	l.client = l.dial(l.swarm.SSH.Outside)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("progress:\n%s", l.log)
		}
	})
	return l
}

func (l *swarmLab) push(name, ref string) {
	l.t.Helper()
	pushed, err := l.swarm.Push(l.t.Context(), ref, "team/"+name+":1")
	if err != nil {
		l.t.Fatal(err)
	}
	l.images[name] = pushed
}

func (l *swarmLab) dial(address string) *host.Client {
	l.t.Helper()
	line, err := host.KnownHostsLine(address, l.swarm.HostPublicKey)
	if err != nil {
		l.t.Fatal(err)
	}
	client, err := host.Dial(l.t.Context(), host.Config{Address: address, User: engines.SSHUser, Key: l.swarm.LoginKey, KnownHosts: []byte(line + "\n"), Timeout: 20 * time.Second})
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { client.Close() })
	return client
}

// swarmManifest has Traefik, a web with three replicas, and a worker. The kernel of the
// tests may lack IPVS, which virtual addresses and ingress ports need.
const swarmManifest = `services:
  traefik:
    image: %[1]s
    command:
      - --providers.swarm=true
      - --providers.swarm.exposedbydefault=false
      - --providers.swarm.refreshseconds=1
      - --providers.swarm.network=web_net
      - --entrypoints.web.address=:80
      - --serverstransport.forwardingtimeouts.dialtimeout=1s
    ports: [{target: 80, published: 80, mode: host}]
    volumes: ["/var/run/docker.sock:/var/run/docker.sock:ro"]
    networks: [web]
    deploy: {endpoint_mode: dnsrr, placement: {constraints: [node.role == manager]}}
  web:
    image: %[2]s
    container_name: web
    restart: always
    depends_on: [worker]
    environment: {PASSWORD: "${PASSWORD:?set it}", NOTE: "costs $$5"}
    healthcheck: {test: ["CMD", "/app", "healthy"], interval: 1s, timeout: 5s, retries: 5}
    stop_grace_period: 2s
    secrets: [token, made]
    volumes: ["./conf.d:/etc/conf.d:ro"]
    labels:
      traefik.enable: "true"
      traefik.docker.network: web_net
      traefik.http.routers.web.rule: PathPrefix(` + "`/`" + `)
      traefik.http.services.web.loadbalancer.server.port: "8000"
    networks: [web, inner]
    deploy: {replicas: 3, endpoint_mode: dnsrr, update_config: {monitor: 2s}}
  worker:
    image: %[3]s
    networks: [inner]
    deploy: {endpoint_mode: dnsrr}
networks:
  inner: {}
  web: {external: true, name: web_net}
secrets:
  token: {file: token.txt}
  made: {environment: PASSWORD}
`

// options returns a deploy of web with an image, and with the secret's text.
func (l *swarmLab) options(commit, web, token string) deploy.Options {
	l.t.Helper()
	files := map[string]string{
		"docker-compose.yml": fmt.Sprintf(swarmManifest, l.images["traefik"], web, l.images["v1"]),
		"token.txt":          token, "conf.d/a.conf": "a", "conf.d/deep/b.conf": "b",
	}
	for name, content := range files {
		file := filepath.Join(l.folder, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			l.t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			l.t.Fatal(err)
		}
	}
	o := l.common()
	o.Commit, o.Source = commit, compose.Source{Root: l.folder, Manifests: []string{"docker-compose.yml"}}
	return o
}

func (l *swarmLab) common() deploy.Options {
	return deploy.Options{
		Project: "shop", Engine: deploy.EngineSwarm, Actor: "test", GateTimeout: 2 * time.Minute, Stable: time.Second, LockTTL: 20 * time.Second,
		Env:    map[string]secret.Value{"PASSWORD": secret.New(l.password)},
		Logins: []registry.Login{{Host: engines.SwarmRegistry, Username: engines.User, Password: l.swarm.RegistryPassword}}, Progress: progress.NewProgress(l.log),
	}
}

func (l *swarmLab) deploy(o deploy.Options) deploy.Receipt {
	l.t.Helper()
	receipt, err := deploy.Deploy(l.t.Context(), l.client, o)
	if err != nil {
		l.t.Fatalf("deploying: %v", err)
	}
	return receipt
}

// manager runs a command on the manager.
func (l *swarmLab) manager(args ...string) string {
	l.t.Helper()
	out, err := l.swarm.On(l.t.Context(), 0, args...)
	if err != nil {
		l.t.Fatal(err)
	}
	return out
}

// tasks returns the tasks of a service that are to run.
func (l *swarmLab) tasks(service string) string {
	l.t.Helper()
	ids := strings.Fields(l.manager("docker", "service", "ps", "--quiet", "--no-trunc", "--filter", "desired-state=running", "shop_"+service))
	slices.Sort(ids)
	return strings.Join(ids, " ")
}

// asked is a request to web and its answer.
type asked struct {
	at      time.Time
	version string // empty when it was not answered well
	said    string
}

// load asks web all the time until the returned function is called, which returns what
// was answered.
func (l *swarmLab) load() (stop func() []asked) {
	end, all, lock, workers := make(chan struct{}), []asked{}, sync.Mutex{}, sync.WaitGroup{}
	client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for range 3 {
		workers.Go(func() {
			for {
				select {
				case <-end:
					return
				case <-time.After(20 * time.Millisecond):
				}
				one := asked{at: time.Now()}
				one.version, one.said = l.ask(client)
				lock.Lock()
				all = append(all, one)
				lock.Unlock()
			}
		})
	}
	return func() []asked {
		close(end)
		workers.Wait()
		return all
	}
}

func (l *swarmLab) ask(client *http.Client) (version, said string) {
	response, err := client.Get("http://" + l.swarm.HTTP.Outside + "/version")
	if err != nil {
		return "", err.Error()
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		return "", fmt.Sprint(response.Status, " ", err)
	}
	return strings.TrimSpace(string(text)), ""
}

// answers waits until web answers with a version.
func (l *swarmLab) answers(version string) {
	l.t.Helper()
	client, last := &http.Client{Timeout: 5 * time.Second}, ""
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		got, said := l.ask(client)
		if got == version {
			return
		}
		last = got + said
	}
	l.t.Fatalf("web does not answer with %s: %s", version, last)
}

// count returns how many requests were answered by each version; those without a good
// answer are under the empty one.
func count(all []asked, since time.Time) (versions map[string]int, failures []string) {
	versions = map[string]int{}
	for _, one := range all {
		if one.at.Before(since) {
			continue
		}
		versions[one.version]++
		if one.version == "" {
			failures = append(failures, one.said)
		}
	}
	return versions, failures
}

func TestSwarm(t *testing.T) {
	l := newSwarmLab(t)
	l.refusals(t)
	first := l.first(t)
	l.unchanged(t, first)
	l.rolls(t)
	l.labelsChange(t)
	l.badImage(t)
	l.secretChanges(t)
	l.otherManager(t)
	l.goesBack(t)
	l.nodeDies(t)
	l.leavesNothing(t)
}

// in returns the lab as a part of the test sees it.
func (l *swarmLab) in(t *testing.T) *swarmLab {
	inner := *l
	inner.t = t
	return &inner
}

func (l *swarmLab) refusals(t *testing.T) {
	t.Run("a worker is no place to deploy", func(t *testing.T) {
		l := l.in(t)
		_, err := deploy.Deploy(t.Context(), l.dial(l.swarm.Workers[0]), l.options(commitA, l.images["good-1"], "one"))
		if progress.ExitCode(err) != progress.ExitRefused || !strings.Contains(err.Error(), "docker node promote") {
			t.Errorf("deploying by a worker: %v", err)
		}
	})
	t.Run("a stack of somebody else stays", func(t *testing.T) {
		l := l.in(t)
		l.manager("sh", "-c", `printf 'version: "3.8"\nservices: {other: {image: none, deploy: {replicas: 0, endpoint_mode: dnsrr}}}\n' | docker stack deploy --resolve-image never --compose-file - shop`)
		receipt, err := deploy.Deploy(t.Context(), l.client, l.options(commitA, l.images["good-1"], "one"))
		if progress.ExitCode(err) != progress.ExitRefused || !strings.Contains(err.Error(), "docker stack rm") || receipt.Outcome != deploy.Untouched {
			t.Errorf("deploying over a stack: %s, %v", receipt.Outcome, err)
		}
		l.manager("docker", "stack", "rm", "shop")
	})
	t.Run("a first deploy that fails leaves nothing", func(t *testing.T) {
		l := l.in(t)
		receipt, err := deploy.Deploy(t.Context(), l.client, l.options(commitA, l.images["crash"], "one"))
		if receipt.Outcome != deploy.Removed || err == nil || !strings.Contains(err.Error(), "this is crash") {
			t.Errorf("a first deploy that crashes: %s, %v", receipt.Outcome, err)
		}
		l.manager("sh", "-c", "for try in $(seq 100); do docker network ls --format '{{.Name}}' | grep -qE '^(shop_|web_net)' || break; sleep 0.2; done") // a node forgets a network when its last container is gone
		left := l.manager("sh", "-c", "docker service ls -q; docker secret ls -q; docker config ls -q; docker network ls --format '{{.Name}}' --filter name=shop_ --filter name=web_net; ls deploy/releases 2>/dev/null || true")
		if left != "" {
			t.Errorf("left behind: %s", left)
		}
	})
}

func (l *swarmLab) first(t *testing.T) (receipt deploy.Receipt) {
	t.Run("first", func(t *testing.T) {
		l := l.in(t)
		o := l.options(commitA, l.images["good-1"], "one")
		plan, err := deploy.Preview(t.Context(), l.client, o)
		if err != nil {
			t.Fatal(err)
		}
		if text := plan.String(); !strings.Contains(text, "Swarm ignores: container_name, depends_on") || !strings.Contains(text, "web                  created") {
			t.Errorf("the plan:\n%s", text)
		}
		receipt = l.deploy(o)
		if receipt.Outcome != deploy.Deployed || actions(receipt) != "traefik created, web created, worker created" {
			t.Errorf("%s: %s", receipt.Outcome, actions(receipt))
		}
		l.answers("good-1")
		environment := l.manager("docker", "service", "inspect", "--format", "{{json .Spec.TaskTemplate.ContainerSpec.Env}}", "shop_web")
		if !strings.Contains(environment, `costs $5`) || !strings.Contains(environment, strings.ReplaceAll(l.password, `"`, `\"`)) {
			t.Errorf("the environment of web is %s", environment)
		}
	})
	return receipt
}

func (l *swarmLab) unchanged(t *testing.T, first deploy.Receipt) {
	t.Run("unchanged", func(t *testing.T) {
		l := l.in(t)
		web, worker, traefik := l.tasks("web"), l.tasks("worker"), l.tasks("traefik")
		again := l.deploy(l.options(commitA, l.images["good-1"], "one"))
		if again.Outcome != deploy.Unchanged || again.Release != first.Release {
			t.Errorf("%s: %s, release %s", again.Outcome, actions(again), again.Release)
		}
		if l.tasks("web") != web || l.tasks("worker") != worker || l.tasks("traefik") != traefik {
			t.Error("tasks were replaced")
		}
	})
}

func (l *swarmLab) rolls(t *testing.T) {
	t.Run("another image rolls while requests go on", func(t *testing.T) {
		l := l.in(t)
		worker, stop := l.tasks("worker"), l.load()
		receipt := l.deploy(l.options(commitB, l.images["good-2"], "one"))
		time.Sleep(2 * time.Second)
		versions, failures := count(stop(), time.Time{})
		if actions(receipt) != "traefik unchanged, web rolled, worker unchanged" || l.tasks("worker") != worker {
			t.Errorf("%s: %s", receipt.Outcome, actions(receipt))
		}
		if versions["good-1"] == 0 || versions["good-2"] == 0 || len(failures) > 0 {
			t.Errorf("requests: %v, failures %v", versions, failures)
		}
		t.Logf("requests during the roll: %v", versions)
		if order := l.manager("docker", "service", "inspect", "--format", "{{.Spec.UpdateConfig.Order}}", "shop_web"); order != "start-first" {
			t.Errorf("the order is %s", order)
		}
	})
}

func (l *swarmLab) labelsChange(t *testing.T) {
	t.Run("another route replaces no task", func(t *testing.T) {
		l := l.in(t)
		web, o := l.tasks("web"), l.options(strings.Repeat("e", 40), l.images["good-2"], "one")
		file := filepath.Join(l.folder, "docker-compose.yml")
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		changed := strings.Replace(string(text), "PathPrefix(`/`)", "PathPrefix(`/`) || Host(`shop.test`)", 1)
		if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
		receipt := l.deploy(o)
		if receipt.Outcome != deploy.Deployed || actions(receipt) != "traefik unchanged, web updated, worker unchanged" || l.tasks("web") != web {
			t.Errorf("%s: %s", receipt.Outcome, actions(receipt))
		}
		l.deploy(l.options(commitB, l.images["good-2"], "one"))
	})
}

func (l *swarmLab) badImage(t *testing.T) {
	t.Run("a bad image goes back", func(t *testing.T) {
		l := l.in(t)
		stop := l.load()
		receipt, err := deploy.Deploy(t.Context(), l.client, l.options(commitC, l.images["crash"], "one"))
		versions, failures := count(stop(), time.Time{})
		if receipt.Outcome != deploy.Restored || err == nil {
			t.Fatalf("%s, %v", receipt.Outcome, err)
		}
		for _, says := range []string{"service web stopped its update", "task web.", "this is crash", "what ran before runs again"} {
			if !strings.Contains(err.Error(), says) {
				t.Errorf("the error does not say %q: %v", says, err)
			}
		}
		if strings.Contains(err.Error(), l.password) {
			t.Error("the error has a value")
		}
		if versions["good-2"] == 0 || len(versions) != 1 {
			t.Errorf("requests: %v, failures %v", versions, failures)
		}
	})
	t.Run("a missing image touches nothing", func(t *testing.T) {
		l := l.in(t)
		web := l.tasks("web")
		receipt, err := deploy.Deploy(t.Context(), l.client, l.options(commitC, engines.SwarmRegistry+"/team/none:1", "one"))
		if receipt.Outcome != deploy.Untouched || err == nil || !strings.Contains(err.Error(), "the registry does not have it") || l.tasks("web") != web {
			t.Errorf("%s, %v", receipt.Outcome, err)
		}
	})
}

func (l *swarmLab) secretNames() string {
	l.t.Helper()
	return l.manager("docker", "secret", "ls", "--filter", "name=shop_token", "--format", "{{.Name}}")
}

func (l *swarmLab) secretChanges(t *testing.T) {
	t.Run("a secret that changes rolls its users", func(t *testing.T) {
		l := l.in(t)
		web, worker, before := l.tasks("web"), l.tasks("worker"), l.secretNames()
		receipt := l.deploy(l.options(commitC, l.images["good-2"], "two"))
		if actions(receipt) != "traefik unchanged, web rolled, worker unchanged" || l.tasks("web") == web || l.tasks("worker") != worker {
			t.Errorf("%s: %s", receipt.Outcome, actions(receipt))
		}
		if after := l.secretNames(); after == before || strings.Contains(after, "\n") {
			t.Errorf("secrets: %s, before %s", after, before)
		}
	})
}

// otherManager deploys by a second manager, and takes it back.
func (l *swarmLab) otherManager(t *testing.T) {
	t.Run("another manager has no releases", func(t *testing.T) {
		l := l.in(t)
		l.manager("docker", "node", "promote", "node2")
		const promoted = `for try in $(seq 150); do [ "$(docker info --format '{{.Swarm.ControlAvailable}}')" = true ] && exit 0; sleep 0.2; done; exit 1`
		if _, err := l.swarm.On(t.Context(), 1, "sh", "-c", promoted); err != nil {
			t.Fatal(err)
		}
		_, err := deploy.Deploy(t.Context(), l.dial(l.swarm.Workers[0]), l.options(commitC, l.images["good-1"], "one"))
		if progress.ExitCode(err) != progress.ExitRefused || !strings.Contains(err.Error(), "on manager node1") {
			t.Errorf("deploying by another manager: %v", err)
		}
		l.manager("sh", "-c", "docker node demote node2; for try in $(seq 100); do [ -n \"$(docker node inspect --format '{{if .ManagerStatus}}x{{end}}' node2)\" ] || exit 0; sleep 0.2; done; exit 1")
	})
}

func (l *swarmLab) goesBack(t *testing.T) {
	t.Run("rollback", func(t *testing.T) {
		l := l.in(t)
		options := deploy.RollbackOptions{Options: l.common(), Release: commitA}
		receipt, err := deploy.Rollback(t.Context(), l.client, options)
		if err != nil || receipt.Kind != deploy.KindRollback || receipt.Commit != commitA || actions(receipt) != "traefik unchanged, web rolled, worker unchanged" {
			t.Fatalf("%s: %s, %v", receipt.Outcome, actions(receipt), err)
		}
		l.answers("good-1")
		state, err := deploy.Status(t.Context(), l.client, deploy.Place{Project: "shop", Engine: deploy.EngineSwarm})
		if err != nil || state.Current != receipt.Release || len(state.Releases) < 3 || state.Last == nil || state.Last.Kind != deploy.KindRollback {
			t.Errorf("status: %+v, %v", state, err)
		}
		for _, s := range state.Services {
			if s.Node == "" || s.State != "running" {
				t.Errorf("%s is %s on %q", s.Container, s.State, s.Node)
			}
		}
		_, err = deploy.Deploy(t.Context(), l.client, l.options(commitC, l.images["good-2"], "two"))
		if progress.ExitCode(err) != progress.ExitRefused || !strings.Contains(err.Error(), "--over-rollback") {
			t.Errorf("deploying what was left: %v", err)
		}
	})
}

// nodeDies kills a node that is about to start a task: Swarm itself would wait for that
// task without end.
func (l *swarmLab) nodeDies(t *testing.T) {
	t.Run("a node dies during the roll", func(t *testing.T) {
		l := l.in(t)
		options := l.options(strings.Repeat("d", 40), l.images["good-2"], "one")
		stop, died := l.load(), make(chan death, 1)
		go func() { died <- l.killStarting() }()
		receipt := l.deploy(options)
		dead := <-died
		if dead.err != nil {
			t.Fatal(dead.err)
		}
		time.Sleep(5 * time.Second)
		all := stop()
		versions, failures := count(all, time.Time{})
		t.Logf("node%d died; deployed in %.0f s; requests: %v, failures %v", dead.node+1, receipt.Seconds, versions, slices.Compact(slices.Sorted(slices.Values(failures))))
		if receipt.Outcome != deploy.Deployed || !strings.Contains(strings.Join(receipt.Warnings, "\n"), "went away when it was to start a task of web") {
			t.Errorf("%s, warnings %q", receipt.Outcome, receipt.Warnings)
		}
		if late, failed := count(all, dead.at.Add(20*time.Second)); len(failed) > 0 {
			t.Errorf("long after the node died: %v, %v", late, failed)
		}
		if len(failures)*20 > len(all) {
			t.Errorf("%d of %d requests failed", len(failures), len(all))
		}
		l.runsOnTheRest(dead.node)
	})
}

// death is a node that was killed, and when.
type death struct {
	node int
	at   time.Time
	err  error
}

// killStarting kills the first worker that is about to start a new task of web.
func (l *swarmLab) killStarting() death {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(l.t.Context()), 2*time.Minute)
	defer cancel()
	for {
		tasks, err := l.swarm.On(ctx, 0, "docker", "service", "ps", "--filter", "desired-state=running", "--format", "{{.Node}} {{.CurrentState}} {{.Image}}", "shop_web")
		if err != nil {
			return death{err: err}
		}
		for line := range strings.Lines(tasks) {
			words := strings.Fields(line)
			node := slices.Index([]string{"node2", "node3"}, words[0]) + 1
			if node > 0 && words[1] == "Starting" && words[len(words)-1] == l.images["good-2"] {
				return death{node, time.Now(), l.swarm.Kill(ctx, node)}
			}
		}
	}
}

func (l *swarmLab) runsOnTheRest(dead int) {
	l.t.Helper()
	state, err := deploy.Status(l.t.Context(), l.client, deploy.Place{Project: "shop", Engine: deploy.EngineSwarm})
	if err != nil {
		l.t.Fatal(err)
	}
	web := 0
	for _, s := range state.Services {
		if s.Node == fmt.Sprint("node", dead+1) || s.State != "running" {
			l.t.Errorf("%s is %s on %s", s.Container, s.State, s.Node)
		}
		if s.Service == "web" && s.Ref == l.images["good-2"] {
			web++
		}
	}
	if web != 3 {
		l.t.Errorf("web has %d tasks", web)
	}
	l.answers("good-2")
}

// leavesNothing looks for values on the disk of the manager.
func (l *swarmLab) leavesNothing(t *testing.T) {
	t.Run("no value is on the disk", func(t *testing.T) {
		l := l.in(t)
		found := l.manager("sh", "-c", `grep -rlF -e "$1" -e "$2" /home/ubuntu /tmp /dev/shm /run/user /var/tmp 2>/dev/null || true`, "grep", l.password, l.swarm.RegistryPassword.Reveal())
		if found != "" {
			t.Errorf("values are in %s", found)
		}
		if left := l.manager("sh", "-c", "ls -d /dev/shm/gitops-login-* /run/user/*/gitops-login-* /home/ubuntu/deploy/lock 2>/dev/null || true"); left != "" {
			t.Errorf("left behind: %s", left)
		}
	})
}
