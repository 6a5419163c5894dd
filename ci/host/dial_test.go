package host_test

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"gitops/ci/host"
	"gitops/ci/lab/hosttest"
	"gitops/ci/progress"
	"gitops/ci/secret"
)

func TestDialAcceptsKnownHostKeys(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"ed25519", "ecdsa-256", "ecdsa-384", "rsa"} {
		t.Run(kind, func(t *testing.T) {
			key := signer(t, kind)
			s := newServer(t, key)
			client, err := host.Dial(t.Context(), s.client(key))
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			if _, err := client.Run(t.Context(), host.Command{Args: []string{"true"}}); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// A host with several keys must be asked for the one that is known, whichever it
// would show on its own.
func TestDialAsksForTheKnownType(t *testing.T) {
	t.Parallel()
	keys := []ssh.Signer{signer(t, "ed25519"), signer(t, "ecdsa-256"), signer(t, "rsa")}
	s := newServer(t, keys...)
	for _, known := range keys {
		client, err := host.Dial(t.Context(), s.client(known))
		if err != nil {
			t.Fatalf("with only %s known: %v", known.PublicKey().Type(), err)
		}
		client.Close()
	}
}

func TestDialAcceptsHashedKnownHosts(t *testing.T) {
	t.Parallel()
	key := signer(t, "ed25519")
	s := newServer(t, key)
	config := s.client()
	hashed := knownhosts.HashHostname(knownhosts.Normalize(s.address))
	config.KnownHosts = []byte(hashed + " " + string(ssh.MarshalAuthorizedKey(key.PublicKey())))
	client, err := host.Dial(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	client.Close()
	config.KnownHosts = []byte(hashed + " " + string(ssh.MarshalAuthorizedKey(signer(t, "ed25519").PublicKey())))
	var refused *host.KeyError
	if _, err := host.Dial(t.Context(), config); !errors.As(err, &refused) || !refused.Changed {
		t.Fatalf("another key behind a hashed entry: got %v, want a changed host key", err)
	}
}

func TestDialAcceptsHostCertificates(t *testing.T) {
	t.Parallel()
	authority, key := signer(t, "ecdsa-256"), signer(t, "ed25519")
	certificate := &ssh.Certificate{Key: key.PublicKey(), CertType: ssh.HostCert,
		ValidPrincipals: []string{"127.0.0.1"}, ValidBefore: ssh.CertTimeInfinity}
	if err := certificate.SignCert(rand.Reader, authority); err != nil {
		t.Fatal(err)
	}
	shown, err := ssh.NewCertSigner(certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(t, shown)
	config := s.client()
	config.KnownHosts = []byte("@cert-authority " + knownhosts.Line([]string{s.address}, authority.PublicKey()) + "\n")
	client, err := host.Dial(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	client.Close()
	config.KnownHosts = []byte("@cert-authority " + knownhosts.Line([]string{s.address}, signer(t, "rsa").PublicKey()) + "\n")
	var refused *host.KeyError
	if _, err := host.Dial(t.Context(), config); !errors.As(err, &refused) || !strings.Contains(err.Error(), "no authorities") {
		t.Fatalf("certificate of another authority: got %v, want a host key error", err)
	}
}

// A revoked key loses whatever else known_hosts says: as the key of a certificate,
// as its authority, and beside a newer key of the same host.
func TestDialKnowsRevokedKeys(t *testing.T) {
	authority, old, key := signer(t, "ecdsa-256"), signer(t, "ed25519"), signer(t, "rsa")
	certificate := &ssh.Certificate{Key: old.PublicKey(), CertType: ssh.HostCert, ValidBefore: ssh.CertTimeInfinity}
	if err := certificate.SignCert(rand.Reader, authority); err != nil {
		t.Fatal(err)
	}
	shown, err := ssh.NewCertSigner(certificate, old)
	if err != nil {
		t.Fatal(err)
	}
	revoked := func(key ssh.Signer) string { return "@revoked * " + string(ssh.MarshalAuthorizedKey(key.PublicKey())) }
	certified := newServer(t, shown)
	config := certified.client()
	trusted := "@cert-authority " + knownhosts.Line([]string{certified.address}, authority.PublicKey()) + "\n"
	for name, line := range map[string]string{"its key": revoked(old), "its authority": revoked(authority)} {
		config.KnownHosts = []byte(trusted + line)
		var refused *host.KeyError
		if _, err := host.Dial(t.Context(), config); !errors.As(err, &refused) || !refused.Revoked {
			t.Errorf("certificate with %s revoked: got %v, want a revoked key", name, err)
		}
	}
	both := newServer(t, old, key)
	config = both.client(old, key)
	config.KnownHosts = append(config.KnownHosts, revoked(old)...)
	client, err := host.Dial(t.Context(), config)
	if err != nil {
		t.Fatalf("a good key beside a revoked one: %v", err)
	}
	client.Close()
}

// Patterns without a port are for every port, as OpenSSH reads them; names are for
// their own port, also beside a pattern.
func TestDialReadsPatterns(t *testing.T) {
	key := signer(t, "ed25519")
	s := newServer(t, key)
	config := s.client()
	line := " " + string(ssh.MarshalAuthorizedKey(key.PublicKey()))
	for known, want := range map[string]bool{
		"127.0.0.*" + line:                            true,
		"*" + line:                                    true,
		"[127.0.0.*]:1" + line:                        false,
		"!127.0.0.1,127.*" + line:                     false,
		"10.*" + line + "127.0.0.1" + line:            false,
		"@cert-authority *" + line:                    false,
		"@cert-authority *" + line + "127.0.*" + line: true,
	} {
		config.KnownHosts = []byte(known)
		client, err := host.Dial(t.Context(), config)
		var refused *host.KeyError
		if want != (err == nil) || err != nil && !errors.As(err, &refused) {
			t.Errorf("known_hosts %q: got %v, want it known: %v", known, err, want)
		}
		if err == nil {
			client.Close()
		}
	}
}

func TestDialRefusesWrongHostKeys(t *testing.T) {
	t.Parallel()
	shown, other := signer(t, "ed25519"), signer(t, "ed25519")
	s := newServer(t, shown)
	elsewhere := knownhosts.Line([]string{"192.0.2.1"}, shown.PublicKey()) + "\n"
	fingerprint := ssh.FingerprintSHA256(shown.PublicKey())
	tests := map[string]struct {
		known            string
		changed, revoked bool
		says             []string
	}{
		"changed":      {known: string(s.client(other).KnownHosts), changed: true, says: []string{"has changed", fingerprint, ssh.FingerprintSHA256(other.PublicKey()), "ssh_host_public_key"}},
		"other type":   {known: string(s.client(signer(t, "rsa")).KnownHosts), changed: true, says: []string{"has changed", "ssh-ed25519"}},
		"unknown":      {known: elsewhere, says: []string{"unknown", fingerprint, "known_hosts has no entry for [127.0.0.1]:"}},
		"revoked":      {known: string(s.client(shown).KnownHosts) + "@revoked * " + string(ssh.MarshalAuthorizedKey(shown.PublicKey())), revoked: true, says: []string{"revoked", fingerprint}},
		"default port": {known: knownhosts.Line([]string{"127.0.0.1"}, shown.PublicKey()), says: []string{"unknown"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			config := s.client()
			config.KnownHosts = []byte(test.known)
			_, err := host.Dial(t.Context(), config)
			var refused *host.KeyError
			if !errors.As(err, &refused) {
				t.Fatalf("got %v, want a host key error", err)
			}
			if refused.Changed != test.changed || refused.Revoked != test.revoked {
				t.Errorf("changed %v revoked %v, want %v %v", refused.Changed, refused.Revoked, test.changed, test.revoked)
			}
			for _, words := range test.says {
				if !strings.Contains(err.Error(), words) {
					t.Errorf("error lacks %q: %v", words, err)
				}
			}
		})
	}
	if got := s.logins.Load(); got != 0 {
		t.Errorf("%d logins were tried at hosts that were not verified", got)
	}
}

func TestDialRefusedLogin(t *testing.T) {
	t.Parallel()
	key := signer(t, "ed25519")
	s := newServer(t, key)
	config := s.client(key)
	stranger, _, err := host.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	config.Key = stranger
	_, err = host.Dial(t.Context(), config)
	var refused *host.AuthError
	if !errors.As(err, &refused) || refused.User != "ubuntu" {
		t.Fatalf("got %v, want an AuthError for ubuntu", err)
	}
	if !strings.Contains(err.Error(), "private key belongs to the public key") {
		t.Errorf("no remedy in %q", err)
	}
}

func TestDialThroughAgent(t *testing.T) {
	key := signer(t, "ed25519")
	s := newServer(t, key)
	hosttest.Agent(t, s.login)
	config := s.client(key)
	config.Key = secret.Value{}
	dial(t, config)
}

func TestDialNamesThePhaseThatTookTooLong(t *testing.T) {
	t.Parallel()
	key := signer(t, "ed25519")
	s := newServer(t, key)
	slow := newServer(t, key)
	released := make(chan struct{})
	t.Cleanup(func() { close(released) })
	slow.config.PublicKeyCallback = func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) {
		<-released
		return nil, nil
	}
	slow.client()
	closed := freeAddress(t)
	tests := map[string]struct {
		address string
		phase   host.Phase
		says    string
	}{
		"refused port":     {closed, host.PhaseTCP, "TCP connect to " + closed},
		"silent handshake": {silent(t), host.PhaseHandshake, "no answer within 0.5 s"},
		"silent login":     {slow.address, host.PhaseLogin, "login as ubuntu on " + slow.address + ": no answer within 0.5 s"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			config := s.client()
			config.Address, config.Timeout = test.address, 500*time.Millisecond
			config.KnownHosts = []byte(knownhosts.Line([]string{test.address}, key.PublicKey()))
			begun := time.Now()
			_, err := host.Dial(t.Context(), config)
			var lost *host.ConnectionError
			if !errors.As(err, &lost) || lost.Phase != test.phase || !strings.Contains(err.Error(), test.says) {
				t.Fatalf("got %v, want phase %q and %q", err, test.phase, test.says)
			}
			if took := time.Since(begun); took > 3*time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func TestDialEndsWithItsContext(t *testing.T) {
	t.Parallel()
	address := silent(t)
	config := newServer(t, signer(t, "ed25519")).client(signer(t, "ed25519"))
	config.Address, config.Timeout = address, time.Minute
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	_, err := host.Dial(ctx, config)
	if !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "no answer") {
		t.Fatalf("got %v, want the cancellation and no time-out", err)
	}
}

func TestBadInputIsRefusedBeforeAnyConnection(t *testing.T) {
	key := signer(t, "ed25519")
	s := newServer(t, key)
	t.Setenv("SSH_AUTH_SOCK", "")
	tests := map[string]struct {
		change func(*host.Config)
		says   string
	}{
		"no address":      {func(c *host.Config) { c.Address = "" }, "static_ip"},
		"address a list":  {func(c *host.Config) { c.Address = "192.0.2.1,192.0.2.2" }, "host:port"},
		"no user":         {func(c *host.Config) { c.User = "" }, "SSH user"},
		"no known hosts":  {func(c *host.Config) { c.KnownHosts = []byte("\n") }, "ssh_host_public_key"},
		"bad known hosts": {func(c *host.Config) { c.KnownHosts = []byte("nonsense\n") }, "known_hosts"},
		"no key":          {func(c *host.Config) { c.Key = secret.Value{} }, "SSH_AUTH_SOCK"},
		"no PEM key":      {func(c *host.Config) { c.Key = secret.New("hunter2-hunter2") }, "PEM"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			config := s.client(key)
			test.change(&config)
			_, err := host.Dial(t.Context(), config)
			if progress.ExitCode(err) != progress.ExitInvalid || !strings.Contains(err.Error(), test.says) {
				t.Fatalf("got %v (exit %d), want exit 2 and %q", err, progress.ExitCode(err), test.says)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the key shows in %q", err)
			}
		})
	}
}

func TestKnownHostsLine(t *testing.T) {
	t.Parallel()
	const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIH4Y0eBSuOPcvIdKp6ryvTPJpEIBCGKCIAyI7OnTsmsQ"
	tests := map[string]string{
		"203.0.113.7":       "203.0.113.7 " + key,
		"203.0.113.7:22":    "203.0.113.7 " + key,
		"host.local:2222":   "[host.local]:2222 " + key,
		"2001:db8::7":       "2001:db8::7 " + key,
		"[2001:db8::7]:222": "[2001:db8::7]:222 " + key,
	}
	for address, want := range tests {
		got, err := host.KnownHostsLine(address, key+" root@host\n")
		if err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", address, got, err, want)
		}
	}
	for _, bad := range [][2]string{{"", key}, {"a b", key}, {"host", "AAAA"}, {"host", key + "\n" + key}, {"host", ""}} {
		if _, err := host.KnownHostsLine(bad[0], bad[1]); progress.ExitCode(err) != progress.ExitInvalid {
			t.Errorf("%q: got %v, want bad input", bad, err)
		}
	}
}

func TestGenerateKey(t *testing.T) {
	t.Parallel()
	private, public, err := host.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := ssh.ParsePrivateKey([]byte(private.Reveal()))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(parsed.PublicKey()))); got != public {
		t.Errorf("public half is %q, told %q", got, public)
	}
	if !strings.HasPrefix(private.Reveal(), "-----BEGIN OPENSSH PRIVATE KEY-----\n") {
		t.Error("not in OpenSSH format")
	}
}
