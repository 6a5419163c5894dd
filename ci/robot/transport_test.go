package robot

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"gitops/ci/progress"
	"gitops/ci/secret"
)

func TestFileURLs(t *testing.T) {
	w := newWorld(t)
	t.Chdir(filepath.Dir(w.bare))
	for i, address := range []string{"file://" + w.bare, w.bare, filepath.Base(w.bare), "./" + filepath.Base(w.bare)} {
		commit := w.code(fmt.Sprint("one", i))
		o := w.options(commit)
		o.RepoURL, o.Token = address, secret.Value{}
		if result := w.robot(o); result.Outcome != Pushed || result.Commit != w.tip() {
			t.Errorf("%s: %+v", address, result)
		}
		w.pull()
	}
}

// The repository belongs to somebody else, which git asks about.
func TestFileOfAnotherOwner(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("needs root, to give a repository to another user")
	}
	w := newWorld(t)
	if out, err := exec.Command("chown", "-R", "1234:1234", w.bare).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	o := w.options(w.head())
	o.RepoURL = "file://" + w.bare
	if result := w.robot(o); result.Outcome != Pushed {
		t.Errorf("%+v", result)
	}
}

// The server's own hooks are its policy: they run also when it is a folder here.
func TestServerHooksRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	trace := hook(t, filepath.Join(w.bare, "hooks"), "post-receive")
	o := w.options(w.head())
	o.RepoURL = "file://" + w.bare
	w.robot(o)
	if _, err := os.Stat(trace); err != nil {
		t.Error("the server's post-receive hook did not run")
	}
}

func TestSHA256Repository(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	bare, clone := filepath.Join(t.TempDir(), "new.git"), filepath.Join(t.TempDir(), "new")
	w.git("", "init", "--quiet", "--bare", "--object-format=sha256", bare)
	w.git("", "init", "--quiet", "--object-format=sha256", "--initial-branch=integration", clone)
	w.clone, w.bare = clone, bare
	w.write(composePath, composeText)
	commit := w.commit("Start")
	w.git(clone, "push", "--quiet", bare, "HEAD:integration")
	o := w.options(commit)
	o.RepoURL = bare
	o.SignKey = newKey(t, "ed25519")
	if result := w.robot(o); result.Outcome != Pushed || len(result.Commit) != 64 {
		t.Errorf("%+v", result)
	}
	w.wantManifest("owner/backend:first", ref("backend", commit))
	w.git(bare, "fsck", "--strict")
}

// newKey returns a private key in OpenSSH's PEM.
func newKey(t *testing.T, kind string) secret.Value {
	t.Helper()
	var key any
	var err error
	switch kind {
	case "ed25519":
		_, key, err = ed25519.GenerateKey(rand.Reader)
	case "ecdsa":
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "rsa":
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(key, "robot")
	if err != nil {
		t.Fatal(err)
	}
	return secret.New(string(pem.EncodeToMemory(block)))
}

func publicKey(t *testing.T, private secret.Value) string {
	t.Helper()
	signer, err := ssh.ParsePrivateKey([]byte(private.Reveal()))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey())))
}

// sshServer runs OpenSSH's own server on this machine for this user.
func sshServer(t *testing.T, login secret.Value) (address, hostKey string) {
	t.Helper()
	sshd, err := exec.LookPath("sshd")
	if err != nil {
		if sshd, err = exec.LookPath("/usr/sbin/sshd"); err != nil {
			t.Skip("needs sshd (Debian: openssh-server)")
		}
	}
	if _, err := exec.LookPath("ssh"); err != nil {
		t.Skip("needs ssh (Debian: openssh-client)")
	}
	dir := t.TempDir()
	host := newKey(t, "ed25519")
	files := map[string]string{"host": host.Reveal(), "authorized": publicKey(t, login) + "\n"}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if os.Getuid() == 0 {
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address = listener.Addr().String()
	listener.Close()
	_, port, _ := net.SplitHostPort(address)
	config := fmt.Sprintf("ListenAddress 127.0.0.1\nPort %s\nHostKey %s/host\nAuthorizedKeysFile %s/authorized\nStrictModes no\nPidFile none\n"+
		"PasswordAuthentication no\nUsePAM no\nPermitRootLogin prohibit-password\nAcceptEnv GIT_PROTOCOL\n", port, dir, dir)
	if err := os.WriteFile(filepath.Join(dir, "config"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	server := exec.Command(sshd, "-D", "-e", "-f", filepath.Join(dir, "config"))
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Process.Kill(); _ = server.Wait() })
	waitFor(t, address)
	return address, publicKey(t, host)
}

func waitFor(t *testing.T, address string) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if connection, err := net.Dial("tcp", address); err == nil {
			connection.Close()
			return
		}
	}
	t.Fatal("sshd does not listen")
}

func TestSSH(t *testing.T) {
	login := newKey(t, "ed25519")
	address, hostKey := sshServer(t, login)
	host, port, _ := net.SplitHostPort(address)
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	known := func(key string) []byte { return fmt.Appendf(nil, "[%s]:%s %s\n", host, port, key) }
	o := w.options(w.code("one"))
	o.RepoURL = "ssh://" + me.Username + "@" + address + w.bare
	o.SSHKey, o.KnownHosts, o.Token = login, known(hostKey), secret.Value{}

	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	stop, found := make(chan struct{}), make(chan string, 1)
	go func() { found <- watchForKey(temporary, login.Reveal(), stop) }()
	if result := w.robot(o); result.Outcome != Pushed || result.Commit != w.tip() {
		t.Errorf("%+v", result)
	}
	close(stop)
	if leak := <-found; leak != "" {
		t.Errorf("the key was in %s", leak)
	}

	o.Images["backend"] = ref("backend", "other")
	wrongHost, wrongKey := o, o
	wrongHost.KnownHosts = known(publicKey(t, newKey(t, "ed25519")))
	if _, err := Push(t.Context(), wrongHost); progress.ExitCode(err) != progress.ExitRefused || !strings.Contains(err.Error(), "known_hosts") {
		t.Errorf("changed host key: %v", err)
	}
	wrongHost.KnownHosts = []byte("example.invalid " + hostKey + "\n")
	if _, err := Push(t.Context(), wrongHost); progress.ExitCode(err) != progress.ExitRefused || !strings.Contains(err.Error(), "known_hosts") {
		t.Errorf("unknown host: %v", err)
	}
	wrongKey.SSHKey = newKey(t, "ecdsa")
	if _, err := Push(t.Context(), wrongKey); progress.ExitCode(err) != 1 || !strings.Contains(err.Error(), "register its public half") {
		t.Errorf("wrong key: %v", err)
	}
	wrongKey.SSHKey = secret.New("no key")
	if _, err := Push(t.Context(), wrongKey); progress.ExitCode(err) != 2 || !strings.Contains(err.Error(), "PEM") {
		t.Errorf("no key: %v", err)
	}
}

// watchForKey returns the file under folder that holds the key, until stop. It also
// makes sure that there were files to look at.
func watchForKey(folder, key string, stop chan struct{}) string {
	middle, seen := strings.Split(key, "\n")[2], false
	for {
		select {
		case <-stop:
			if !seen {
				return "no file that the watch saw, and it saw none of the robot's"
			}
			return ""
		case <-time.After(time.Millisecond):
		}
		files, _ := filepath.Glob(folder + "/*/*")
		for _, file := range files {
			text, err := os.ReadFile(file)
			seen = seen || err == nil
			if strings.Contains(string(text), middle) {
				return file
			}
		}
	}
}
