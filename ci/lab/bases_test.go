package lab_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gitops/ci/images"
	"gitops/ci/lab"
	"gitops/ci/progress"
)

// postgresRef and traefikRef are images as manifests name them.
const (
	postgresRef = "postgres:17.10"
	traefikRef  = "traefik:v3.7.12"
)

// sh runs a shell script on this machine and returns all that it printed.
func sh(t *testing.T, script string, args ...string) (string, error) {
	t.Helper()
	output, err := exec.CommandContext(t.Context(), "sh", append([]string{"-euc", script, "sh"}, args...)...).CombinedOutput()
	return strings.TrimSpace(string(output)), err
}

// eventually repeats the script until it works.
func eventually(t *testing.T, script string, args ...string) string {
	t.Helper()
	for deadline := time.Now().Add(40 * time.Second); ; time.Sleep(300 * time.Millisecond) {
		output, err := sh(t, script, args...)
		if err == nil {
			return output
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %v\n%s", script, err, output)
		}
	}
}

// container starts a container in the background and returns its name.
func container(t *testing.T, l *lab.Lab, args ...string) string {
	t.Helper()
	name := fmt.Sprintf("%s-test-%d", l.Network, time.Now().UnixNano())
	docker(t, append([]string{"run", "--detach", "--name", name, "--network", l.Network, "--label", "gitops.lab=" + l.ID}, args...)...)
	t.Cleanup(func() { exec.Command("docker", "rm", "--force", "--volumes", name).Run() })
	return name
}

// The images must keep the contract of the ones whose place they take; where
// those can be pulled, this tests them.
func testPostgres(t *testing.T, l *lab.Lab) {
	name := container(t, l, "--env", "POSTGRES_USER=shop", "--env", "POSTGRES_PASSWORD=pass word", "--env", "POSTGRES_DB=items", postgresRef)
	query := func(password, text string) (string, error) {
		return sh(t, `docker run --rm --network "$1" --env PGPASSWORD="$2" --entrypoint psql "$3" -h "$4" -U shop -d items -Atc "$5"`,
			l.Network, password, postgresRef, name, text)
	}
	eventually(t, `docker exec "$1" pg_isready -h 127.0.0.1 -U shop -d items`, name)
	if output, err := query("pass word", "CREATE TABLE t AS SELECT 42 AS n"); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	if output, err := query("wrong", "SELECT 1"); err == nil {
		t.Errorf("a wrong password was let in: %s", output)
	}
	begun := time.Now()
	docker(t, "restart", name)
	if took := time.Since(begun); took > 9*time.Second {
		t.Errorf("stopping took %s: it was killed", took)
	}
	eventually(t, `docker exec "$1" pg_isready -h 127.0.0.1 -U shop -d items`, name)
	if output, err := query("pass word", "SELECT n FROM t"); err != nil || output != "42" {
		t.Errorf("after a restart: %q, %v", output, err)
	}
	if output, err := sh(t, `docker run --rm "$1"`, postgresRef); err == nil || !strings.Contains(output, "POSTGRES_PASSWORD") {
		t.Errorf("without a password: %v, %q", err, output)
	}
}

func testNginx(t *testing.T, l *lab.Lab) {
	name := container(t, l, images.Nginx)
	get := `docker run --rm --network "$1" --entrypoint curl "$2" -sS -o /dev/null -w '%{http_code}' "http://$3:8080/$4"`
	if code := eventually(t, get, l.Network, images.Nginx, name, ""); code != "200" {
		t.Errorf("GET /: %s", code)
	}
	if code := eventually(t, get, l.Network, images.Nginx, name, "none"); code != "404" {
		t.Errorf("GET /none: %s", code)
	}
	if uid := docker(t, "exec", name, "id", "-u"); uid[0] != "101" {
		t.Errorf("it runs as user %s", uid)
	}
	script := `mkdir -p /etc/nginx/templates && echo 'set $x "${GREETING} $uri";' >/etc/nginx/templates/a.conf.template && /docker-entrypoint.sh cat /etc/nginx/conf.d/a.conf`
	out, err := sh(t, `docker run --rm --user 0 --env GREETING=hello --entrypoint sh "$1" -c "$2"`, images.Nginx, script)
	if err != nil || !strings.HasSuffix(out, `set $x "hello $uri";`) {
		t.Errorf("template: %q, %v", out, err)
	}
}

func testTraefik(t *testing.T, l *lab.Lab) {
	name := container(t, l, traefikRef, "--ping=true", "--entrypoints.web.address=:80")
	eventually(t, `docker exec "$1" traefik healthcheck --ping=true`, name)
	if said, err := sh(t, `docker run --rm "$1" version`, traefikRef); err != nil || !strings.Contains(said, "3.7.12") {
		t.Errorf("version: %q, %v", said, err)
	}
}

func testTools(t *testing.T, l *lab.Lab) {
	for _, tool := range []struct{ image, script, want string }{
		{images.Go, `go version && printf 'package main\nfunc main() { println("built") }\n' >/tmp/x.go && go run /tmp/x.go 2>&1`, "built"},
		{images.Node, `node --version && npm --version && node -e 'console.log("ran " + (6*7))'`, "ran 42"},
		{images.Terraform, `terraform version`, "Terraform v1.11.4"},
		{images.Ansible, `ansible-playbook --version | head -1`, "ansible-playbook [core 2."},
		{images.Git, `git --version`, "git version"},
	} {
		out, err := l.Run(t.Context(), lab.Command{Image: tool.image, Args: []string{"sh", "-ec", tool.script}})
		if err != nil || out.Exit != 0 || !strings.Contains(out.Stdout, tool.want) {
			t.Errorf("%s: %+v, %v", tool.image, out, err)
		}
	}
}

// run runs a command in the lab and returns what it printed.
func run(t *testing.T, l *lab.Lab, c lab.Command) string {
	t.Helper()
	out, err := l.Run(t.Context(), c)
	if err != nil || out.Exit != 0 {
		t.Errorf("%s %v: %+v, %v", c.Image, c.Args, out, err)
	}
	return out.Stdout
}

// nodeProject returns a folder with a program that uses one package.
func nodeProject(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	lock := `{"name": "shop", "version": "1.0.0", "lockfileVersion": 3, "packages": {
"": {"name": "shop", "version": "1.0.0", "dependencies": {"left-pad": "1.3.0"}}, "node_modules/left-pad": {"version": "1.3.0"}}}`
	if err := os.WriteFile(filepath.Join(dir, "package-lock.json"), []byte(lock), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func testSyft(t *testing.T, l *lab.Lab) {
	if said := run(t, l, lab.Command{Image: images.Syft, Args: []string{"/syft", "version"}}); !strings.Contains(said, version(images.Syft)) {
		t.Errorf("version: %q", said)
	}
	// As its entry point, without a network.
	said, err := sh(t, `docker run --rm --network none --volume "$1:/src:ro" "$2" scan --quiet dir:/src --output spdx-json`, nodeProject(t), images.Syft)
	if err != nil || !strings.Contains(said, "pkg:npm/left-pad@1.3.0") {
		t.Errorf("%v\n%s", err, said)
	}
}

func testCosign(t *testing.T, l *lab.Lab) {
	if said := run(t, l, lab.Command{Image: images.Cosign, Args: []string{"cosign", "version"}}); !strings.Contains(said, "v"+version(images.Cosign)) {
		t.Errorf("version: %q", said)
	}
	if said := run(t, l, lab.Command{Image: images.Cosign, Args: []string{"gitops", "--help"}}); !strings.Contains(said, "GitOps loop") {
		t.Errorf("gitops --help: %q", said)
	}
	// As its entry point, without a network, in a folder that it may write.
	said, err := sh(t, `docker run --rm --network none --env COSIGN_PASSWORD=pass "$1" generate-key-pair`, images.Cosign)
	if err != nil || !strings.Contains(said, "cosign.pub") {
		t.Errorf("%v: %s", err, said)
	}
}

// testDocker lists and signs where the release stage runs.
func testDocker(t *testing.T, l *lab.Lab) {
	said := run(t, l, lab.Command{
		Image: lab.DockerImage, Mounts: []lab.Mount{{Source: nodeProject(t), Target: "/src"}},
		Env: map[string]string{"COSIGN_PASSWORD": "pass"},
		Args: []string{"sh", "-ec", `
git --version && docker --version
cd /tmp
syft scan --quiet dir:/src --output spdx-json >list
grep -o 'pkg:npm/left-pad@[0-9.]*' list
cosign generate-key-pair
cosign sign-blob --yes --key cosign.key --tlog-upload=false --output-signature list.sig list
cosign verify-blob --key cosign.pub --insecure-ignore-tlog --signature list.sig list 2>&1
echo more >>list
! cosign verify-blob --key cosign.pub --insecure-ignore-tlog --signature list.sig list`},
	})
	for _, want := range []string{"git version", "Docker version", "left-pad@1.3.0", "Verified OK"} {
		if !strings.Contains(said, want) {
			t.Errorf("no %q in\n%s", want, said)
		}
	}
}

// testTool takes a program out of its image, once.
func testTool(t *testing.T) {
	p := progress.NewProgress(t.Output())
	dir, err := lab.Tool(t.Context(), lab.Cosign, p)
	if err != nil {
		t.Fatal(err)
	}
	again, err := lab.Tool(t.Context(), lab.Cosign, p)
	if err != nil || again != dir {
		t.Errorf("the second time: %q, %v, want %q", again, err, dir)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("in the folder: %v, %v", entries, err)
	}
	if left := docker(t, "ps", "--all", "--quiet", "--filter", "label=gitops.lab", "--filter", "ancestor="+images.Cosign); len(left) > 0 {
		t.Errorf("containers %v are left", left)
	}
	if _, err := lab.Tool(t.Context(), lab.Program{Image: images.Cosign, Path: "/no/such"}, p); err == nil {
		t.Error("no error for a program that the image does not have")
	}
}

// version returns the version that a tag names.
func version(ref string) string { return ref[strings.LastIndex(ref, ":v")+2:] }
