package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"gitops/ci/lab/hosttest"
	"gitops/ci/progress"
	"gitops/ci/stages"
)

// TestProvision runs Terraform and then the playbook on the host that Terraform puts
// out: twice, the second time without a change.
func TestProvision(t *testing.T) {
	for _, program := range []string{"terraform", "ansible-playbook"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip("needs " + program)
		}
	}
	server := hosttest.Start(t)
	t.Chdir(t.TempDir())
	t.Setenv("TF_CLI_CONFIG_FILE", os.DevNull)
	t.Setenv("SSH_PRIVATE_KEY", server.Key.Reveal())
	marker := filepath.Join(t.TempDir(), "configured")
	address, port, err := net.SplitHostPort(server.Address)
	if err != nil {
		t.Fatal(err)
	}
	put(t, "tf/main.tf", fmt.Sprintf(`
resource "terraform_data" "server" {}
output "static_ip" { value = %q }
output "ssh_port" { value = %s }
output "ssh_user" { value = %q }
output "ssh_host_public_key" { value = %q }
`, address, port, server.User, server.HostPublicKey))
	put(t, "ansible/site.yml", fmt.Sprintf(`
- name: Configure
  hosts: all
  gather_facts: false
  tasks:
    - name: Write a file
      ansible.builtin.copy: {content: "{{ greeting }}", dest: %q, mode: "0600"}
`, marker))
	put(t, "vars.yml", "greeting: hello\n")

	first := provision(t)
	if !first.Apply.Applied || first.Configure == nil || first.Configure.Changed != 1 {
		t.Errorf("the first run reports %+v", first)
	}
	if text, err := os.ReadFile(marker); err != nil || string(text) != "hello" {
		t.Errorf("the host has %q, %v", text, err)
	}
	again := provision(t)
	if again.Apply.Applied || again.Configure == nil || again.Configure.Changed != 0 {
		t.Errorf("the second run reports %+v", again)
	}
}

func provision(t *testing.T) stages.ProvisionResult {
	t.Helper()
	var out, said bytes.Buffer
	code := run(t.Context(), []string{"--json", "provision", "--terraform-dir", "tf", "--accept-unreviewed", "--extra-vars-file", "vars.yml"}, &out, &said)
	if code != progress.ExitDone {
		t.Fatalf("exit %d: %s", code, said.String())
	}
	var r stages.ProvisionResult
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatalf("%v in %s", err, out.String())
	}
	return r
}

func put(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestProvisionTakesItsInputFirst holds that nothing is applied when the playbook or
// the login key is missing.
func TestProvisionTakesItsInputFirst(t *testing.T) {
	t.Chdir(t.TempDir())
	put(t, "tf/main.tf", "resource \"terraform_data\" \"server\" {}\n")
	for _, key := range []string{"", "a key"} {
		t.Setenv("SSH_PRIVATE_KEY", key)
		var out, said bytes.Buffer
		code := run(t.Context(), []string{"provision", "--terraform-dir", "tf", "--accept-unreviewed"}, &out, &said)
		if code != progress.ExitInvalid {
			t.Errorf("with key %q: exit %d: %s", key, code, said.String())
		}
	}
	if _, err := os.Stat("tf/terraform.tfstate"); err == nil {
		t.Error("something was applied")
	}
}
