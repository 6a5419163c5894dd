package deploy_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gitops/ci/deploy"
	"gitops/ci/progress"
	"gitops/ci/secret"
)

// byHand is a manifest of the kind that people deploy by hand today: a name for
// every container, a published port, a plain variable, a folded command, the
// engine's socket, and no health check.
func (l *lab) byHand(app string) string {
	return fmt.Sprintf(`services:
  proxy:
    image: %[1]s
    container_name: %[4]s-proxy
    restart: always
    command: ["--providers.docker=true"]
    ports:
      - "127.0.0.1:0:80"
    volumes:
      - "/var/run/docker.sock:/var/run/docker.sock:ro"
      - "./rules:/rules:ro"
    networks:
      - web_net
  db:
    image: %[1]s
    container_name: %[4]s-db
    restart: unless-stopped
    volumes:
      - data:/data
    networks:
      - app_net
  backend:
    # The robot replaces this tag
    image: %[2]s # the last build
    container_name: %[4]s-backend
    restart: always
    environment:
      - DOMAIN=${DOMAIN}
      - CORS=http://${DOMAIN},http://localhost
    command: >
      sh -c "migrate &&
             serve"
    labels:
      - "traefik.http.routers.backend.rule=PathPrefix(`+"`/api/v1`"+`) || PathPrefix(`+"`/docs`"+`)"
    networks:
      - app_net
      - web_net
    depends_on:
      - db

networks:
  web_net:
    external: true
    name: %[3]s
  app_net:
    driver: bridge

volumes:
  data:
`, image("v1"), app, l.network, l.project)
}

// Whoever deployed by hand moves over: same containers, same volumes; and a
// first deploy that fails goes back to what was started by hand.
func TestDeployOverWhatWasStartedByHand(t *testing.T) {
	l := newLab(t)
	if err := os.MkdirAll(l.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(l.dir, "docker-compose.yml")
	if err := os.WriteFile(file, []byte(l.byHand(image("v1"))), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, exec.Command("docker", "network", "create", l.network))
	up := exec.Command("docker", "compose", "--project-name", l.project, "up", "--detach")
	up.Dir, up.Env = l.dir, append(os.Environ(), "DOMAIN=example.org")
	run(t, up)
	volume := l.volumeID()

	options := l.options(commitA, l.byHand(image("crash")))
	options.Source.Data = []string{"./rules"}
	options.Env = map[string]secret.Value{"DOMAIN": secret.New("new.example.org")}
	options.Restarts = 1
	receipt, err := deploy.Deploy(context.Background(), l.client, options)
	if err == nil || receipt.Outcome != deploy.Restored || !strings.Contains(err.Error(), "what ran before runs again: "+file) {
		t.Fatalf("outcome %s, error %v", receipt.Outcome, err)
	}
	backend := run(t, exec.Command("docker", "inspect", "--format", "{{.Config.Image}} {{.State.Status}} {{.Config.Env}}", l.project+"-backend"))
	if !strings.HasPrefix(backend, image("v1")+" running") || !strings.Contains(backend, "DOMAIN=example.org") {
		t.Errorf("after the failure the backend is %s", backend)
	}

	options = l.options(commitB, l.byHand(image("v2")))
	options.Source.Data = []string{"./rules"}
	options.Env = map[string]secret.Value{"DOMAIN": secret.New("example.org")}
	receipt = l.deploy(options)
	if got := actions(receipt); got != "backend recreated, db unchanged, proxy unchanged" {
		t.Errorf("the deploy did: %s", got)
	}
	if l.volumeID() != volume {
		t.Error("the volume is another one")
	}

	// Without its name the backend may have two containers.
	options = l.options(commitC, l.byHand(image("v1")))
	options.Source.Data, options.Rename = []string{"./rules"}, true
	options.Env = map[string]secret.Value{"DOMAIN": secret.New("example.org")}
	plan, err := deploy.Preview(context.Background(), l.client, options)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"backend              rolls: Traefik: a router for each generation", "db                   recreated, expect a gap: volume data may be"} {
		if !strings.Contains(plan.String(), line) {
			t.Errorf("the plan lacks %q:\n%s", line, plan)
		}
	}
}

// volumeID tells a volume from one of the same name made later.
func (l *lab) volumeID() string {
	return run(l.t, exec.Command("docker", "volume", "inspect", "--format", "{{.CreatedAt}} {{.Mountpoint}}", l.project+"_data"))
}

func TestContainersWithoutAManifestAreNotTouched(t *testing.T) {
	l := newLab(t)
	up := exec.Command("docker", "compose", "--project-name", l.project, "--file", "-", "up", "--detach")
	up.Stdin = strings.NewReader("services: {old: {image: \"" + image("v1") + "\"}}\n")
	run(t, up)
	old := l.containers("old")
	receipt, err := deploy.Deploy(context.Background(), l.client, l.options(commitA, l.manifest(image("v1"))))
	if progress.ExitCode(err) != progress.ExitRefused || receipt.Outcome != deploy.Untouched || l.containers("old") != old {
		t.Errorf("exit %d, outcome %s, %v", progress.ExitCode(err), receipt.Outcome, err)
	}
}
