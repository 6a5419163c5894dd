package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"gitops/ci/attest"
	"gitops/ci/lab"
	"gitops/ci/lab/labtest"
	"gitops/ci/lab/registrytest"
	"gitops/ci/progress"
	"gitops/ci/secret"
)

// knocked is a host that hangs up, and counts how often it was contacted.
func knocked(t *testing.T) (address string, count *atomic.Int32) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	count = new(atomic.Int32)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			count.Add(1)
			conn.Close()
		}
	}()
	return listener.Addr().String(), count
}

// pushedImage puts an image into a registry of the test's own.
func pushedImage(t *testing.T) name.Digest {
	t.Helper()
	address := registrytest.Start(t, false, nil)
	image, err := random.Image(500, 1)
	if err != nil {
		t.Fatal(err)
	}
	digest, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	ref, err := name.NewDigest(address + "/web@" + digest.String())
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(ref, image); err != nil {
		t.Fatal(err)
	}
	return ref
}

// An image that is not signed is refused before anything asks the host; one that is
// goes on to it.
func TestDeployVerifiesBeforeTheHostIsTouched(t *testing.T) {
	labtest.OnPath(t, lab.Cosign)
	t.Chdir(t.TempDir())
	t.Setenv("COSIGN_PASSWORD", "key-password")
	if out, err := exec.Command("cosign", "generate-key-pair", "--output-key-prefix", "key").CombinedOutput(); err != nil {
		t.Fatalf("cosign generate-key-pair: %v\n%s", err, out)
	}
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "login").CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen: %v\n%s", err, out)
	}
	image := pushedImage(t)
	os.WriteFile("compose.yml", fmt.Appendf(nil, "services:\n  web: {image: %q, build: web}\n  proxy: {image: traefik}\n", image), 0o600)
	address, contacts := knocked(t)
	deploy := func(more ...string) (int, string) {
		var said bytes.Buffer
		public, err := os.ReadFile("login.pub")
		if err != nil {
			t.Fatal(err)
		}
		args := append([]string{"deploy", "--manifest", "compose.yml", "--commit", strings.Repeat("a", 40), "--host", address,
			"--host-key", string(public), "--ssh-key-file", "login", "--host-wait", "1s"}, more...)
		code := run(t.Context(), args, io.Discard, &said)
		return code, said.String()
	}
	if code, said := deploy("--verify-key", "key.pub"); code != progress.ExitRefused || !strings.Contains(said, image.DigestStr()) || contacts.Load() > 0 {
		t.Errorf("unsigned: exit %d, %d contacts\n%s", code, contacts.Load(), said)
	}
	key, err := secret.FromFile("key.key")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (attest.Signer{Key: key, Password: secret.New("key-password")}).Sign(t.Context(), attest.Attested{Image: image}); err != nil {
		t.Fatal(err)
	}
	if code, said := deploy("--verify-key", "key.pub"); code != progress.ExitFailed || contacts.Load() == 0 {
		t.Errorf("signed: exit %d, %d contacts\n%s", code, contacts.Load(), said)
	}
	contacts.Store(0)
	if code, said := deploy("--verify-key", "key.pub", "--verify-service", "proxy"); code != progress.ExitRefused || !strings.Contains(said, "traefik: it has no digest") || contacts.Load() > 0 {
		t.Errorf("a named service: exit %d, %d contacts\n%s", code, contacts.Load(), said)
	}
}
