package robot

import (
	"bytes"
	"crypto/rand"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/ProtonMail/go-crypto/openpgp"
	"golang.org/x/crypto/ssh"

	"gitops/ci/progress"
)

// sign returns the armoured signature of a commit: by PGP or by SSH, whichever
// the key is for. It signs in memory, so that the key is never a file.
func sign(key string, commit []byte) (string, error) {
	if strings.Contains(key, "BEGIN PGP PRIVATE KEY") {
		return signPGP(key, commit)
	}
	return signSSH(key, commit)
}

func signPGP(key string, commit []byte) (string, error) {
	entities, err := openpgp.ReadArmoredKeyRing(strings.NewReader(key))
	if err != nil || len(entities) == 0 {
		// The parser's error may quote the key; it is not repeated.
		return "", progress.Invalid("reading the PGP signing key: it is not an armoured private key, whole, with its line breaks")
	}
	if entities[0].PrivateKey == nil || entities[0].PrivateKey.Encrypted {
		return "", progress.Invalid("reading the PGP signing key: it has no private part without a passphrase")
	}
	var signature bytes.Buffer
	if err := openpgp.ArmoredDetachSign(&signature, entities[0], bytes.NewReader(commit), nil); err != nil {
		return "", fmt.Errorf("signing the commit: %w", err)
	}
	return signature.String(), nil
}

// signSSH makes the signature of OpenSSH's PROTOCOL.sshsig in git's namespace.
func signSSH(key string, commit []byte) (string, error) {
	signer, err := ssh.ParsePrivateKey([]byte(key))
	if err != nil {
		// The parser's error may quote the key; it is not repeated.
		return "", progress.Invalid("reading the SSH signing key: give a private key in PEM, whole and without a passphrase")
	}
	const namespace, hash = "git", "sha512"
	digest := sha512.Sum512(commit)
	signed := struct{ Namespace, Reserved, Hash, Digest string }{namespace, "", hash, string(digest[:])}
	signature, err := signBytes(signer, append([]byte("SSHSIG"), ssh.Marshal(signed)...))
	if err != nil {
		return "", fmt.Errorf("signing the commit: %w", err)
	}
	blob := struct {
		Version                               uint32
		Key, Namespace, Reserved, Hash, Value string
	}{1, string(signer.PublicKey().Marshal()), namespace, "", hash, string(ssh.Marshal(signature))}
	return armour(append([]byte("SSHSIG"), ssh.Marshal(blob)...)), nil
}

// signBytes signs; RSA keys with SHA-512, as the format demands.
func signBytes(signer ssh.Signer, data []byte) (*ssh.Signature, error) {
	if modern, ok := signer.(ssh.AlgorithmSigner); ok && signer.PublicKey().Type() == ssh.KeyAlgoRSA {
		return modern.SignWithAlgorithm(rand.Reader, data, ssh.KeyAlgoRSASHA512)
	}
	return signer.Sign(rand.Reader, data)
}

func armour(blob []byte) string {
	const width = 70
	text := base64.StdEncoding.EncodeToString(blob)
	var b strings.Builder
	b.WriteString("-----BEGIN SSH SIGNATURE-----\n")
	for len(text) > width {
		b.WriteString(text[:width] + "\n")
		text = text[width:]
	}
	b.WriteString(text + "\n-----END SSH SIGNATURE-----\n")
	return b.String()
}
