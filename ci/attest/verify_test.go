package attest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gitops/ci/lab"
	"gitops/ci/lab/envtest"
	"gitops/ci/lab/labtest"
	"gitops/ci/progress"
	"gitops/ci/registry"
	"gitops/ci/secret"
)

func TestPolicyThatIsNone(t *testing.T) {
	for says, p := range map[string]Policy{
		"no signature to require": {},
		"one of them":             {PublicKey: publicHeader, Identity: "me", Issuer: "https://i.local"},
		"give both":               {Identity: "me"},
		"both":                    {Issuer: "https://i.local"},
		"BEGIN PUBLIC KEY":        {PublicKey: "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----"},
	} {
		if err := Verify(context.Background(), p, nil); progress.ExitCode(err) != progress.ExitInvalid || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v, want exit 2 and %q", err, says)
		}
	}
}

func TestRefsWithoutDigestAreRefused(t *testing.T) {
	err := Verify(context.Background(), Policy{PublicKey: publicHeader}, []string{"r.local/app:v1", "r.local/other", "r.local/app@sha256:" + nines})
	if progress.ExitCode(err) != progress.ExitRefused || !strings.Contains(err.Error(), "r.local/app:v1") || !strings.Contains(err.Error(), "r.local/other") ||
		strings.Contains(err.Error(), nines) || !strings.Contains(err.Error(), "bump --pin") {
		t.Errorf("got %v (exit %d)", err, progress.ExitCode(err))
	}
}

func TestVerifyForReal(t *testing.T) {
	labtest.OnPath(t, lab.Cosign)
	ownTemp(t)
	p, keys, others := startDebianRegistry(t), newPair(t), newPair(t)
	signed, again, foreign, plain := p.push(t, "team/app"), p.push(t, "team/app"), p.push(t, "foreign"), p.push(t, "plain")
	for _, image := range []Attested{{Image: signed}, {Image: again}} {
		sign(t, p.signer(keys), true, image)
	}
	sign(t, p.signer(others), true, Attested{Image: foreign})
	verify := func(refs ...string) error { return Verify(context.Background(), p.policy(keys), refs) }
	if err := verify(p.address+"/team/app:v1@"+signed.DigestStr(), again.String()); err != nil {
		t.Error(err)
	}
	err := verify(signed.String(), foreign.String(), plain.String())
	if progress.ExitCode(err) != progress.ExitRefused {
		t.Fatalf("got %v (exit %d)", err, progress.ExitCode(err))
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], foreign.String()) || !strings.Contains(lines[0], "no signature of the key") ||
		!strings.Contains(lines[1], plain.String()) || !strings.Contains(lines[1], "has no signature of it") {
		t.Errorf("got\n%v", err)
	}

	t.Run("by an identity", func(t *testing.T) {
		trustNobody(t, keys)
		policy := p.policy(pair{})
		policy.Identity, policy.Issuer = "me@example.org", "https://i.local"
		err := Verify(context.Background(), policy, []string{signed.String()})
		if progress.ExitCode(err) != progress.ExitRefused || !strings.Contains(err.Error(), "me@example.org") {
			t.Errorf("got %v (exit %d)", err, progress.ExitCode(err))
		}
	})
	t.Run("wrong password", func(t *testing.T) {
		policy := p.policy(keys)
		policy.Logins = append(policy.Logins[:0:0], policy.Logins...)
		policy.Logins[0].Password = secret.New("wrong-password")
		err := Verify(context.Background(), policy, []string{signed.String()})
		if progress.ExitCode(err) != progress.ExitFailed || !strings.Contains(err.Error(), "user name and password") {
			t.Errorf("got %v (exit %d)", err, progress.ExitCode(err))
		}
	})
	t.Run("a registry that does not answer", func(t *testing.T) {
		err := verify("127.0.0.1:1/app@" + signed.DigestStr())
		if progress.ExitCode(err) != progress.ExitFailed || !strings.Contains(err.Error(), "127.0.0.1:1") {
			t.Errorf("got %v (exit %d)", err, progress.ExitCode(err))
		}
	})
}

// trustNobody gives cosign roots of trust that vouch for nobody, so that it needs
// no network to know them.
func trustNobody(t *testing.T, keys pair) {
	t.Helper()
	dir := t.TempDir()
	os.WriteFile(dir+"/key.pub", []byte(keys.public), 0o600)
	os.WriteFile(dir+"/root.pem", selfSigned(t), 0o600)
	t.Setenv("SIGSTORE_ROOT_FILE", dir+"/root.pem")
	t.Setenv("SIGSTORE_REKOR_PUBLIC_KEY", dir+"/key.pub")
	t.Setenv("SIGSTORE_CT_LOG_PUBLIC_KEY_FILE", dir+"/key.pub")
}

// A registry that fails is an error and no refusal, however cosign reports it.
func TestVerifyTellsAFaultFromARefusal(t *testing.T) {
	labtest.OnPath(t, lab.Cosign)
	keys := newPair(t)
	for status, says := range map[int]string{401: "user name and password", 403: "right to app", 429: "limits its requests", 503: "the registry failed"} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			p, count := faulty(t, status, true)
			image := p.push(t, "app")
			sign(t, p.signer(keys), true, Attested{Image: image})
			count.Store(1000)
			err := Verify(context.Background(), p.policy(keys), []string{image.String()})
			if progress.ExitCode(err) != progress.ExitFailed || !strings.Contains(fmt.Sprint(err), says) {
				t.Errorf("got %v (exit %d), want exit 1 and %q", err, progress.ExitCode(err), says)
			}
			if status == 429 || status == 503 {
				count.Store(2)
				if err := Verify(context.Background(), p.policy(keys), []string{image.String()}); err != nil || count.Load() > 0 {
					t.Errorf("what passes: %v, %d failures left", err, count.Load())
				}
			}
		})
	}
}

func selfSigned(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	root := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, root, root, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// cosign would send the login over plain HTTP to a registry with a private address.
func TestLoginStaysOffPlainHTTP(t *testing.T) {
	listener, err := net.Listen("tcp", net.JoinHostPort(privateAddress(t), "0"))
	if err != nil {
		t.Fatal(err)
	}
	var told atomic.Int32
	web := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			told.Add(1)
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="registry"`)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	web.Listener = listener
	web.Start()
	t.Cleanup(web.Close)
	address := listener.Addr().String()
	started := filepath.Join(t.TempDir(), "started")
	envtest.New(t, "cosign", "touch "+started)
	p := Policy{PublicKey: publicHeader, firstWait: time.Millisecond,
		Logins: []registry.Login{{Host: address, Username: "robot", Password: secret.New(registryPassword)}}}
	ref := address + "/team/app@sha256:" + strings.Repeat("a", 64)
	err = Verify(t.Context(), p, []string{ref})
	if progress.ExitCode(err) != progress.ExitInvalid || !strings.Contains(err.Error(), "--plain-http-host") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(started); err == nil || told.Load() > 0 {
		t.Errorf("cosign was started: %v; %d requests had the login", err == nil, told.Load())
	}
	p.PlainHTTP = true
	if err := Verify(t.Context(), p, []string{ref}); err != nil {
		t.Errorf("with plain HTTP allowed: %v", err)
	}
}

// privateAddress returns an address of this machine that is not the loopback's.
func privateAddress(t *testing.T) string {
	t.Helper()
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range addresses {
		if network, ok := address.(*net.IPNet); ok && network.IP.To4() != nil && network.IP.IsPrivate() {
			return network.IP.String()
		}
	}
	t.Skip("needs a network interface with a private address")
	return ""
}
