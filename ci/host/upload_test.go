package host_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"gitops/ci/host"
	"gitops/ci/lab/hosttest"
)

func random(t *testing.T, size int) []byte {
	t.Helper()
	content := make([]byte, size)
	if _, err := rand.Read(content); err != nil {
		t.Fatal(err)
	}
	return content
}

func TestUploadToSSHD(t *testing.T) {
	t.Parallel()
	client := dial(t, hosttest.Start(t).Config())
	dir := t.TempDir()
	tests := []struct {
		path string
		mode fs.FileMode
		size int
	}{
		{"empty", 0o644, 0},
		{"secret.env", 0o600, 100},
		{"deep/er/read only's", 0o400, 5000},
		{"-dash $(id) 'quoted' \"twice\"", 0o755, 70_000},
		{"big", 0o640, 20 << 20},
	}
	for _, test := range tests {
		t.Run(test.path, func(t *testing.T) {
			path, content := filepath.Join(dir, test.path), random(t, test.size)
			begun := time.Now()
			if err := client.Upload(t.Context(), path, test.mode, content); err != nil {
				t.Fatal(err)
			}
			t.Logf("%d bytes in %s", test.size, time.Since(begun))
			got, err := os.ReadFile(path)
			if err != nil || !bytes.Equal(got, content) {
				t.Fatalf("%d bytes there, %v", len(got), err)
			}
			info, err := os.Stat(path)
			if err != nil || info.Mode().Perm() != test.mode {
				t.Errorf("mode %v, %v, want %v", info.Mode(), err, test.mode)
			}
			leftOvers(t, filepath.Dir(path))
		})
	}
}

func leftOvers(t *testing.T, dir string) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, ".upload.*"))
	if err != nil || len(found) > 0 {
		t.Errorf("temporary files left: %v, %v", found, err)
	}
}

func TestUploadReplaces(t *testing.T) {
	t.Parallel()
	client := dial(t, hosttest.Start(t).Config())
	path := filepath.Join(t.TempDir(), "manifest")
	for _, content := range []string{"first, and longer", "second"} {
		if err := client.Upload(t.Context(), path, 0o600, []byte(content)); err != nil {
			t.Fatal(err)
		}
		if got, _ := os.ReadFile(path); string(got) != content {
			t.Errorf("got %q, want %q", got, content)
		}
	}
}

func TestUploadFails(t *testing.T) {
	t.Parallel()
	client := dial(t, hosttest.Start(t).Config())
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("as it was"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct{ path, says string }{
		"onto a folder":      {dir, "it is a directory"},
		"below a plain file": {file + "/below", "uploading " + file + "/below"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			// Large, so that the host stops reading before everything is sent.
			err := client.Upload(t.Context(), test.path, 0o600, random(t, 8<<20))
			var exit *host.ExitError
			if !errors.As(err, &exit) || !strings.Contains(err.Error(), test.says) {
				t.Fatalf("got %v, want %q", err, test.says)
			}
			leftOvers(t, dir)
		})
	}
	if got, _ := os.ReadFile(file); string(got) != "as it was" {
		t.Errorf("the file is now %q", got)
	}
}

// What does not arrive whole must not take the place of what is there.
func TestUploadThatArrivesBroken(t *testing.T) {
	t.Parallel()
	key := signer(t, "ed25519")
	s := newServer(t, key)
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("as it was"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.exec = func(command string, channel ssh.Channel) (int, error) {
		return shell(command, &halved{channel}, channel), nil
	}
	client := dial(t, s.client(key))
	err := client.Upload(t.Context(), path, 0o600, []byte("0123456789"))
	if err == nil || !strings.Contains(err.Error(), "it did not arrive whole") {
		t.Fatalf("got %v", err)
	}
	if got, _ := os.ReadFile(path); string(got) != "as it was" {
		t.Errorf("the file is now %q", got)
	}
	leftOvers(t, filepath.Dir(path))
}
