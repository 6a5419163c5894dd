package host

import (
	"crypto/ed25519"
	"encoding/pem"
	"fmt"
	"strings"

	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"

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
