// Package hosttest starts a real sshd on a loopback port for tests that need a
// host. What runs there runs as the user of the test.
package hosttest

import (
	"bytes"
	"errors"
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
	// Home is the home folder of who logs in.
	Home string

	cmd *exec.Cmd
	log bytes.Buffer
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
	server, err := Launch(t.TempDir(), settings...)
	if errors.Is(err, ErrNotInstalled) {
		t.Skip("needs sshd (package openssh-server)")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		server.Close()
		if t.Failed() {
			t.Logf("sshd said:\n%s", server.log.String())
		}
	})
	return server
}

// ErrNotInstalled says that this machine has no sshd.
var ErrNotInstalled = errors.New("sshd is not installed (package openssh-server)")

// Launch starts an sshd outside of tests, with its keys and its configuration in dir.
// Close ends it. Settings are lines of sshd_config, of which the first value wins.
func Launch(dir string, settings ...string) (*SSHD, error) {
	binary := find()
	if binary == "" {
		return nil, ErrNotInstalled
	}
	server, config, err := prepare(dir, settings)
	if err != nil {
		return nil, fmt.Errorf("preparing sshd: %w", err)
	}
	// No context ends it: clients are closed after the test's has ended.
	server.cmd = exec.Command(binary, "-D", "-e", "-f", config)
	server.cmd.Stderr = &server.log
	if err := server.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting sshd: %w", err)
	}
	if err := await(server.Address); err != nil {
		server.Close()
		return nil, fmt.Errorf("starting sshd: %w: %s", err, server.log.String())
	}
	return server, nil
}

// Close ends the server.
func (s *SSHD) Close() {
	s.cmd.Process.Kill()
	s.cmd.Wait()
}

// User returns who may log in to every SSHD: who runs the test.
func User(t testing.TB) string {
	t.Helper()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
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

const configuration = `Port %s
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
SetEnv HOME=%[2]s/home
Subsystem sftp internal-sftp
`

// prepare writes keys and configuration and returns the server they make.
func prepare(dir string, settings []string) (*SSHD, string, error) {
	hostKey, hostPublic, err1 := host.GenerateKey()
	loginKey, loginPublic, err2 := host.GenerateKey()
	me, err3 := user.Current()
	address, err4 := freeAddress()
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return nil, "", err
	}
	line, err := host.KnownHostsLine(address, hostPublic)
	if err != nil {
		return nil, "", err
	}
	_, port, _ := net.SplitHostPort(address)
	files := map[string]string{
		"host_key": hostKey.Reveal(), "authorized_keys": loginPublic + "\n", "sshd_config": strings.Join(settings, "\n") + "\n" + fmt.Sprintf(configuration, port, dir),
	}
	// A home without files: the login shell must not run those of whoever tests.
	home := filepath.Join(dir, "home")
	if err := os.Mkdir(home, 0o700); err != nil {
		return nil, "", err
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			return nil, "", err
		}
	}
	// sshd wants its privilege separation folder when run by root.
	if os.Geteuid() == 0 {
		err = os.MkdirAll("/run/sshd", 0o755)
	}
	server := &SSHD{Address: address, User: me.Username, Key: loginKey, HostPublicKey: hostPublic, KnownHosts: []byte(line + "\n"), Home: home}
	return server, filepath.Join(dir, "sshd_config"), err
}

func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}

func await(address string) error {
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			return conn.Close()
		}
	}
	return errors.New("it does not listen")
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
