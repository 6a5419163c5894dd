package host

import (
	"bytes"
	"errors"
	"net"
	"os"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"gitops/ci/progress"
	"gitops/ci/secret"
)

// authMethod returns how to log in: with key, or through the agent without one, and
// with the certificate if there is one. The function it returns frees the agent's
// connection.
func authMethod(key secret.Value, certificate []byte) (ssh.AuthMethod, func(), error) {
	vouched, err := parseCertificate(certificate)
	if err != nil {
		return nil, nil, err
	}
	if key.Empty() {
		return agentAuth(vouched)
	}
	signer, err := parseKey(key)
	if err != nil {
		return nil, nil, err
	}
	signers := certified([]ssh.Signer{signer}, vouched)
	if vouched != nil && len(signers) == 1 {
		return nil, nil, progress.Invalid("the SSH certificate is for another key than the SSH private key: sign the public half of that key")
	}
	return ssh.PublicKeys(signers...), func() {}, nil
}

func parseKey(key secret.Value) (ssh.Signer, error) {
	signer, err := ssh.ParsePrivateKey([]byte(key.Reveal()))
	var encrypted *ssh.PassphraseMissingError
	switch {
	case errors.As(err, &encrypted):
		return nil, progress.Invalid("the SSH private key has a passphrase: give one without, or load it into an agent and give none")
	case err != nil:
		// The parser's error may quote the key; it is not repeated.
		return nil, progress.Invalid("the SSH private key is not a PEM private key (\"-----BEGIN OPENSSH PRIVATE KEY-----\"), whole, with its line breaks")
	}
	return signer, nil
}

// parseCertificate reads a certificate of a user, or returns nil for no text.
func parseCertificate(text []byte) (*ssh.Certificate, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, nil
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey(text)
	certificate, ok := key.(*ssh.Certificate)
	switch {
	case err != nil || !ok:
		return nil, progress.Invalid("the SSH certificate is not one (\"ssh-ed25519-cert-v01@openssh.com AAAA…\"): give the file that ssh-keygen -s wrote, key-cert.pub")
	case certificate.CertType != ssh.UserCert:
		return nil, progress.Invalid("the SSH certificate is one of a host: sign the login key without -h")
	}
	return certificate, checkTime(certificate, time.Now())
}

// checkTime refuses what the host would refuse, with the reason, which it keeps to
// itself.
func checkTime(certificate *ssh.Certificate, now time.Time) error {
	seconds := uint64(max(0, now.Unix())) // #nosec G115 -- not negative
	switch {
	case seconds < certificate.ValidAfter:
		return progress.Invalid("the SSH certificate is not valid yet: compare the clocks of this machine and of its authority")
	case certificate.ValidBefore != ssh.CertTimeInfinity && seconds >= certificate.ValidBefore:
		return progress.Invalid("the SSH certificate has expired: have the login key signed again")
	}
	return nil
}

// certified returns signers, and before them one with the certificate, if it is for
// the key of one of them.
func certified(signers []ssh.Signer, certificate *ssh.Certificate) []ssh.Signer {
	if certificate == nil {
		return signers
	}
	for _, signer := range signers {
		vouched, err := ssh.NewCertSigner(certificate, signer)
		if err == nil {
			return append([]ssh.Signer{vouched}, signers...)
		}
	}
	return signers
}

// agentAuth returns how to log in with what the agent holds: keys and certificates.
func agentAuth(certificate *ssh.Certificate) (ssh.AuthMethod, func(), error) {
	socket := os.Getenv("SSH_AUTH_SOCK")
	if socket == "" {
		return nil, nil, progress.Invalid("no SSH private key to log in with: give one, or run an agent (SSH_AUTH_SOCK)")
	}
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return nil, nil, progress.Invalid("no SSH private key given, and the agent at SSH_AUTH_SOCK does not answer: %v", err)
	}
	signers := func() ([]ssh.Signer, error) {
		held, err := agent.NewClient(conn).Signers()
		return certified(held, certificate), err
	}
	return ssh.PublicKeysCallback(signers), func() { conn.Close() }, nil
}
