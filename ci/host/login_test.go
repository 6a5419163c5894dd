package host_test

import (
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"gitops/ci/host"
	"gitops/ci/lab/hosttest"
	"gitops/ci/progress"
	"gitops/ci/secret"
)

// identity is a login key with a certificate of an authority.
type identity struct {
	authority   ssh.Signer
	key         secret.Value
	raw         any
	certificate *ssh.Certificate
}

// newIdentity has a new authority sign a new key for user, after change.
func newIdentity(t *testing.T, user string, change func(*ssh.Certificate)) identity {
	t.Helper()
	i := identity{authority: signer(t, "ed25519")}
	var err error
	if i.key, _, err = host.GenerateKey(); err != nil {
		t.Fatal(err)
	}
	if i.raw, err = ssh.ParseRawPrivateKey([]byte(i.key.Reveal())); err != nil {
		t.Fatal(err)
	}
	login, err := ssh.NewSignerFromKey(i.raw)
	if err != nil {
		t.Fatal(err)
	}
	i.certificate = &ssh.Certificate{Key: login.PublicKey(), CertType: ssh.UserCert, ValidPrincipals: []string{user},
		ValidBefore: uint64(time.Now().Add(time.Hour).Unix()),
		Permissions: ssh.Permissions{Extensions: map[string]string{"permit-port-forwarding": ""}}}
	change(i.certificate)
	if err := i.certificate.SignCert(rand.Reader, i.authority); err != nil {
		t.Fatal(err)
	}
	return i
}

func (i identity) text() []byte { return ssh.MarshalAuthorizedKey(i.certificate) }

// trusting starts an sshd that takes certificates of the authority alone.
func (i identity) trusting(t *testing.T) host.Config {
	t.Helper()
	file := filepath.Join(t.TempDir(), "authority.pub")
	if err := os.WriteFile(file, ssh.MarshalAuthorizedKey(i.authority.PublicKey()), 0o600); err != nil {
		t.Fatal(err)
	}
	return hosttest.Start(t, "TrustedUserCAKeys "+file, "AuthorizedKeysFile none").Config()
}

func TestDialWithACertificate(t *testing.T) {
	user := hosttest.Start(t).User
	id := newIdentity(t, user, func(*ssh.Certificate) {})
	config := id.trusting(t)
	config.Key = id.key
	if _, err := host.Dial(t.Context(), config); err == nil {
		t.Fatal("the key alone logs in, so the test shows nothing")
	}
	config.Certificate = id.text()
	dial(t, config)

	hosttest.AgentWith(t, agent.AddedKey{PrivateKey: id.raw})
	config.Key = secret.Value{}
	dial(t, config)

	hosttest.AgentWith(t, agent.AddedKey{PrivateKey: id.raw, Certificate: id.certificate})
	config.Certificate = nil
	dial(t, config)
}

func TestBadCertificatesAreRefusedBeforeAnyConnection(t *testing.T) {
	server := hosttest.Start(t).Config()
	good := newIdentity(t, server.User, func(*ssh.Certificate) {})
	changed := func(change func(*ssh.Certificate)) []byte { return newIdentity(t, server.User, change).text() }
	for says, certificate := range map[string][]byte{
		"is for another key": changed(func(*ssh.Certificate) {}),
		"is not one":         ssh.MarshalAuthorizedKey(good.certificate.Key),
		"key-cert.pub":       []byte("nonsense"),
		"one of a host":      changed(func(c *ssh.Certificate) { c.CertType = ssh.HostCert }),
		"has expired":        changed(func(c *ssh.Certificate) { c.ValidBefore = uint64(time.Now().Add(-time.Minute).Unix()) }),
		"not valid yet":      changed(func(c *ssh.Certificate) { c.ValidAfter = uint64(time.Now().Add(time.Minute).Unix()) }),
	} {
		config := server
		config.Address, config.Certificate = "127.0.0.1:1", certificate
		if _, err := host.Dial(t.Context(), config); progress.ExitCode(err) != progress.ExitInvalid || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v, want exit 2 and %q", err, says)
		}
	}
}
