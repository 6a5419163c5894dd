// Package host reaches a server over SSH and works on it: it checks the host
// key before anything else, waits until the host is ready, runs commands and
// puts files there. It never learns a host key from the network.
package host

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"

	"gitops/ci/progress"
	"gitops/ci/secret"
)

const (
	defaultPort        = "22"
	defaultDialTimeout = 15 * time.Second
	defaultWaitTimeout = 5 * time.Minute
	defaultLoginGrace  = 90 * time.Second
)

// Config says which host to reach, as whom, and how it proves who it is.
type Config struct {
	// Address is "host" or "host:port"; the port defaults to 22.
	Address string
	// User is the login name.
	User string
	// Key is the private login key, PEM. When empty, the agent at SSH_AUTH_SOCK
	// is asked instead.
	Key secret.Value
	// Certificate is the certificate of the login key, or of a key in the agent, as
	// ssh-keygen writes it to id_ed25519-cert.pub. Empty is none.
	Certificate []byte
	// KnownHosts is the content of a known_hosts file; hashed entries and
	// @cert-authority lines included. A host that is not in it is refused.
	KnownHosts []byte
	// HostKeyAlias is the name that KnownHosts has the host by, instead of Address.
	HostKeyAlias string
	// Jump is the host that the connection goes through, which may have a Jump
	// itself. It proves who it is by its own KnownHosts. Dial is for the first of
	// them.
	Jump *Config
	// Timeout bounds one Dial (default 15 s) or a whole Wait (default 5 min).
	Timeout time.Duration
	// LoginGrace is how long Wait goes on when the host refuses the login key,
	// because a fresh cloud host starts sshd before it writes the key
	// (default 90 s).
	LoginGrace time.Duration
	// Dial makes the TCP connection, for networks where the address is reached
	// in another way; a net.Dialer when nil. The host key is that of Address.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Client is a connection to one host. It is safe for concurrent use; each
// command has its own session.
type Client struct {
	config  Config
	address string
	knownAs string // the address that known_hosts has
	link    atomic.Pointer[link]
}

// link is a connection of a Client's, which Recover replaces.
type link struct {
	ssh    *ssh.Client
	jump   *link // what the connection goes through; nil without
	close  sync.Once
	closed chan struct{}
}

// Address returns "host:port" of the host.
func (c *Client) Address() string { return c.address }

// Close ends the connection and every command that still runs on it.
func (c *Client) Close() error { return c.link.Load().Close() }

func (l *link) Close() error {
	var err error
	l.close.Do(func() {
		close(l.closed)
		err = l.ssh.Close()
		if l.jump != nil {
			err = errors.Join(err, l.jump.Close())
		}
	})
	return err
}

// target is a Config that was found complete.
type target struct {
	config     Config
	address    string
	knownAs    string // the address that known_hosts has
	user       string
	jump       *target // nil without
	knownHosts *knownHosts
	auth       ssh.AuthMethod
	closeAuth  func()
	connect    func(ctx context.Context, network, address string) (net.Conn, error)
}

func (c Config) target() (*target, error) {
	address, err := normalize(c.Address)
	if err != nil {
		return nil, err
	}
	if c.User == "" {
		return nil, progress.Invalid("no user to log in as on %s: give the SSH user", c.Address)
	}
	known, err := parseKnownHosts(c.KnownHosts)
	if err != nil {
		return nil, err
	}
	knownAs := address
	if c.HostKeyAlias != "" {
		if knownAs, err = normalize(c.HostKeyAlias); err != nil {
			return nil, err
		}
	}
	t := &target{config: c, address: address, knownAs: knownAs, user: c.User, knownHosts: known, connect: c.Dial}
	if t.connect == nil {
		t.connect = new(net.Dialer).DialContext
	}
	return t, t.prepare(c)
}

// prepare gets ready to log in to the host, and to the one before it.
func (t *target) prepare(c Config) (err error) {
	if c.Jump != nil {
		if t.jump, err = c.Jump.target(); err != nil {
			return fmt.Errorf("jump host: %w", err)
		}
	}
	if t.auth, t.closeAuth, err = authMethod(c.Key, c.Certificate); err != nil && t.jump != nil {
		t.jump.free()
	}
	return err
}

// free ends the connections to the agent.
func (t *target) free() {
	t.closeAuth()
	if t.jump != nil {
		t.jump.free()
	}
}

// normalize returns address with a port.
func normalize(address string) (string, error) {
	if address == "" {
		return "", progress.Invalid("no address of the host: give one, for example Terraform's output static_ip")
	}
	if strings.ContainsAny(address, " \t\r\n,*?!/@") {
		return "", progress.Invalid("address %q is not host or host:port", address)
	}
	if ip := net.ParseIP(strings.Trim(address, "[]")); ip != nil {
		return net.JoinHostPort(ip.String(), defaultPort), nil
	}
	if !strings.Contains(address, ":") {
		return net.JoinHostPort(address, defaultPort), nil
	}
	host, port, err := net.SplitHostPort(address)
	if number, bad := strconv.ParseUint(port, 10, 16); err != nil || host == "" || bad != nil || number == 0 {
		return "", progress.Invalid("address %q is not host or host:port, with a port from 1 to 65535", address)
	}
	return net.JoinHostPort(host, port), nil
}

// Dial connects to the host, checks its key and logs in. Errors are a
// *KeyError, an *AuthError or a *ConnectionError that names the phase.
func Dial(ctx context.Context, c Config) (*Client, error) {
	t, err := c.target()
	if err != nil {
		return nil, err
	}
	defer t.free()
	timeout := c.Timeout
	if timeout <= 0 {
		timeout = defaultDialTimeout
	}
	return t.dial(ctx, timeout)
}

func (t *target) dial(ctx context.Context, timeout time.Duration) (*Client, error) {
	link, err := t.connection(ctx, timeout)
	if err != nil {
		return nil, err
	}
	c := &Client{config: t.config, address: t.address, knownAs: t.knownAs}
	c.link.Store(link)
	return c, nil
}

func (t *target) connection(ctx context.Context, timeout time.Duration) (*link, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	connect := t.connect
	var jump *link
	if t.jump != nil {
		var err error
		if jump, err = t.jump.connection(ctx, timeout); err != nil {
			return nil, fmt.Errorf("jump host: %w", err)
		}
		connect = func(ctx context.Context, network, address string) (net.Conn, error) {
			return jump.dial(ctx, t.jump.address, network, address)
		}
	}
	l, err := t.login(ctx, connect, timeout)
	if err != nil {
		if jump != nil {
			jump.Close()
		}
		return nil, err
	}
	l.jump = jump
	go l.keepAlive()
	return l, nil
}

func (t *target) login(ctx context.Context, connect func(context.Context, string, string) (net.Conn, error), timeout time.Duration) (*link, error) {
	conn, err := connect(ctx, "tcp", t.address)
	if err != nil {
		return nil, t.lost(ctx, PhaseTCP, timeout, err)
	}
	return t.handshake(ctx, conn, timeout)
}

// handshake agrees on keys, checks the host's and logs in, all before ctx ends.
func (t *target) handshake(ctx context.Context, conn net.Conn, timeout time.Duration) (*link, error) {
	// The SSH library takes no context: closing the connection is what ends it.
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	// Set by a goroutine of the library, which may still run when it gives up.
	var loggingIn atomic.Bool
	config := t.clientConfig(func() { loggingIn.Store(true) })
	sshConn, channels, requests, err := ssh.NewClientConn(conn, t.address, config)
	if !stop() && err == nil {
		sshConn.Close()
		err = ctx.Err()
	}
	if err != nil {
		conn.Close()
		phase := PhaseHandshake
		if loggingIn.Load() {
			phase = PhaseLogin
		}
		return nil, t.explain(ctx, phase, timeout, err)
	}
	return &link{ssh: ssh.NewClient(sshConn, channels, requests), closed: make(chan struct{})}, nil
}

func (t *target) clientConfig(hostKeyAccepted func()) *ssh.ClientConfig {
	return &ssh.ClientConfig{
		User:              t.user,
		Auth:              []ssh.AuthMethod{t.auth},
		HostKeyAlgorithms: t.knownHosts.algorithms(t.knownAs),
		HostKeyCallback: func(_ string, remote net.Addr, key ssh.PublicKey) error {
			if err := t.knownHosts.check(t.knownAs, remote, key); err != nil {
				return err
			}
			hostKeyAccepted()
			return nil
		},
	}
}
