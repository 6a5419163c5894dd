package host_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gitops/ci/host"
	"gitops/ci/progress"
)

// lookUp writes an SSH configuration and asks it for a host.
func lookUp(t *testing.T, text, name string) (host.Alias, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	config, err := host.ReadSSHConfig(file)
	if err != nil {
		return host.Alias{}, err
	}
	return config.Lookup(name)
}

func TestSSHConfig(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	for name, text := range map[string]string{
		"id_web": "key", "id_web-cert.pub": "certificate", "id_old.pub": "public", "known": "web-key-name ssh-ed25519 AAAA",
		"more": "Host web\n  User somebody\n  HostKeyAlias web-key-name\n",
	} {
		if err := os.WriteFile(filepath.Join(home, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text := fmt.Sprintf(`# comment
Include %s/more
Host web
  HostName %%n.example.com
  Port = 2222
  User nobody
  IdentityFile ~/missing
  IdentityFile "~/id_old.pub"
  IdentityFile "%%d/id_web"
  ProxyJump admin@jump:22,inner
  UserKnownHostsFile ~/known ~/not-there
  ProxyCommand none
Host 2001:db8::7
  Port 222
Host *
  User everybody
  StrictHostKeyChecking accept-new
`, home)
	got, err := lookUp(t, text, "web")
	if err != nil {
		t.Fatal(err)
	}
	want := host.Alias{Address: "web.example.com:2222", User: "somebody", Jumps: []string{"admin@jump:22", "inner"},
		KeyFile: filepath.Join(home, "id_web"), CertificateFile: filepath.Join(home, "id_web-cert.pub"), HostKeyAlias: "web-key-name"}
	if len(got.Ignored) != 1 || !strings.Contains(got.Ignored[0], "StrictHostKeyChecking of host web is ignored") {
		t.Errorf("it does not say what is ignored: %q", got.Ignored)
	}
	if !strings.HasPrefix(string(got.KnownHosts), "web-key-name ssh-ed25519 AAAA") {
		t.Errorf("known hosts are %q", got.KnownHosts)
	}
	got.Ignored, got.KnownHosts = nil, nil
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if six, err := lookUp(t, text, "2001:db8::7"); err != nil || six.Address != "[2001:db8::7]:222" || six.User != "everybody" {
		t.Errorf("got %q, %v", six, err)
	}
	if other, err := lookUp(t, text, "elsewhere"); err != nil || other.Address != "elsewhere" || other.Jumps != nil || other.KeyFile != "" {
		t.Errorf("got %q, %v", other, err)
	}
}

// What cannot be followed is said, not left out in silence.
func TestSSHConfigRefuses(t *testing.T) {
	for text, says := range map[string]string{
		"Host web\nProxyCommand nc %h %p":             "ProxyJump",
		"Host web\nHostName %k.example.com":           "token",
		"Match exec \"true\"\nUser root":              "Match",
		"Host web\nUserKnownHostsFile " + t.TempDir(): "UserKnownHostsFile",
	} {
		if _, err := lookUp(t, text, "web"); progress.ExitCode(err) != progress.ExitInvalid || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: got %v, want exit 2 and %q", text, err, says)
		}
	}
	if _, err := host.ReadSSHConfig(filepath.Join(t.TempDir(), "none")); progress.ExitCode(err) != progress.ExitInvalid {
		t.Errorf("got %v, want exit 2", err)
	}
	for _, option := range []string{"StrictHostKeyChecking no", "UpdateHostKeys yes", "VerifyHostKeyDNS yes", "KnownHostsCommand /bin/true"} {
		alias, err := lookUp(t, "Host web\n"+option, "web")
		name, _, _ := strings.Cut(option, " ")
		if err != nil || !slices.ContainsFunc(alias.Ignored, func(s string) bool { return strings.Contains(s, name) }) {
			t.Errorf("%s: got %q, %v", option, alias.Ignored, err)
		}
	}
}
