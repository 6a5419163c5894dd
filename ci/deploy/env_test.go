package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gitops/ci/compose"
	"gitops/ci/registry"
	"gitops/ci/secret"
)

// awkward has what shells like to take apart.
const awkward = "it's $HOME `id` \"x\" \\ *\n;second line é "

func TestWithEnvPassesValuesUnchanged(t *testing.T) {
	script := withEnv(map[string]secret.Value{"AWKWARD": secret.New(awkward), "dir": secret.New("theirs")}) + `
dir=ours
with_env sh -c 'printf "%s|%s" "$AWKWARD" "$dir"'
printf '|%s|%s' "$dir" "${AWKWARD-unset}"
`
	cmd := exec.Command("sh", "-eu", "-s")
	cmd.Stdin = strings.NewReader(script)
	out, err := cmd.Output()
	if want := awkward + "|theirs|ours|unset"; err != nil || string(out) != want {
		t.Errorf("got %q, %v\nwant %q", out, err, want)
	}
}

// A docker of our own writes down what it was started with: the password has to
// come on standard input.
func TestLoginKeepsThePasswordOffTheCommandLine(t *testing.T) {
	dir := t.TempDir()
	docker := "#!/bin/sh\nprintf '%s\\n' \"$@\" >\"" + dir + "/args\"\ncat >\"" + dir + "/stdin\"\n"
	if err := os.WriteFile(filepath.Join(dir, "docker"), []byte(docker), 0o700); err != nil {
		t.Fatal(err)
	}
	script := "errors=/dev/null\n" + login([]registry.Login{{Host: "docker.io", Username: "ro'bot", Password: secret.New(awkward)}}) + "login\n"
	cmd := exec.Command("sh", "-eu", "-s")
	cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
	cmd.Stdin = strings.NewReader(script)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	args, _ := os.ReadFile(filepath.Join(dir, "args"))
	if want := "login\n--username\nro'bot\n--password-stdin\nhttps://index.docker.io/v1/\n"; string(args) != want {
		t.Errorf("arguments %q, want %q", args, want)
	}
	if got, _ := os.ReadFile(filepath.Join(dir, "stdin")); string(got) != awkward {
		t.Errorf("standard input %q, want %q", got, awkward)
	}
}

func TestRecoverEnv(t *testing.T) {
	m, err := compose.ReadWritten(t.Context(), sourceOf(t, `
services:
  map:
    image: a
    environment:
      PASSWORD: ${DB_PASSWORD:?}
      URL: http://${DOMAIN},https://${DOMAIN},http://localhost
      BOTH: ${A}-${B}
      FIXED: same
  list:
    image: b
    environment:
      - TOKEN=${TOKEN:-none}
      - DASH=${NOT_THERE}
      - PASSED
      - PROJECT=${COMPOSE_PROJECT_NAME}
    labels:
      - "auth.users=${USERS:?}"
  mapped:
    image: c
    labels: {rule: "Host(${HOST})"}
`))
	if err != nil {
		t.Fatal(err)
	}
	got := recoverEnv(m, []environment{
		{Service: "map", Env: []string{"PATH=/bin", "PASSWORD=a=b\nc", "URL=http://x.org,https://x.org,http://localhost", "BOTH=1-2-3", "FIXED=same"}},
		{Service: "list", Env: []string{"TOKEN=none", "PASSED=yes", "PROJECT=shop"}, Labels: map[string]string{"auth.users": "admin:$apr1$x", "more": "y"}},
		{Service: "mapped", Labels: map[string]string{"rule": "Host(h.org)"}},
		{Service: "gone", Env: []string{"X=y"}},
	})
	want := map[string]string{"DB_PASSWORD": "a=b\nc", "DOMAIN": "x.org", "TOKEN": "none", "PASSED": "yes", "USERS": "admin:$apr1$x", "HOST": "h.org"}
	if len(got) != len(want) {
		t.Errorf("recovered %d values, want %d", len(got), len(want))
	}
	for name, value := range want {
		if got[name].Reveal() != value {
			t.Errorf("%s = %q, want %q", name, got[name].Reveal(), value)
		}
	}
}
