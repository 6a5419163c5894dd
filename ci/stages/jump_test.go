package stages

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gitops/ci/host"
	"gitops/ci/progress"
)

// way names the hosts that a connection goes through, the first hop first, with who
// logs in there.
func way(c host.Config) string {
	var names []string
	for hop := c.Jump; hop != nil; hop = hop.Jump {
		names = append([]string{hop.User + "@" + hop.Address}, names...)
	}
	return strings.Join(names, " ")
}

func TestTheWayThroughJumpHosts(t *testing.T) {
	dir := t.TempDir()
	key, public, err := host.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	other, _, err := host.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	config := "Host web\n  ProxyJump inner,last:2222\nHost inner\n  HostName 10.0.0.1\n  User in\n  ProxyJump outer\nHost outer\n  Port 2200\n  IdentityFile " +
		filepath.Join(dir, "other") + "\nHost loop\n  ProxyJump loop\n"
	for name, text := range map[string]string{"config": config, "other": other.Reveal(), "known": "* " + public + "\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	h := HostOptions{Address: "web", User: "me", Key: key, KnownHosts: filepath.Join(dir, "known"), SSHConfig: filepath.Join(dir, "config")}
	c, err := h.config()
	if want := "me@outer:2200 in@10.0.0.1 me@last:2222"; err != nil || way(c) != want {
		t.Fatalf("got %s, %v, want %s", way(c), err, want)
	}
	if first := c.Jump.Jump.Jump; strings.TrimSpace(first.Key.Reveal()) != strings.TrimSpace(other.Reveal()) || c.Jump.Key != c.Key {
		t.Error("a jump host with a key of the configuration gets it, and the others that of the host")
	}
	h.Jump, h.JumpHostKeys = []string{"you@[2001:db8::7]:22", "inner"}, []string{public}
	c, err = h.config()
	if want := "you@[2001:db8::7]:22 in@10.0.0.1"; err != nil || way(c) != want {
		t.Errorf("got %s, %v, want %s", way(c), err, want)
	}
	if first := string(c.Jump.Jump.KnownHosts); !strings.HasPrefix(first, "2001:db8::7 ssh-ed25519 ") {
		t.Errorf("known of the first is %q", first)
	}
	h.Jump, h.JumpHostKeys = nil, []string{public}
	if _, err := h.config(); progress.ExitCode(err) != progress.ExitInvalid || !strings.Contains(err.Error(), "same order") {
		t.Errorf("a key without a host: got %v", err)
	}
	h.JumpHostKeys, h.Address = nil, "loop"
	if _, err := h.config(); progress.ExitCode(err) != progress.ExitInvalid || !strings.Contains(err.Error(), "back to one") {
		t.Errorf("a loop: got %v", err)
	}
}
