package lab_test

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"gitops/ci/lab"
	"gitops/ci/progress"
)

// The toolbox has what .ci/setup installs on a machine without an engine and what the
// tests need besides, and sees this machine's files, processes and engine.
func TestToolbox(t *testing.T) {
	if testing.Short() {
		t.Skip("needs more time than -short gives")
	}
	if !lab.DockerAnswers(t.Context()) && os.Getenv(lab.SetupVariable) == "" {
		t.Skip("needs a Docker engine (or " + lab.SetupVariable + "=1 to set one up)")
	}
	docker, err := lab.OpenDocker(t.Context(), progress.NewProgress(t.Output()))
	if err != nil {
		t.Fatal(err)
	}
	defer docker.Close()
	setup, err := os.ReadFile("../../.ci/setup")
	if err != nil {
		t.Fatal(err)
	}
	script := []string{
		"set -eu", "go version", "go list gitops/ci/lab", "docker version --format ok", "docker compose version", "docker buildx version",
		"ls /usr/lib/postgresql/*/bin/initdb", "python3 -c 'import moto.server, flask_cors'", "ansible-lint --version", "promtool --version",
		"ansible-doc --type module community.docker.docker_compose_v2 | grep -q remove_orphans",
		"echo written >" + t.TempDir() + "/file", "test -d /proc/" + strconv.Itoa(os.Getpid()),
	}
	wanted := regexp.MustCompile(`(?m)^want (\S+) `).FindAllStringSubmatch(string(setup), -1)
	if len(wanted) < 5 {
		t.Fatalf("found %q in .ci/setup", wanted)
	}
	for _, want := range wanted {
		script = append(script, "command -v "+want[1]+" || test -e "+want[1])
	}
	args, err := docker.Toolbox(t.Context(), []string{"sh", "-xc", strings.Join(script, "\n")})
	if err != nil {
		t.Fatal(err)
	}
	if output, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, output)
	}
}
