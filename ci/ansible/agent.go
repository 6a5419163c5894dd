package ansible

import (
	"net"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"gitops/ci/progress"
	"gitops/ci/secret"
)

// keyAgent is an SSH agent with one key in this process's memory. When the
// process dies, the key is gone with it: no key file can stay behind.
type keyAgent struct {
	socket   string
	listener net.Listener
}

func newKeyAgent(socket string, key secret.Value) (*keyAgent, error) {
	private, err := ssh.ParseRawPrivateKey([]byte(key.Reveal()))
	if err != nil {
		// The parser's error may quote the key; it is not repeated.
		return nil, progress.Invalid("the SSH private key is not a PEM private key without a passphrase, whole, with its line breaks")
	}
	keyring := agent.NewKeyring()
	if err := keyring.Add(agent.AddedKey{PrivateKey: private}); err != nil {
		return nil, err
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return nil, err
	}
	a := &keyAgent{socket: socket, listener: listener}
	go a.serve(keyring)
	return a, nil
}

func (a *keyAgent) serve(keyring agent.Agent) {
	for {
		conn, err := a.listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			agent.ServeAgent(keyring, conn)
		}()
	}
}

func (a *keyAgent) close() { a.listener.Close() }
