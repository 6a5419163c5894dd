package host_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"gitops/ci/host"
	"gitops/ci/progress"
)

// lines collects what people are told, and calls do once they were told at.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
	at   string
	do   func()
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.do != nil && strings.Contains(string(p), l.at) {
		l.do()
	}
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// A host whose port opens late is waited for.
func TestWaitForAPortThatOpensLate(t *testing.T) {
	t.Parallel()
	key := signer(t, "ed25519")
	s := newServer(t, key)
	late := freeAddress(t)
	config := s.client()
	config.Address, config.Timeout = late, 20*time.Second
	config.KnownHosts = []byte(knownhosts.Line([]string{late}, key.PublicKey()))
	time.AfterFunc(time.Second, func() {
		listener, err := net.Listen("tcp", late)
		if err == nil {
			s.accept(listener)
		}
	})
	var said lines
	client, err := host.Wait(t.Context(), config, host.Needs{}, progress.NewProgress(&said))
	if err != nil {
		t.Fatal(err)
	}
	client.Close()
	if !strings.Contains(said.String(), "TCP connect to "+late) {
		t.Errorf("nobody was told what is waited for: %q", said.String())
	}
}

func TestWaitGivesUpAndSaysOnWhat(t *testing.T) {
	t.Parallel()
	key := signer(t, "ed25519")
	config := newServer(t, key).client(key)
	config.Address, config.Timeout = freeAddress(t), 300*time.Millisecond
	config.KnownHosts = []byte(knownhosts.Line([]string{config.Address}, key.PublicKey()))
	_, err := host.Wait(t.Context(), config, host.Needs{}, nil)
	var lost *host.ConnectionError
	if !errors.As(err, &lost) || !strings.Contains(err.Error(), "given up after 0.3 s, 1 tries") {
		t.Fatalf("got %v", err)
	}
}

func TestWaitEndsAtOnceForAWrongHostKey(t *testing.T) {
	t.Parallel()
	s := newServer(t, signer(t, "ed25519"))
	config := s.client(signer(t, "ed25519"))
	config.Timeout = time.Minute
	var said lines
	_, err := host.Wait(t.Context(), config, host.Needs{}, progress.NewProgress(&said))
	var refused *host.KeyError
	if !errors.As(err, &refused) || strings.Contains(said.String(), "trying again") {
		t.Fatalf("got %v and\n%s", err, said.String())
	}
}

// A cloud host may start sshd before cloud-init wrote the login key.
func TestWaitForALoginKeyThatIsWrittenLate(t *testing.T) {
	t.Parallel()
	key := signer(t, "ed25519")
	s := newServer(t, key)
	s.refuse.Store(1)
	var said lines
	client, err := host.Wait(t.Context(), s.client(key), host.Needs{}, progress.NewProgress(&said))
	if err != nil {
		t.Fatal(err)
	}
	client.Close()
	if !strings.Contains(said.String(), "login as ubuntu refused; trying again for up to 90.0 s") {
		t.Errorf("nobody was told: %q", said.String())
	}
}

func TestWaitGivesUpOnARefusedLogin(t *testing.T) {
	t.Parallel()
	key := signer(t, "ed25519")
	s := newServer(t, key)
	s.refuse.Store(1 << 40)
	config := s.client(key)
	config.Timeout, config.LoginGrace = time.Minute, time.Second
	begun := time.Now()
	_, err := host.Wait(t.Context(), config, host.Needs{}, nil)
	var refused *host.AuthError
	if !errors.As(err, &refused) {
		t.Fatalf("got %v, want an AuthError", err)
	}
	if took := time.Since(begun); took > 30*time.Second {
		t.Errorf("took %s", took)
	}
}

// world is a machine whose commands are scripts in a folder.
type world struct {
	*server
	bin string
	key ssh.Signer
}

func newWorld(t *testing.T, programs map[string]string) *world {
	t.Helper()
	key := signer(t, "ed25519")
	w := &world{server: newServer(t, key), bin: t.TempDir(), key: key}
	for name, script := range programs {
		w.install(t, name, script)
	}
	w.exec = func(command string, channel ssh.Channel) (int, error) {
		return shell("export PATH="+w.bin+":/usr/bin:/bin; "+command, channel, channel), nil
	}
	return w
}

func (w *world) install(t *testing.T, name, script string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(w.bin, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestWaitForNeeds(t *testing.T) {
	tests := map[string]struct {
		needs    host.Needs
		programs map[string]string
		says     string // in the error; empty is success
		tells    string // in the progress
	}{
		"cloud-init done": {needs: host.Needs{CloudInit: true},
			programs: map[string]string{"cloud-init": `[ "$*" = "status --wait" ] || exit 9`}},
		"cloud-init done with warnings": {needs: host.Needs{CloudInit: true},
			programs: map[string]string{"cloud-init": "exit 2"}},
		"cloud-init failed": {needs: host.Needs{CloudInit: true},
			programs: map[string]string{"cloud-init": `[ "$2" = --long ] && { echo "status: error: no module users"; exit 1; }; exit 1`},
			says:     "waiting for cloud-init to end: status: error: no module users"}, // and no waiting, which does not help
		"cloud-init never ends": {needs: host.Needs{CloudInit: true},
			programs: map[string]string{"cloud-init": "exec sleep 4"}, says: "waiting for cloud-init to end: given up after"},
		"docker answers": {needs: host.Needs{Docker: true},
			programs: map[string]string{"docker": "echo 27.0"}},
		"docker answers root only": {needs: host.Needs{Docker: true},
			programs: map[string]string{"docker": `[ -n "$AS_ROOT" ] || { echo "permission denied while trying to connect" >&2; exit 1; }`,
				"sudo": `shift; AS_ROOT=1 exec "$@"`}},
		"docker does not answer": {needs: host.Needs{Docker: true},
			programs: map[string]string{"docker": `echo "Cannot connect to the Docker daemon" >&2; exit 1`},
			says:     "waiting for Docker to answer: Cannot connect to the Docker daemon; given up after", tells: "Cannot connect"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, test.programs)
			config := w.client(w.key)
			config.Timeout = time.Minute
			givesUp := strings.HasSuffix(test.says, "given up after")
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			said := lines{at: test.tells}
			switch {
			case givesUp && test.tells != "":
				said.do = cancel
			case givesUp:
				config.Timeout = 2 * time.Second
			}
			client, err := host.Wait(ctx, config, test.needs, progress.NewProgress(&said))
			if err == nil {
				client.Close()
			}
			if test.says == "" && err != nil || test.says != "" && (err == nil || !strings.Contains(err.Error(), test.says)) {
				t.Errorf("got %v, want %q", err, test.says)
			}
			if !strings.Contains(said.String(), test.tells) {
				t.Errorf("told %q, want %q", said.String(), test.tells)
			}
			if !givesUp && err != nil && strings.Contains(err.Error(), "given up") {
				t.Errorf("it waited although that does not help: %v", err)
			}
		})
	}
}

func TestWaitForPackageLocks(t *testing.T) {
	if _, err := os.Stat("/proc/locks"); err != nil {
		t.Skip("needs /proc/locks")
	}
	dir := t.TempDir()
	free, held := filepath.Join(dir, "free"), filepath.Join(dir, "held")
	host.SetPackageLocks(t, filepath.Join(dir, "absent"), free, held)
	if err := os.WriteFile(free, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Create(held)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lock := syscall.Flock_t{Type: syscall.F_WRLCK}
	if err := syscall.FcntlFlock(file.Fd(), syscall.F_SETLK, &lock); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, nil)
	config := w.client(w.key)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	_, err = host.Wait(ctx, config, host.Needs{Packages: true}, progress.NewProgress(&lines{at: "is held by", do: cancel}))
	if want := "waiting for package locks to be free: " + held + " is held by "; err == nil || !strings.Contains(err.Error(), want) {
		t.Fatalf("while held: got %v, want %q", err, want)
	}
	time.AfterFunc(time.Second, func() { file.Close() })
	config.Timeout = 20 * time.Second
	client, err := host.Wait(t.Context(), config, host.Needs{Packages: true}, nil)
	if err != nil {
		t.Fatalf("after it was let go: %v", err)
	}
	client.Close()
}

func TestWaitForDockerThatIsNotInstalled(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.exec = func(command string, channel ssh.Channel) (int, error) {
		return shell("PATH=/nowhere; "+strings.Replace(command, "sh ", "/bin/sh ", 1), channel, channel), nil
	}
	_, err := host.Wait(t.Context(), w.client(w.key), host.Needs{Docker: true}, nil)
	if err == nil || !strings.Contains(err.Error(), "docker is not installed; configure the host first") {
		t.Fatalf("got %v", err)
	}
}

// A connection that breaks while a fresh host settles is made again.
func TestWaitAfterALostConnection(t *testing.T) {
	t.Parallel()
	key := signer(t, "ed25519")
	s := newServer(t, key)
	var once sync.Once
	s.exec = func(string, ssh.Channel) (exit int, err error) {
		once.Do(func() { err = errCut })
		return 0, err
	}
	client, err := host.Wait(t.Context(), s.client(key), host.Needs{CloudInit: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	client.Close()
	if s.logins.Load() < 2 {
		t.Errorf("%d logins, want a second one", s.logins.Load())
	}
}

func TestRecover(t *testing.T) {
	t.Parallel()
	key := signer(t, "ed25519")
	s := newServer(t, key)
	var once sync.Once
	s.exec = func(_ string, channel ssh.Channel) (exit int, err error) {
		once.Do(func() { err = errCut })
		_, _ = io.WriteString(channel, "done")
		return 0, err
	}
	client, err := host.Dial(t.Context(), s.client(key))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var lost *host.ConnectionError
	if _, err := client.Script(t.Context(), "true"); !errors.As(err, &lost) {
		t.Fatalf("got %v, want a lost connection", err)
	}
	if err := client.Recover(t.Context(), host.Needs{}, time.Minute, nil); err != nil {
		t.Fatal(err)
	}
	if out, err := client.Script(t.Context(), "true"); err != nil || out.Stdout != "done" {
		t.Errorf("got %q and %v after Recover", out.Stdout, err)
	}
}
