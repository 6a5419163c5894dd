package host_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"io"
	"net"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"gitops/ci/host"
	"gitops/ci/secret"
)

// server is an SSH server in this process. Its commands are Go functions.
type server struct {
	address  string
	listener net.Listener
	start    sync.Once
	keys     []ssh.Signer
	login    secret.Value
	config   *ssh.ServerConfig
	// refuse is how many logins are refused before the key is accepted.
	refuse atomic.Int64
	logins atomic.Int64
	// exec runs a command; it returns the exit code, or an error to cut the connection.
	exec func(command string, channel ssh.Channel) (int, error)
	// ignoreForwards leaves requests to connect elsewhere without an answer.
	ignoreForwards bool
	// signalled is closed by the first signal to a command, seen has its name.
	signalled chan struct{}
	seen      chan string
}

var errCut = errors.New("cut")

// newServer listens with the host keys given until the test ends; client starts it.
func newServer(t *testing.T, keys ...ssh.Signer) *server {
	t.Helper()
	private, public, err := host.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	authorized, _, _, _, err := ssh.ParseAuthorizedKey([]byte(public))
	if err != nil {
		t.Fatal(err)
	}
	s := &server{keys: keys, login: private, signalled: make(chan struct{}), seen: make(chan string, 1),
		exec: func(string, ssh.Channel) (int, error) { return 0, nil }}
	s.config = &ssh.ServerConfig{PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		s.logins.Add(1)
		if string(key.Marshal()) != string(authorized.Marshal()) || s.refuse.Add(-1) >= 0 {
			return nil, errors.New("unknown key")
		}
		return nil, nil
	}}
	for _, key := range keys {
		s.config.AddHostKey(key)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	s.address, s.listener = listener.Addr().String(), listener
	return s
}

func (s *server) accept(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go s.serve(conn)
	}
}

func (s *server) serve(conn net.Conn) {
	defer conn.Close()
	_, channels, requests, err := ssh.NewServerConn(conn, s.config)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	for incoming := range channels {
		if s.ignoreForwards && incoming.ChannelType() == "direct-tcpip" {
			continue
		}
		channel, requests, err := incoming.Accept()
		if err != nil {
			return
		}
		go s.session(conn, channel, requests)
	}
}

func (s *server) session(conn net.Conn, channel ssh.Channel, requests <-chan *ssh.Request) {
	for request := range requests {
		switch request.Type {
		case "exec":
			var payload struct{ Command string }
			ssh.Unmarshal(request.Payload, &payload)
			request.Reply(true, nil)
			go s.run(conn, channel, payload.Command)
		case "signal":
			var payload struct{ Signal string }
			ssh.Unmarshal(request.Payload, &payload)
			s.seen <- payload.Signal
			close(s.signalled)
		default:
			request.Reply(false, nil)
		}
	}
}

func (s *server) run(conn net.Conn, channel ssh.Channel, command string) {
	defer channel.Close()
	exit, err := s.exec(command, channel)
	if err != nil {
		conn.Close()
		return
	}
	channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{uint32(exit)}))
}

// client starts the server, whose fields may not be set any more, and returns a
// Config that knows it by the keys given.
func (s *server) client(known ...ssh.Signer) host.Config {
	s.start.Do(func() { go s.accept(s.listener) })
	var lines []string
	for _, key := range known {
		lines = append(lines, knownhosts.Line([]string{s.address}, key.PublicKey()))
	}
	return host.Config{Address: s.address, User: "ubuntu", Key: s.login,
		KnownHosts: []byte(strings.Join(lines, "\n") + "\n"), Timeout: time.Minute}
}

func signer(t *testing.T, kind string) ssh.Signer {
	t.Helper()
	var key crypto.Signer
	var err error
	switch kind {
	case "ed25519":
		_, key, err = ed25519.GenerateKey(rand.Reader)
	case "ecdsa-256":
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "ecdsa-384":
		key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "rsa":
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	default:
		t.Fatalf("no key kind %q", kind)
	}
	if err != nil {
		t.Fatal(err)
	}
	made, err := ssh.NewSignerFromSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// silent listens, accepts and says nothing.
func silent(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go io.Copy(io.Discard, conn)
		}
	}()
	return listener.Addr().String()
}

// halved gives only the first half of each read.
type halved struct{ io.Reader }

func (h *halved) Read(p []byte) (int, error) {
	n, err := h.Reader.Read(p)
	return (n + 1) / 2, err
}

// shell runs command as a login shell would, and returns its exit code.
func shell(command string, stdin io.Reader, channel ssh.Channel) int {
	cmd := exec.Command("sh", "-c", command)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, channel, channel.Stderr()
	cmd.Run()
	return cmd.ProcessState.ExitCode()
}
