package sshagent_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"gitops/ci/progress"
	"gitops/ci/secret"
	"gitops/ci/sshagent"
)

// text returns a private key in PEM.
func text(t *testing.T, private any, passphrase string) string {
	t.Helper()
	block, err := ssh.MarshalPrivateKey(private, "")
	if passphrase != "" {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(private, "", []byte(passphrase))
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(block))
}

func TestAgentSigns(t *testing.T) {
	_, ed, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, private := range map[string]any{"ed25519": ed, "ecdsa": ec} {
		t.Run(name, func(t *testing.T) {
			socket := filepath.Join(t.TempDir(), "agent")
			a, err := sshagent.Start(socket, secret.New(text(t, private, "")))
			if err != nil || a.Socket != socket {
				t.Fatalf("%+v, %v", a, err)
			}
			connection, err := net.Dial("unix", socket)
			if err != nil {
				t.Fatal(err)
			}
			defer connection.Close()
			signers, err := agent.NewClient(connection).Signers()
			if err != nil || len(signers) != 1 {
				t.Fatalf("%d keys, %v", len(signers), err)
			}
			signature, err := signers[0].Sign(rand.Reader, []byte("data"))
			if err != nil {
				t.Fatal(err)
			}
			if err := signers[0].PublicKey().Verify([]byte("data"), signature); err != nil {
				t.Error(err)
			}
			a.Close()
			if _, err := os.Stat(socket); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the socket is left: %v", err)
			}
		})
	}
	var none *sshagent.Agent
	none.Close()
}

// TestBadKeysAreNotQuoted looks for any part of a bad key in the error.
func TestBadKeysAreNotQuoted(t *testing.T) {
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	good := text(t, private, "")
	body := strings.Split(good, "\n")[1]
	for name, key := range map[string]string{
		"empty":         "",
		"no PEM":        body,
		"kind unknown":  "-----BEGIN " + body[:30] + "-----\n" + body + "\n-----END " + body[:30] + "-----\n",
		"cut":           good[:len(good)/2],
		"one line":      strings.ReplaceAll(good, "\n", " "),
		"other content": "-----BEGIN OPENSSH PRIVATE KEY-----\naHVudGVyMi1odW50ZXIy\n-----END OPENSSH PRIVATE KEY-----\n",
		"passphrase":    text(t, private, "hunter2-hunter2"),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := sshagent.Start(filepath.Join(t.TempDir(), "agent"), secret.New(key))
			checked := sshagent.Check(secret.New(key))
			if progress.ExitCode(err) != progress.ExitInvalid || checked == nil || checked.Error() != err.Error() {
				t.Fatalf("%v; checked: %v", err, checked)
			}
			for _, part := range []string{body[:30], "hunter2", "aHVudGVyMi1odW50ZXIy"} {
				if strings.Contains(err.Error(), part) {
					t.Errorf("the key is quoted: %v", err)
				}
			}
		})
	}
}
