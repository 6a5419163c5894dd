// Package sshagent lends an SSH key to programs without a key file: an agent in this
// process holds the key and signs with it.
package sshagent

import (
	"errors"
	"fmt"
	"net"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"gitops/ci/progress"
	"gitops/ci/secret"
)

// Agent is an SSH agent with one key in this process's memory. When the process
// dies, the key is gone with it: no key file can stay behind.
type Agent struct {
	// Socket is the path of the agent's socket, as SSH_AUTH_SOCK names it.
	Socket   string
	listener net.Listener
}

// Start serves key at the path socket, which must not exist, in a folder that nobody
// else may enter: who reaches the socket can log in. A key that cannot be used is
// progress.Invalid. Close the agent.
func Start(socket string, key secret.Value) (*Agent, error) {
	private, err := parse(key)
	if err != nil {
		return nil, err
	}
	keyring := agent.NewKeyring()
	if err := keyring.Add(agent.AddedKey{PrivateKey: private}); err != nil {
		return nil, progress.Invalid("reading the SSH key: an agent cannot hold one of its kind: make one with ssh-keygen -t ed25519")
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return nil, fmt.Errorf("starting an SSH agent: %w", err)
	}
	a := &Agent{Socket: socket, listener: listener}
	go a.serve(keyring)
	return a, nil
}

// Check reports a key that Start would refuse.
func Check(key secret.Value) error {
	_, err := parse(key)
	return err
}

// parse reads a private key. The parser's error may quote the key: it is not repeated.
func parse(key secret.Value) (any, error) {
	private, err := ssh.ParseRawPrivateKey([]byte(key.Reveal()))
	var encrypted *ssh.PassphraseMissingError
	switch {
	case errors.As(err, &encrypted):
		return nil, progress.Invalid("reading the SSH key: it has a passphrase: give one without")
	case err != nil:
		return nil, progress.Invalid("reading the SSH key: it is not a PEM private key (\"-----BEGIN OPENSSH PRIVATE KEY-----\"), whole, with its line breaks")
	}
	return private, nil
}

func (a *Agent) serve(keyring agent.Agent) {
	for {
		connection, err := a.listener.Accept()
		if err != nil {
			return // closed
		}
		go func() {
			defer connection.Close()
			_ = agent.ServeAgent(keyring, connection) // ends with the connection
		}()
	}
}

// Close ends the agent and removes its socket. It does nothing for nil.
func (a *Agent) Close() {
	if a != nil {
		a.listener.Close()
	}
}
