package hosttest

import (
	"net"
	"path/filepath"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"gitops/ci/secret"
)

// Agent serves an SSH agent with keys until the test ends, and has SSH_AUTH_SOCK
// name it.
func Agent(t testing.TB, keys ...secret.Value) {
	t.Helper()
	var held []agent.AddedKey
	for _, key := range keys {
		private, err := ssh.ParseRawPrivateKey([]byte(key.Reveal()))
		must(t, err)
		held = append(held, agent.AddedKey{PrivateKey: private})
	}
	AgentWith(t, held...)
}

// AgentWith is Agent with keys that may have certificates.
func AgentWith(t testing.TB, keys ...agent.AddedKey) {
	t.Helper()
	keyring := agent.NewKeyring()
	for _, key := range keys {
		must(t, keyring.Add(key))
	}
	socket := filepath.Join(t.TempDir(), "agent")
	listener, err := net.Listen("unix", socket)
	must(t, err)
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go agent.ServeAgent(keyring, connection)
		}
	}()
	t.Setenv("SSH_AUTH_SOCK", socket)
}
