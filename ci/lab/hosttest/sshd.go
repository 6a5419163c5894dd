// Package hosttest starts a real sshd on a loopback port for tests that need a
// host. What runs there runs as the user of the test.
package hosttest

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gitops/ci/host"
	"gitops/ci/secret"
)

// SSHD is a running sshd.
type SSHD struct {
	// Address is "127.0.0.1:port".
	Address string
	// User is who may log in.
	User string
	// Key is the private key to log in with.
	Key secret.Value
	// HostPublicKey is its host key, as in authorized_keys.
	HostPublicKey string
	// KnownHosts is a known_hosts file that has it.
	KnownHosts []byte
}

// Config returns what host.Dial needs to reach the server.
func (s *SSHD) Config() host.Config {
	return host.Config{Address: s.Address, User: s.User, Key: s.Key, KnownHosts: s.KnownHosts, Timeout: 20 * time.Second}
}

// Start starts an sshd that ends with the test. Settings are lines of
// sshd_config, which win over the defaults here. It skips the test where sshd is
// not installed.
func Start(t testing.TB, settings ...string) *SSHD {
	t.Helper()
	binary := find()
	if binary == "" {
		t.Skip("needs sshd (package openssh-server)")
	}
	server, config := prepare(t, settings)
	// Not the test's context: it ends before the clean-up that closes clients.
	cmd := exec.Command(binary, "-D", "-e", "-f", config)
	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting sshd: %v", err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("sshd said:\n%s", log.String())
		}
	})
	await(t, server.Address)
	return server
}

// User returns who may log in to every SSHD: who runs the test.
func User(t testing.TB) string {
	t.Helper()
	me, err := user.Current()
	must(t, err)
	return me.Username
}

func find() string {
	for _, name := range []string{"sshd", "/usr/sbin/sshd", "/usr/local/sbin/sshd"} {
		if path, err := exec.LookPath(name); err == nil {
			if full, err := filepath.Abs(path); err == nil {
				return full // sshd runs itself again and insists on an absolute path
			}
		}
	}
	return ""
}

// prepare writes keys and configuration and returns the server they make.
func prepare(t testing.TB, settings []string) (*SSHD, string) {
	t.Helper()
	// sshd wants its privilege separation folder when run by root.
	if os.Geteuid() == 0 {
		must(t, os.MkdirAll("/run/sshd", 0o755))
	}
	dir := t.TempDir()
	hostKey, hostPublic, err := host.GenerateKey()
	must(t, err)
	loginKey, loginPublic, err := host.GenerateKey()
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "host_key"), []byte(hostKey.Reveal()), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "authorized_keys"), []byte(loginPublic+"\n"), 0o600))
	address := freeAddress(t)
	_, port, _ := net.SplitHostPort(address)
	// sshd takes the first value of a setting.
	config := strings.Join(settings, "\n") + fmt.Sprintf(`
Port %s
ListenAddress 127.0.0.1
HostKey %[2]s/host_key
AuthorizedKeysFile %[2]s/authorized_keys
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
LogLevel INFO
Subsystem sftp internal-sftp
`, port, dir)
	path := filepath.Join(dir, "sshd_config")
	must(t, os.WriteFile(path, []byte(config), 0o600))
	line, err := host.KnownHostsLine(address, hostPublic)
	must(t, err)
	return &SSHD{Address: address, User: User(t), Key: loginKey, HostPublicKey: hostPublic, KnownHosts: []byte(line + "\n")}, path
}

func freeAddress(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer listener.Close()
	return listener.Addr().String()
}

func await(t testing.TB, address string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			return
		}
	}
	t.Fatalf("sshd does not listen on %s", address)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
