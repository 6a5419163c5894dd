// Package registrytest starts OCI registries for tests.
package registrytest

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	server "github.com/google/go-containerregistry/pkg/registry"
	"golang.org/x/crypto/bcrypt"
)

// User is who may use the registry that Debian starts.
const User = "robot"

// Front stands before a registry and can misbehave: it is asked about every
// request, and answers itself when it returns true. Nil lets everything pass.
type Front func(w http.ResponseWriter, r *http.Request) bool

// Start starts a registry in this process, which has the referrers API or not, and
// returns its address.
func Start(t testing.TB, referrers bool, front Front) string {
	t.Helper()
	inner := server.New(server.Logger(log.New(io.Discard, "", 0)), server.WithReferrersSupport(referrers))
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if front == nil || !front(w, r) {
			inner.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(web.Close)
	return strings.TrimPrefix(web.URL, "http://")
}

// Debian starts the reference implementation as Debian packages it, in a process of
// its own, and returns its address. It asks for User's password, and has no
// referrers API. The test is skipped where it is not installed.
func Debian(t testing.TB, password string) string {
	t.Helper()
	binary, err := exec.LookPath("docker-registry")
	if err != nil {
		t.Skip("needs a registry (package docker-registry)")
	}
	dir, err := os.MkdirTemp("", "registrytest-") // t.TempDir has the test's name in it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	address, err := configure(dir, password)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "serve", dir+"/config.yml")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	for range 100 {
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			return address
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("the registry does not listen")
	return ""
}

// configure writes the registry's files and returns the address that it will have.
func configure(dir, password string) (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	address := listener.Addr().String()
	listener.Close()
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		return "", err
	}
	config := fmt.Sprintf(`version: 0.1
log: {level: error}
storage: {filesystem: {rootdirectory: %[1]s/data}, delete: {enabled: true}}
http: {addr: %[2]q}
auth: {htpasswd: {realm: test, path: %[1]s/htpasswd}}
`, dir, address)
	if err := os.WriteFile(dir+"/htpasswd", append([]byte(User+":"), hash...), 0o600); err != nil {
		return "", err
	}
	return address, os.WriteFile(dir+"/config.yml", []byte(config), 0o600)
}
