package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gitops/ci/secret"
)

// place is a project on the host: a folder, a network, a port and a stack.
type place struct {
	world  *world
	stack  stack
	values values
	dir    string
}

// newPlace makes a place with nothing in it.
func (w *world) newPlace(ctx context.Context, s stack, retry bool) (*place, error) {
	w.places++
	project := fmt.Sprintf("%s-%d", w.id, w.places)
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	p := &place{world: w, stack: s, dir: filepath.Join(w.dir, project)}
	p.values = values{Project: project, Network: project + "-web", Port: port, Traefik: traefikImage, Postgres: postgresImage, Retry: retry}
	if err := os.Mkdir(p.dir, 0o700); err != nil {
		return nil, err
	}
	_, err = docker(ctx, "network", "create", p.values.Network)
	return p, err
}

// remove removes the place's containers, volumes and network.
func (p *place) remove(ctx context.Context) {
	ctx = context.WithoutCancel(ctx)
	label := "label=com.docker.compose.project=" + p.values.Project
	// An engine that removes hundreds of running containers at once can leave some of
	// them in the network.
	script := `docker ps -q --filter "$1" | xargs -r -n 20 docker stop --time 2; docker ps -aq --filter "$1" | xargs -r -n 20 docker rm -fv
docker volume ls -q --filter "$1" | xargs -r docker volume rm; docker network ls -q --filter "$1" | xargs -r docker network rm
for try in 1 2 3 4 5; do docker network rm "$2" && exit; sleep 1; done; exit 1`
	if _, err := command(ctx, "", nil, "sh", "-c", script, "remove", label, p.values.Network); err != nil {
		say("removing %s: %v", p.values.Project, err)
	}
}

// manifest returns the manifest of the nth release.
func (p *place) manifest(n int) (string, error) {
	v := p.values
	v.Named = p.stack.name == article.name
	v.Backend, v.Frontend, v.Extra = p.world.ref(p.stack.backend, n), p.world.ref(p.stack.frontend, n), p.world.ref(p.stack.extra, n)
	v.Plain = []plainService{{"backend", v.Backend, "/extra", 100}, {"frontend", v.Frontend, "", 1}}
	return p.stack.text(v)
}

// env has the values of the manifest's variables.
func (p *place) env() map[string]string {
	return map[string]string{
		"DOMAIN": "localhost", "POSTGRES_PASSWORD": "for-the-bench-alone-1", "SECRET_KEY": "for-the-bench-alone-0123456789abcdef",
		"FIRST_SUPERUSER": superuser, "FIRST_SUPERUSER_PASSWORD": password, "TRAEFIK_DASHBOARD_USERS": "bench:$2y$05$bench",
	}
}

const (
	superuser = "admin@example.com"
	password  = "for-the-bench-alone-2"
)

func (p *place) secrets() map[string]secret.Value {
	secrets := map[string]secret.Value{}
	for name, value := range p.env() {
		secrets[name] = secret.New(value)
	}
	return secrets
}

// write puts the manifest of the nth release into the place.
func (p *place) write(n int) error {
	text, err := p.manifest(n)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(p.dir, "compose.yml"), []byte(text), 0o600)
}

// compose runs docker compose on the manifest of the nth release.
func (p *place) compose(ctx context.Context, n int, args ...string) error {
	if err := p.write(n); err != nil {
		return err
	}
	var env []string
	for name, value := range p.env() {
		env = append(env, name+"="+value)
	}
	_, err := command(ctx, p.dir, env, append([]string{"docker", "compose", "--project-name", p.values.Project, "--file", "compose.yml"}, args...)...)
	return err
}

// url is where Traefik answers.
func (p *place) url() string { return "http://127.0.0.1:" + p.values.Port }

// containers returns the identities of a service's containers.
func (p *place) containers(ctx context.Context, service string) ([]string, error) {
	out, err := docker(ctx, "ps", "--quiet", "--no-trunc", "--filter", "label=com.docker.compose.project="+p.values.Project,
		"--filter", "label=com.docker.compose.service="+service)
	return strings.Fields(out), err
}

// runs checks that what a release changes runs as the nth release, and nothing older.
func (p *place) runs(ctx context.Context, n int) error {
	for _, service := range p.stack.rolls {
		found, err := docker(ctx, "ps", "--filter", "label=com.docker.compose.project="+p.values.Project,
			"--filter", "label=com.docker.compose.service="+service, "--format", "{{.Image}}")
		if err != nil {
			return err
		}
		if lines := strings.Fields(found); len(lines) != 1 || !strings.HasSuffix(lines[0], ":"+commit(n)) {
			return fmt.Errorf("%s runs %v instead of release %d", service, lines, n)
		}
	}
	return nil
}

// awaitHealthy waits until all of a service's containers are healthy.
func (p *place) awaitHealthy(ctx context.Context, service string) error {
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		ids, err := p.containers(ctx, service)
		if err != nil {
			return err
		}
		health, err := docker(ctx, append([]string{"inspect", "--format", "{{.State.Health.Status}}"}, ids...)...)
		if err != nil {
			return err
		}
		if strings.Count(health, "healthy") == len(ids) && !strings.Contains(health, "unhealthy") {
			return nil
		}
	}
	return fmt.Errorf("%s does not get healthy", service)
}

// awaitAnswers waits until Traefik answers for every service.
func (p *place) awaitAnswers(ctx context.Context) error {
	paths := []string{"/", "/extra/version"}
	if p.stack.backend != plain.backend {
		paths = append(paths, "/api/v1/health/ready")
	}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		good := 0
		for _, path := range paths {
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url()+path, http.NoBody)
			if err != nil {
				return err
			}
			answer, err := http.DefaultClient.Do(request)
			if err != nil {
				continue
			}
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				good++
			}
		}
		if good == len(paths) {
			return nil
		}
	}
	return fmt.Errorf("%s does not answer through Traefik", p.stack.name)
}
