package lab_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gitops/ci/host"
	"gitops/ci/images"
	"gitops/ci/lab"
	"gitops/ci/lab/gitserver"
	"gitops/ci/progress"
	"gitops/ci/secret"
)

// needsDocker skips where no engine answers, unless one may be set up.
func needsDocker(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs more time than -short gives")
	}
	if !lab.DockerAnswers(t.Context()) && os.Getenv(lab.SetupVariable) == "" {
		t.Skip("needs a Docker engine (or " + lab.SetupVariable + "=1 to set one up)")
	}
}

// shared is a folder for what several tests use. It goes with the last test.
var shared string

// programs is a folder with the commands that the lab brings, built once for all tests.
var programs = sync.OnceValues(func() (string, error) {
	build := exec.Command("go", "build", "-o", shared, "gitops/ci/cmd/gitops", "gitops/ci/cmd/rehearse")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	return shared, build.Run()
})

func TestMain(m *testing.M) {
	var err error
	if shared, err = os.MkdirTemp("", "gitops-lab-test-*"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(shared)
	os.Exit(code)
}

func start(t *testing.T, more ...string) *lab.Lab {
	t.Helper()
	needsDocker(t)
	dir, err := programs()
	if err != nil {
		t.Fatalf("building the lab's programs: %v", err)
	}
	l, err := lab.Start(t.Context(), lab.Options{
		Gitops: filepath.Join(dir, "gitops"), StandIns: filepath.Join(dir, "rehearse"), Images: more, Progress: progress.NewProgress(t.Output()),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// docker returns the lines that the docker command prints.
func docker(t *testing.T, args ...string) []string {
	t.Helper()
	output, err := exec.Command("docker", args...).Output()
	if err != nil {
		t.Fatalf("docker %s: %v", strings.Join(args, " "), err)
	}
	return strings.Fields(string(output))
}

func TestLab(t *testing.T) {
	l := start(t, postgresRef, traefikRef)
	for _, image := range l.Images {
		t.Logf("%s: %s", image.Ref, image.Holds)
	}
	t.Run("tools", func(t *testing.T) { testTools(t, l) })
	t.Run("postgres", func(t *testing.T) { testPostgres(t, l) })
	t.Run("nginx", func(t *testing.T) { testNginx(t, l) })
	t.Run("traefik", func(t *testing.T) { testTraefik(t, l) })
	t.Run("syft", func(t *testing.T) { testSyft(t, l) })
	t.Run("cosign", func(t *testing.T) { testCosign(t, l) })
	t.Run("docker", func(t *testing.T) { testDocker(t, l) })
	t.Run("tool", testTool)
	t.Run("git", func(t *testing.T) { testGit(t, l) })
	t.Run("github", func(t *testing.T) { testGitHub(t, l) })
	t.Run("aws", func(t *testing.T) { testAWS(t, l) })
	t.Run("ansible", func(t *testing.T) { testAnsible(t, l) })
	t.Run("registry", func(t *testing.T) { testRegistry(t, l) })
	t.Run("host", func(t *testing.T) { testHost(t, l) })
	t.Run("run", func(t *testing.T) { testRun(t, l) })
	t.Run("run is stopped", func(t *testing.T) { testRunIsStopped(t, l) })
	t.Run("secrets", func(t *testing.T) { testNoSecretInArguments(t, l) })
	t.Run("sweep", func(t *testing.T) { testSweepSparesTheLiving(t, l) })
	t.Run("close", func(t *testing.T) { testClose(t, l) })
}

func testGit(t *testing.T, l *lab.Lab) {
	if err := gitserver.CreateRemote(t.Context(), l.Authority.Client(), l.GitHub.Outside, "example/shop", lab.User, l.GitPassword); err != nil {
		t.Fatal(err)
	}
	out, err := l.Run(t.Context(), lab.Command{
		Image: images.Git, Args: []string{"sh", "-ec", `
git config --global credential.helper '!f() { echo username=robot; echo "password=$GIT_PASSWORD"; }; f'
git clone --quiet "$0/example/shop.git" /tmp/shop 2>&1
cd /tmp/shop
git -c user.name=a -c user.email=a@example.com commit --quiet --allow-empty --message "from a container"
git push --quiet origin HEAD:integration
git ls-remote origin integration`, l.GitHub.Inside},
		Env:     map[string]string{"GIT_SSL_CAINFO": "/in/ca.pem"},
		Secrets: map[string]secret.Value{"GIT_PASSWORD": l.GitPassword},
		Mounts:  []lab.Mount{{Source: authorityFile(t, l), Target: "/in/ca.pem"}},
	})
	if err != nil || out.Exit != 0 || !strings.Contains(out.Stdout, "refs/heads/integration") {
		t.Errorf("%+v, %v", out, err)
	}
}

// authorityFile returns a file with the lab's certificate authority.
func authorityFile(t *testing.T, l *lab.Lab) string {
	t.Helper()
	file, err := l.Authority.WriteFile(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func status(t *testing.T, client *http.Client, url string, prepare func(*http.Request)) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	prepare(request)
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	return response.StatusCode
}

func testGitHub(t *testing.T, l *lab.Lab) {
	url := l.GitHub.Outside + "/repos/team/shop/issues"
	if got := status(t, l.Authority.Client(), url, func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+l.GitHubToken.Reveal()) }); got != 200 {
		t.Errorf("with the token: %d", got)
	}
	if got := status(t, l.Authority.Client(), url, func(r *http.Request) { r.Header.Set("Authorization", "Bearer wrong") }); got != 401 {
		t.Errorf("with a wrong token: %d", got)
	}
}

// testAnsible checks the playbook of this repository in the image of Ansible, which has
// none of the collections that the roles use.
func testAnsible(t *testing.T, l *lab.Lab) {
	repository, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	c := lab.Command{
		Image: images.Ansible, Dir: "/work",
		Args:   []string{"sh", "-ec", `gitops collections --out /tmp/found; gitops --json validate --only ansible; find . -name ansible_collections`},
		Env:    map[string]string{"SSL_CERT_FILE": "/in/ca.pem"},
		Mounts: []lab.Mount{{Source: filepath.Join(repository, "ansible"), Target: "/work/ansible"}, {Source: authorityFile(t, l), Target: "/in/ca.pem"}},
	}
	if l.AirGapped {
		c.Env["ANSIBLE_GALAXY_SERVER"] = l.Galaxy.Inside
	}
	said := run(t, l, c)
	for _, want := range []string{"community.docker 5.2.0\ncommunity.library_inventory_filtering_v1 1.1.5\n", `"status": "done"`} {
		if !strings.Contains(said, want) {
			t.Errorf("no %q in\n%s", want, said)
		}
	}
	if strings.Contains(said, "ansible_collections") {
		t.Errorf("collections were installed into the repository:\n%s", said)
	}
	// The same playbook as it was checked before: with what the image has alone.
	c.Args = []string{"ansible-playbook", "--syntax-check", "--inventory", "localhost,", "ansible/site.yml"}
	if out, err := l.Run(t.Context(), c); err != nil || out.Exit == 0 || !strings.Contains(out.Stderr, "community.docker.docker_network") {
		t.Errorf("the image has collections of the playbook: %+v, %v", out, err)
	}
}

func testAWS(t *testing.T, l *lab.Lab) {
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, l.AWS.Outside,
		strings.NewReader("Action=DescribeImages&Version=2016-11-15&Owner.1=099720109477"))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	// The stand-in tells the services apart by what the request was signed for.
	request.Header.Set("Authorization",
		"AWS4-HMAC-SHA256 Credential=test/20260101/eu-central-1/ec2/aws4_request, SignedHeaders=host, Signature=0")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || !strings.Contains(string(body), "ubuntu-noble-24.04-amd64-server") {
		t.Errorf("images of Canonical: %v\n%s", err, body)
	}
}

func testRegistry(t *testing.T, l *lab.Lab) {
	url := "http://" + l.Registry.Outside + "/v2/"
	if got := status(t, http.DefaultClient, url, func(*http.Request) {}); got != 401 {
		t.Errorf("without credentials: %d", got)
	}
	if got := status(t, http.DefaultClient, url, func(r *http.Request) { r.SetBasicAuth(lab.User, l.RegistryPassword.Reveal()) }); got != 200 {
		t.Errorf("with credentials: %d", got)
	}
}

// testHost logs in as the stages do and gets an engine going the way the role
// common does.
func testHost(t *testing.T, l *lab.Lab) {
	known, err := host.KnownHostsLine(l.SSH.Outside, l.HostPublicKey)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	client, err := host.Dial(ctx, host.Config{Address: l.SSH.Outside, User: lab.SSHUser, Key: l.LoginKey, KnownHosts: []byte(known + "\n")})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	daemon := `{"registry-mirrors": ["http://mirror.local:5000"], "insecure-registries": ["mirror.local:5000", "registry.local:5000"]}`
	if !l.AirGapped {
		daemon = `{"insecure-registries": ["registry.local:5000"]}`
	}
	out, err := client.Script(ctx, `
sudo mkdir -p /etc/docker
printf %s "$1" | sudo tee /etc/docker/daemon.json >/dev/null
sudo DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends docker.io docker-cli docker-compose >/tmp/apt.log 2>&1
sudo service docker start
for try in $(seq 50); do sudo docker info >/dev/null 2>&1 && break; sleep 0.2; done
sudo docker compose version
sudo docker info --format '{{.Driver}} {{.DriverStatus}}'
sudo docker version --format 'minimum {{.Server.MinAPIVersion}}'
sudo docker run --rm --memory 64m "$2" echo inside
sudo env DOCKER_API_VERSION=1.43 docker ps 2>&1 || true`, daemon, images.Debian)
	if err != nil {
		t.Fatalf("%+v, %v", out, err)
	}
	for _, want := range hostSays(t) {
		if !strings.Contains(out.Stdout, want) {
			t.Errorf("no %q in\n%s", want, out.Stdout)
		}
	}
}

// hostSays is what the engine of the host does. That of forky does what is the
// default in Docker 29, whatever daemon.json has.
func hostSays(t *testing.T) []string {
	t.Helper()
	name, _, err := lab.HostSuite()
	if err != nil {
		t.Fatal(err)
	}
	says := []string{"Docker Compose", "inside"}
	if name == "forky" {
		says = append(says, "overlayfs [[driver-type io.containerd.snapshotter.v1]]", "minimum 1.44", "client version 1.43 is too old")
	}
	return says
}

func testRun(t *testing.T, l *lab.Lab) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "in"), []byte("content"), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := l.Run(t.Context(), lab.Command{
		Image: images.Git, Dir: "/data",
		Args:    []string{"sh", "-c", `cat; cat in; echo "$PLAIN $HIDDEN"; gitops --help | head -1; touch new; echo complaint >&2; exit 7`},
		Env:     map[string]string{"PLAIN": "a b"},
		Secrets: map[string]secret.Value{"HIDDEN": secret.New("line one\nline two")},
		Mounts:  []lab.Mount{{Source: dir, Target: "/data"}},
		Stdin:   strings.NewReader("stdin "),
	})
	if err != nil || out.Exit != 7 {
		t.Fatalf("exit %d, %v, want 7", out.Exit, err)
	}
	want := "stdin contenta b line one\nline two\n"
	if !strings.HasPrefix(out.Stdout, want) || !strings.Contains(out.Stdout, "GitOps loop") {
		t.Errorf("stdout %q, want it to start with %q and to have gitops's help", out.Stdout, want)
	}
	if !strings.Contains(out.Stderr, "complaint") {
		t.Errorf("stderr %q", out.Stderr)
	}
	if _, err := os.Stat(filepath.Join(dir, "new")); err == nil {
		t.Error("a mount that is not writable was written to")
	}
	if _, err := l.Run(t.Context(), lab.Command{Image: images.Git, Args: []string{"/no/such/program"}}); err == nil {
		t.Error("no error for a program that does not exist")
	}
}

func testRunIsStopped(t *testing.T, l *lab.Lab) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	begun := time.Now()
	_, err := l.Run(ctx, lab.Command{Image: images.Git, Args: []string{"sh", "-c", "trap '' INT TERM; sleep 60"}, Grace: time.Second})
	if err == nil || time.Since(begun) > 20*time.Second {
		t.Errorf("after %s: %v", time.Since(begun), err)
	}
	if left := docker(t, "ps", "--all", "--quiet", "--filter", "name="+l.Network+"-run-"); len(left) > 0 {
		t.Errorf("containers %v are left", left)
	}
}

// What docker was told on its command lines is what it keeps of them.
func testNoSecretInArguments(t *testing.T, l *lab.Lab) {
	for _, name := range []string{"github", "registry", "host"} {
		said := strings.Join(docker(t, "inspect", "--format", "{{json .Path}} {{json .Args}} {{json .Config.Cmd}} {{json .Config.Labels}}", l.Network+"-"+name), " ")
		for _, value := range []secret.Value{l.GitPassword, l.GitHubToken, l.RegistryPassword} {
			if strings.Contains(said, value.Reveal()) {
				t.Errorf("%s has a secret in its arguments", name)
			}
		}
	}
	if env := strings.Join(docker(t, "inspect", "--format", "{{json .Config.Env}}", l.Network+"-host"), " "); strings.Contains(env, "PRIVATE KEY") {
		t.Error("the host key is in the host's environment")
	}
}

// testSweepSparesTheLiving leaves something of a process that is gone, and
// expects that it alone is removed.
func testSweepSparesTheLiving(t *testing.T, l *lab.Lab) {
	gone := exec.Command("true")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	owner := fmt.Sprintf("gitops.lab.owner=%d-1", gone.Process.Pid)
	labels := []string{"--label", "gitops.lab=left-" + l.ID, "--label", owner}
	docker(t, append(append([]string{"volume", "create"}, labels...), "gitops-left-"+l.ID)...)
	docker(t, append(append([]string{"create", "--name", "gitops-left-" + l.ID, "--volume", "gitops-left-" + l.ID + ":/v"}, labels...), images.Debian, "true")...)
	if err := lab.Sweep(t.Context(), l.Docker); err != nil {
		t.Fatal(err)
	}
	if left := allOf(t, "gitops.lab=left-"+l.ID); len(left) > 0 {
		t.Errorf("%v are left of a lab whose process is gone", left)
	}
	if len(allOf(t, "gitops.lab="+l.ID)) < 6 {
		t.Error("parts of the living lab were removed")
	}
}

func testClose(t *testing.T, l *lab.Lab) {
	anonymous := docker(t, "inspect", "--format", "{{range .Mounts}}{{if eq .Type \"volume\"}}{{.Name}} {{end}}{{end}}", l.Network+"-host")
	if len(anonymous) == 0 {
		t.Fatal("the host has no volume for its engine")
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if !lab.DockerAnswers(context.Background()) {
		return // the engine was started for this and is stopped again
	}
	if left := allOf(t, "gitops.lab="+l.ID); len(left) > 0 {
		t.Errorf("%v are left", left)
	}
	volumes := docker(t, "volume", "ls", "--quiet")
	for _, name := range anonymous {
		if slices.Contains(volumes, name) {
			t.Errorf("volume %s is left", name)
		}
	}
}

// allOf returns the containers, networks and volumes with the label.
func allOf(t *testing.T, label string) []string {
	t.Helper()
	found := docker(t, "ps", "--all", "--quiet", "--filter", "label="+label)
	found = append(found, docker(t, "network", "ls", "--quiet", "--filter", "label="+label)...)
	return append(found, docker(t, "volume", "ls", "--quiet", "--filter", "label="+label)...)
}

func TestStartWithoutPrograms(t *testing.T) {
	none, there := filepath.Join(t.TempDir(), "none"), os.Args[0]
	for _, o := range []lab.Options{{Gitops: none, StandIns: there}, {Gitops: there, StandIns: none}, {}} {
		_, err := lab.Start(t.Context(), o)
		if progress.ExitCode(err) != progress.ExitInvalid || !strings.Contains(err.Error(), "there is no") {
			t.Errorf("%+v: error %v, want bad input", o, err)
		}
	}
}
