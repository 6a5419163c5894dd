//go:build faults

package deploy_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gitops/ci/deploy"
	"gitops/ci/host"
	"gitops/ci/lab/wiretest"
	"gitops/ci/progress"
)

// faultPlace is a lab with a real Traefik before web and api, and a database with a
// volume.
type faultPlace struct {
	*lab
	port    string
	current string // the good image that web runs
	count   int    // of deploys, so that each manifest is another one
	idle    int    // services that nobody asks
	outages []outage
}

// newFaultPlace deploys everything once, into a folder that was prepared.
func newFaultPlace(t *testing.T, prepare ...func(*faultPlace)) *faultPlace {
	t.Helper()
	return newLab(t).faultPlace(prepare...)
}

func (l *lab) faultPlace(prepare ...func(*faultPlace)) *faultPlace {
	t := l.t
	t.Helper()
	p := &faultPlace{lab: l, current: "good-1"}
	p.password = fmt.Sprintf("planted-fault-%d-%d", os.Getpid(), time.Now().UnixNano())
	provideTraefik(t)
	buildFaultImages(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, p.port, _ = net.SplitHostPort(listener.Addr().String())
	listener.Close()
	for _, one := range prepare {
		one(p)
	}
	p.lab.deploy(p.to(image(p.current)))
	p.awaitTraefik()
	return p
}

// in returns the place as a subtest sees it.
func (p *faultPlace) in(t *testing.T) *faultPlace {
	inner := *p.lab
	inner.t = t
	inside := *p
	inside.lab = &inner
	return &inside
}

// routed returns a service that Traefik routes to. Its health is asked for every so many
// seconds.
func routed(name, image, base string, priority, interval int) string {
	return fmt.Sprintf(`  %[1]s:
    image: %[2]s
    restart: always
    environment: {PASSWORD: "${PASSWORD:?set it}", BASE: %[3]q}
    labels:
      traefik.enable: "true"
      traefik.http.routers.%[1]s.rule: PathPrefix(`+"`%[3]s/`"+`)
      traefik.http.routers.%[1]s.priority: "%[4]d"
      traefik.http.services.%[1]s.loadbalancer.server.port: "8000"
    healthcheck: {test: ["CMD", "/app", "healthy"], interval: %[5]ds, timeout: 10s, retries: 3}
    stop_grace_period: 2s
    networks: [web, inner]
`, name, image, base, priority, interval)
}

// manifest returns the manifest with the given image for web.
func (p *faultPlace) manifest(web string) string {
	p.count++
	return fmt.Sprintf(`# manifest %d
services:
  traefik:
    image: %s
    restart: always
    command:
      - --providers.docker=true
      - --providers.docker.exposedbydefault=false
      - --providers.docker.constraints=Label(`+"`com.docker.compose.project`,`%s`"+`)
      - --providers.docker.network=%s
      - --entrypoints.web.address=:80
      - --metrics.prometheus=true
    ports: ["127.0.0.1:%s:80"]
    volumes: ["/var/run/docker.sock:/var/run/docker.sock:ro"]
    networks: [web]
  db:
    image: %s
    restart: unless-stopped
    volumes: ["data:/data"]
    networks: [inner]
%s%s%snetworks:
  inner: {}
  web: {external: true, name: %s}
volumes:
  data: {}
`, p.count, traefikImage, p.project, p.network, p.port, image("v1"),
		routed("web", web, "", 1, 2), routed("api", image("good-1"), "/api", 100, 5), p.idlers(), p.network)
}

// idlers are the services that nobody asks.
func (p *faultPlace) idlers() string {
	var b strings.Builder
	for i := range p.idle {
		fmt.Fprintf(&b, "  idle-%d:\n    image: %s\n    networks: [inner]\n", i, image("v1"))
	}
	return b.String()
}

// to returns the options of a deploy that gives web an image.
func (p *faultPlace) to(web string) deploy.Options {
	manifest := p.manifest(web)
	o := p.lab.options(p.commit(), manifest)
	o.Restarts, o.Drain, o.GateTimeout = 1, 5*time.Second, 90*time.Second+time.Duration(p.idle)*2*time.Second
	return o
}

// commit returns a commit that no deploy had.
func (p *faultPlace) commit() string { return fmt.Sprintf("%040x", 0xfa0000+p.count) }

// other is the good image that web does not run.
func (p *faultPlace) other() string {
	if p.current == "good-1" {
		return "good-2"
	}
	return "good-1"
}

// url is where Traefik answers.
func (p *faultPlace) url() string { return "http://127.0.0.1:" + p.port }

// awaitTraefik waits until Traefik answers for web and api.
func (p *faultPlace) awaitTraefik() {
	p.t.Helper()
	if !p.answersWithin(time.Minute) {
		p.t.Fatal("Traefik does not answer for web and api")
	}
}

func (p *faultPlace) answersWithin(limit time.Duration) bool {
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		if answers(p.url()+"/") && answers(p.url()+"/api/version") {
			return true
		}
	}
	return false
}

// recovers deploys a good image over a new connection and checks that it runs, alone,
// and that nothing temporary is left.
func (p *faultPlace) recovers() deploy.Receipt {
	p.t.Helper()
	p.client = p.dial()
	next := p.other()
	begun := time.Now()
	receipt, err := deploy.Deploy(context.Background(), p.client, p.to(image(next)))
	if err != nil {
		p.t.Fatalf("the next deploy: %v", err)
	}
	p.t.Logf("the next deploy: %s, took over %v", progress.Seconds(time.Since(begun)), receipt.TookOver)
	p.current = next
	p.runs(image(next))
	for _, service := range []string{"web", "api", "db", "traefik"} {
		if ids := strings.Fields(p.containers(service)); len(ids) != 1 {
			p.t.Errorf("%s has %d containers after the next deploy", service, len(ids))
		}
	}
	if state := p.status(); state.Current != receipt.Release || state.Lock != nil {
		p.t.Errorf("current %s, lock %v", state.Current, state.Lock)
	}
	if left := p.leftovers(); left != "" {
		p.t.Errorf("left behind: %s", left)
	}
	return receipt
}

// reaching returns a client whose connection goes through a wire.
func (p *faultPlace) reaching(w *wiretest.Wire) *host.Client {
	p.t.Helper()
	config := p.sshd.Config()
	config.Dial = w.Dial
	client, err := host.Dial(context.Background(), config)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { client.Close() })
	return client
}

// hostFiles returns the folders on the host that a deploy writes to.
func (p *faultPlace) hostFiles() []string {
	checks, _ := filepath.Glob("/tmp/gitops-check-*")
	logins, _ := filepath.Glob("/dev/shm/gitops-*")
	return append(append([]string{p.dir}, checks...), logins...)
}
