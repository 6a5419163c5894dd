package host

import (
	"crypto/ed25519"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"gitops/ci/progress"
	"gitops/ci/secret"
)

// GenerateKey makes an ed25519 key pair: the private key in OpenSSH's PEM
// format, the public key as a line of authorized_keys without a newline.
func GenerateKey() (privatePEM secret.Value, publicAuthorized string, err error) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return secret.Value{}, "", fmt.Errorf("generating SSH key: %w", err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		return secret.Value{}, "", fmt.Errorf("generating SSH key: %w", err)
	}
	sshPublic, err := ssh.NewPublicKey(public)
	if err != nil {
		return secret.Value{}, "", fmt.Errorf("generating SSH key: %w", err)
	}
	line := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(sshPublic)))
	return secret.New(string(pem.EncodeToMemory(block))), line, nil
}

// KnownHostsLine returns the line of known_hosts, without a newline, that says
// that the host at address (host or host:port) has publicKey, which is given as
// in authorized_keys: "ssh-ed25519 AAAA…".
func KnownHostsLine(address, publicKey string) (string, error) {
	full, err := normalize(address)
	if err != nil {
		return "", err
	}
	key, _, _, rest, err := ssh.ParseAuthorizedKey([]byte(strings.TrimSpace(publicKey)))
	if err != nil || len(rest) > 0 {
		return "", progress.Invalid("host key of %s is not one public key in OpenSSH format (\"ssh-ed25519 AAAA…\")", address)
	}
	return knownhosts.Line([]string{full}, key), nil
}

// authMethod returns how to log in: with key, or through the agent without one.
// The function it returns frees the agent's connection.
func authMethod(key secret.Value) (ssh.AuthMethod, func(), error) {
	if key.Empty() {
		return agentAuth()
	}
	signer, err := ssh.ParsePrivateKey([]byte(key.Reveal()))
	var encrypted *ssh.PassphraseMissingError
	switch {
	case errors.As(err, &encrypted):
		return nil, nil, progress.Invalid("the SSH private key has a passphrase: give one without, or load it into an agent and give none")
	case err != nil:
		// The parser's error may quote the key; it is not repeated.
		return nil, nil, progress.Invalid("the SSH private key is not a PEM private key (\"-----BEGIN OPENSSH PRIVATE KEY-----\"), whole, with its line breaks")
	}
	return ssh.PublicKeys(signer), func() {}, nil
}

func agentAuth() (ssh.AuthMethod, func(), error) {
	socket := os.Getenv("SSH_AUTH_SOCK")
	if socket == "" {
		return nil, nil, progress.Invalid("no SSH private key to log in with: give one, or run an agent (SSH_AUTH_SOCK)")
	}
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return nil, nil, progress.Invalid("no SSH private key given, and the agent at SSH_AUTH_SOCK does not answer: %v", err)
	}
	return ssh.PublicKeysCallback(agent.NewClient(conn).Signers), func() { conn.Close() }, nil
}
