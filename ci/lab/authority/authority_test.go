package authority_test

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gitops/ci/lab/authority"
)

// serve serves with a certificate for git.local of a, and returns its port.
func serve(t *testing.T, a *authority.Authority) string {
	t.Helper()
	certificate, key, err := a.Issue("git.local")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	files := map[string]string{"tls.crt": certificate, "tls.key": key.Reveal()}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	listener, err := authority.Listen("127.0.0.1:0", filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key"))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.NotFoundHandler()}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return port
}

func TestItsOwnAreTrusted(t *testing.T) {
	a, err := authority.New()
	if err != nil {
		t.Fatal(err)
	}
	port := serve(t, a)
	client := a.Client()
	for _, name := range []string{"127.0.0.1", "localhost"} {
		response, err := client.Get("https://" + net.JoinHostPort(name, port))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		response.Body.Close()
	}
	other, err := authority.New()
	if err != nil {
		t.Fatal(err)
	}
	if response, err := other.Client().Get("https://127.0.0.1:" + port); err == nil {
		response.Body.Close()
		t.Error("another authority is trusted")
	}
	if response, err := client.Get("http://127.0.0.1:" + port); err == nil && response.StatusCode != http.StatusBadRequest {
		t.Errorf("it speaks plain HTTP: %s", response.Status)
	}
}

// git and other programs read the authority from a file.
func TestGitTrustsTheFile(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("needs git")
	}
	a, err := authority.New()
	if err != nil {
		t.Fatal(err)
	}
	port := serve(t, a)
	file, err := a.WriteFile(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	ask := func(variables ...string) string {
		git := exec.Command("git", "-c", "http.curloptResolve=git.local:"+port+":127.0.0.1", "ls-remote", "https://git.local:"+port+"/x.git")
		git.Env = append(os.Environ(), append(variables, "GIT_CONFIG_GLOBAL="+os.DevNull, "LC_ALL=C")...)
		said, _ := git.CombinedOutput()
		return string(said)
	}
	if said := ask("GIT_SSL_CAINFO=" + file); !strings.Contains(said, "not found") {
		t.Errorf("with the authority: %s", said)
	}
	if said := ask(); !strings.Contains(said, "certificate") {
		t.Errorf("without the authority: %s", said)
	}
}
