package infra

import (
	"encoding/base64"
	"path"
	"slices"
	"strings"
	"testing"

	"gitops/ci/lab/envtest"
)

// thief is a configuration that reads the environment of Terraform while it plans,
// as a pull request's may. It leaves it in an output, in base64: masks do not know it.
const thief = `
output "own" {
  value = filebase64("/proc/self/environ")
}

output "parents" {
  value = filebase64("/proc/${regex("PPid:\\s+(\\d+)", file("/proc/self/status"))[0]}/environ")
}
`

// What a hostile configuration finds is on the list in docs/aws.md, whatever else the
// job has.
func TestAHostileConfigurationFindsWhatIsListed(t *testing.T) {
	needTerraform(t)
	envtest.Plant(t)
	w, err := begin(t, write(t, "main.tf", thief), path.Join(t.TempDir(), "state"), func(o *Options) { o.BackendConfig = nil })
	if err != nil {
		t.Fatal(err)
	}
	plan, err := w.Plan(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	found, err := base64.StdEncoding.DecodeString(asText(t, plan.JSON.OutputChanges["own"].After))
	if err != nil {
		t.Fatal(err)
	}
	var secrets []string
	for entry := range strings.SplitSeq(strings.TrimSuffix(string(found), "\x00"), "\x00") {
		name, value, _ := strings.Cut(entry, "=")
		if !slices.ContainsFunc(listed, func(pattern string) bool { matched, _ := path.Match(pattern, name); return matched }) {
			t.Errorf("Terraform has %s, which is not listed", name)
		}
		if value == envtest.Secret(name) {
			secrets = append(secrets, name)
		}
	}
	slices.Sort(secrets)
	if want := []string{"AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "TF_VAR_ssh_host_private_key"}; !slices.Equal(secrets, want) {
		t.Errorf("Terraform has the secrets %q, want %q", secrets, want)
	}
	// The list is no wall: what the process has that started Terraform is within reach of
	// the same user. In the container of a stage that is what the stage was given.
	parents, err := base64.StdEncoding.DecodeString(asText(t, plan.JSON.OutputChanges["parents"].After))
	if err != nil || !strings.Contains(string(parents), "PATH=") {
		t.Errorf("the environment of the process that started Terraform is %.100q, %v", parents, err)
	}
}

// listed are the variables that docs/aws.md tells of, and those by which Terraform's
// library steers it.
var listed = []string{
	"PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "LANG", "LANGUAGE", "LC_*", "TZ", "LD_LIBRARY_PATH",
	"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR",
	"TF_*", "CHECKPOINT_DISABLE", "XDG_DATA_HOME", "AWS_*",
	"SSH_AUTH_SOCK", "GIT_SSH", "GIT_SSH_COMMAND", "GIT_ASKPASS", "GIT_CONFIG_*", "GIT_SSL_CAINFO",
}
