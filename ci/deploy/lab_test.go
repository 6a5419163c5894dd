package deploy_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gitops/ci/compose"
	"gitops/ci/deploy"
	"gitops/ci/host"
	"gitops/ci/lab/hosttest"
	"gitops/ci/progress"
	"gitops/ci/secret"
)

const (
	commitA = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	commitB = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	commitC = "cccccccccccccccccccccccccccccccccccccccc"
)

// lab is a place on a real host: a real sshd, a real Docker engine and Compose,
// with a folder, a project and a network of the test's own.
type lab struct {
	t       *testing.T
	sshd    *hosttest.SSHD
	dir     string
	project string
	network string
	// password is the value of the manifest's PASSWORD.
	password string
	log      *bytes.Buffer
	client   *host.Client
}

func newLab(t *testing.T) *lab {
	t.Helper()
	// Each has its own host, project and network, and mostly waits.
	t.Parallel()
	return newLabAlone(t)
}

// newLabAlone has the engine for itself: a test that is not parallel runs before those
// that are.
func newLabAlone(t *testing.T) *lab {
	t.Helper()
	needsDocker(t)
	l := &lab{t: t, sshd: hosttest.Start(t), dir: filepath.Join(t.TempDir(), "deploy"), password: "planted-secret-1", log: &bytes.Buffer{}}
	l.project = fmt.Sprintf("gitops-test-%d-%d", os.Getpid(), time.Now().UnixNano()%1e9)
	l.network = l.project + "-web"
	buildImages(t)
	l.client = l.dial()
	t.Cleanup(l.sweep)
	return l
}

func needsDocker(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs more time than -short gives")
	}
	if err := exec.Command("docker", "version").Run(); err != nil {
		t.Skip("needs a Docker engine")
	}
	if err := exec.Command("docker", "compose", "version").Run(); err != nil {
		t.Skip("needs Docker Compose v2 (docker compose)")
	}
}

func (l *lab) dial() *host.Client {
	l.t.Helper()
	client, err := host.Dial(context.Background(), l.sshd.Config())
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { client.Close() })
	return client
}

// sweep removes what the test left in the engine.
func (l *lab) sweep() {
	label := "label=com.docker.compose.project=" + l.project
	script := `docker ps -aq --filter "$1" | xargs -r docker rm -f; docker volume ls -q --filter "$1" | xargs -r docker volume rm
docker network ls -q --filter "$1" | xargs -r docker network rm; docker network rm "$2"`
	exec.Command("sh", "-c", script, "sweep", label, l.network).Run()
	if l.t.Failed() {
		l.t.Logf("progress:\n%s", l.log.String())
	}
}

var built sync.Once

// buildImages makes one image for each behaviour, from nothing but a program.
func buildImages(t *testing.T) {
	t.Helper()
	built.Do(func() {
		dir, err := os.MkdirTemp("", "gitops-test-app-")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		build := exec.Command("go", "build", "-o", dir+"/app", "./testdata/app")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		run(t, build)
		dockerfile := "FROM scratch\nCOPY app /app\nARG BEHAVIOUR\nENV BEHAVIOUR=$BEHAVIOUR\nENTRYPOINT [\"/app\"]\n"
		if err := os.WriteFile(dir+"/Dockerfile", []byte(dockerfile), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, behaviour := range behaviours {
			run(t, exec.Command("docker", "build", "--quiet", "--build-arg", "BEHAVIOUR="+behaviour, "--tag", image(behaviour), dir))
		}
	})
}

// behaviours are what the services of the tests do; see testdata/app.
var behaviours = []string{"v1", "v2", "crash", "sick"}

// faultImages are those of the tests with the build tag faults.
var faultImages []string

func removeImages() {
	for _, behaviour := range slices.Concat(behaviours, publicBehaviours, faultImages) {
		exec.Command("docker", "image", "rm", image(behaviour)).Run()
	}
}

// image names an image of this run: others may be at work on the same engine.
func image(behaviour string) string {
	return fmt.Sprintf("gitops-deploy-test-%d:%s", os.Getpid(), behaviour)
}

func run(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// manifest returns a compose file with two services: db, which stays, and web,
// which runs the given image.
func (l *lab) manifest(web string) string {
	return fmt.Sprintf(`# the manifest of a test
services:
  db:
    image: %s
    restart: unless-stopped
    volumes: ["data:/data"]
    networks: [inner]
  web:
    image: %s # what is deployed
    restart: always
    environment:
      PASSWORD: ${PASSWORD:?set it}
    healthcheck: {test: ["CMD", "/app", "healthy"], interval: 1s, retries: 2, start_period: 1s}
    stop_grace_period: 2s
    networks: [inner, web]
networks:
  inner: {}
  web: {external: true, name: %s}
volumes:
  data: {}
`, image("v1"), web, l.network)
}

func (l *lab) options(commit, manifest string) deploy.Options {
	return deploy.Options{
		Dir: l.dir, Project: l.project, Network: l.network, Commit: commit, Source: source(l.t, manifest), Actor: "test",
		GateTimeout: 30 * time.Second, Stable: time.Second, LockWait: 20 * time.Second, LockTTL: 4 * time.Second,
		Env: map[string]secret.Value{"PASSWORD": secret.New(l.password)}, Progress: progress.NewProgress(l.log),
	}
}

// source writes a manifest into a folder, if there is one.
func source(t testing.TB, manifest string) compose.Source {
	t.Helper()
	if manifest == "" {
		return compose.Source{}
	}
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "docker-compose.yml"), []byte(manifest), 0o600); err != nil {
		t.Fatal(err)
	}
	return compose.Source{Root: folder, Manifests: []string{"docker-compose.yml"}}
}

// deploy deploys and expects it to work.
func (l *lab) deploy(o deploy.Options) deploy.Receipt {
	l.t.Helper()
	receipt, err := deploy.Deploy(context.Background(), l.client, o)
	if err != nil {
		l.t.Fatalf("deploying: %v", err)
	}
	return receipt
}

func (l *lab) status() deploy.State {
	l.t.Helper()
	state, err := deploy.Status(context.Background(), l.client, deploy.Place{Dir: l.dir, Project: l.project})
	if err != nil {
		l.t.Fatal(err)
	}
	return state
}

// runs checks that web runs the given image, and is well.
func (l *lab) runs(web string) {
	l.t.Helper()
	for _, s := range l.status().Services {
		if s.Service == "web" {
			if s.Ref != web || s.State != "running" || s.Health != "healthy" {
				l.t.Errorf("web is %s, %s, %s; want %s running and healthy", s.Ref, s.State, s.Health, web)
			}
			return
		}
	}
	l.t.Errorf("web has no container, want %s", web)
}

// containers returns the identities of a service's containers.
func (l *lab) containers(service string) string {
	l.t.Helper()
	return run(l.t, exec.Command("docker", "ps", "--all", "--quiet", "--no-trunc", "--filter", "label=com.docker.compose.project="+l.project,
		"--filter", "label=com.docker.compose.service="+service))
}

// leftovers returns the temporary things that deploys to this place have left.
func (l *lab) leftovers() string {
	l.t.Helper()
	return run(l.t, exec.Command("sh", "-c", `cd "$1" || exit; ls -d lock .lock.* .current.* .images.* releases/.* receipts/.* 2>/dev/null | grep -v '/\.\{1,2\}$'; ls -d /dev/shm/gitops-login-"$(printf %s "$1" | cksum | cut -d " " -f 1)".* 2>/dev/null; true`, "ls", l.dir))
}
