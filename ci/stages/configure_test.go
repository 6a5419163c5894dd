package stages

import (
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"gitops/ci/host"
	"gitops/ci/lab/hosttest"
	"gitops/ci/progress"
)

func TestSecretsOfVariableFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vars.yml")
	text := "grafana_password: hush-hush\ncomponents: [prometheus, loki]\nsmtp: {user: me, auth_token: [one-two-three]}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, value := range fileSecrets([]string{path, "nowhere.yml"}) {
		got = append(got, value.Reveal())
	}
	slices.Sort(got)
	if want := []string{"hush-hush", "one-two-three"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// certificate writes a certificate for the public half of a login key, by an authority
// whose key it writes beside it.
func certificate(t *testing.T, dir, user, public string) (authority, file string) {
	t.Helper()
	private, line, err := host.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.ParsePrivateKey([]byte(private.Reveal()))
	if err != nil {
		t.Fatal(err)
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(public))
	if err != nil {
		t.Fatal(err)
	}
	c := &ssh.Certificate{Key: key, CertType: ssh.UserCert, ValidPrincipals: []string{user}, ValidBefore: uint64(time.Now().Add(time.Hour).Unix()),
		Permissions: ssh.Permissions{Extensions: map[string]string{"permit-port-forwarding": "", "permit-pty": ""}}}
	if err := c.SignCert(rand.Reader, signer); err != nil {
		t.Fatal(err)
	}
	authority, file = filepath.Join(dir, "authority.pub"), filepath.Join(dir, "login-cert.pub")
	for path, text := range map[string]string{authority: line, file: string(ssh.MarshalAuthorizedKey(c))} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return authority, file
}

// Ansible goes the way that the other stages go: through the jump host, with the
// certificate, to a host whose key is known by its own address.
func TestConfigureThroughAJumpHostWithACertificate(t *testing.T) {
	if _, err := exec.LookPath("ansible-playbook"); err != nil {
		t.Skip("needs ansible-playbook")
	}
	dir := t.TempDir()
	key, public, err := host.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	user := hosttest.User(t)
	authority, file := certificate(t, dir, user, public)
	certified := []string{"TrustedUserCAKeys " + authority, "AuthorizedKeysFile none"}
	jump, target := hosttest.Start(t, certified...), hosttest.Start(t, certified...)
	playbook := "- hosts: all\n  gather_facts: false\n  tasks:\n    - ansible.builtin.copy: {dest: " + filepath.Join(dir, "there") + ", content: 'port {{ ansible_port }}'}\n"
	if err := os.WriteFile(filepath.Join(dir, "site.yml"), []byte(playbook), 0o600); err != nil {
		t.Fatal(err)
	}
	o := ConfigureOptions{Dir: dir, Playbook: "site.yml", Output: Output{Progress: progress.NewProgress(t.Output()), Log: t.Output()},
		Host: HostOptions{Address: target.Address, HostKey: target.HostPublicKey, User: user, Key: key, Certificate: file,
			Jump: []string{user + "@" + jump.Address}, JumpHostKeys: []string{jump.HostPublicKey}, Wait: time.Minute}}
	r, err := Configure(t.Context(), o)
	if err != nil || r.Changed != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "there")); err != nil || !strings.HasPrefix(string(text), "port ") || strings.HasSuffix(target.Address, string(text[5:])) {
		t.Errorf("Ansible went straight to %s: %s, %v", target.Address, text, err)
	}
	o.Host.JumpHostKeys = []string{target.HostPublicKey}
	if _, err := Configure(t.Context(), o); err == nil {
		t.Error("a jump host with another key was used")
	}
}
