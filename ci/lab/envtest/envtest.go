// Package envtest shows what a program gets from the process that starts it: it plants
// secrets in the environment of a test and puts a program in a tool's place.
package envtest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// planted are variables with secrets, as a pipeline has them when it runs every stage
// in one job.
var planted = []string{
	"ACTIONS_ID_TOKEN_REQUEST_TOKEN", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "COSIGN_PASSWORD", "COSIGN_PRIVATE_KEY",
	"DAGGER_SESSION_TOKEN", "DOCKERHUB_TOKEN", "DOCKER_PASSWORD", "GITHUB_TOKEN", "GIT_PASSWORD", "GIT_TOKEN",
	"GOOGLE_CREDENTIALS", "GRAFANA_ADMIN_PASSWORD", "INFRACOST_API_KEY", "NPM_TOKEN", "REGISTRY_AUTH", "REGISTRY_PASSWORD",
	"SIGSTORE_ID_TOKEN", "SSH_PRIVATE_KEY", "TF_VAR_ssh_host_private_key",
}

// Secret returns what the variable name has where it is planted.
func Secret(name string) string { return "planted-in-" + name }

// Tool is a program in a tool's place, which writes down what it gets and fails.
type Tool struct{ dir string }

// Plant puts the secrets into the environment of a test.
func Plant(t *testing.T) {
	t.Helper()
	for _, variable := range planted {
		t.Setenv(variable, Secret(variable))
	}
}

// New plants the secrets and puts a program under name first in PATH. script is what
// it runs after it wrote down what it got; it fails when that is empty.
func New(t *testing.T, name, script string) *Tool {
	t.Helper()
	Plant(t)
	if script == "" {
		script = "exit 1"
	}
	tool := &Tool{dir: t.TempDir()}
	// One file for each call; whole only under its last name.
	content := "#!/bin/sh\n{ env -0; printf 'argument %s\\0' \"$@\"; } >'" + tool.dir + "'/call.$$\n" + script + "\n"
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, name), []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	return tool
}

// Got checks that the program was called, that of the planted secrets exactly those of
// the variables in want were in its environment, and that none was in its arguments.
func (tool *Tool) Got(t *testing.T, want ...string) {
	t.Helper()
	calls, err := filepath.Glob(filepath.Join(tool.dir, "call.*"))
	if err != nil || len(calls) == 0 {
		t.Fatalf("the program was not called (%v)", err)
	}
	slices.Sort(want)
	for _, call := range calls {
		content, err := os.ReadFile(call)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, line := range strings.Split(string(content), "\x00") {
			got = append(got, secrets(t, line)...)
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("secrets in the environment of the program: %q, want %q", got, want)
		}
	}
}

// secrets returns the variables whose secrets are in a line of what a program got.
func secrets(t *testing.T, line string) (found []string) {
	t.Helper()
	for _, variable := range planted {
		if !strings.Contains(line, Secret(variable)) {
			continue
		}
		if strings.HasPrefix(line, "argument ") {
			t.Errorf("an argument has the secret of %s: %s", variable, line)
		}
		found = append(found, variable)
	}
	return found
}
