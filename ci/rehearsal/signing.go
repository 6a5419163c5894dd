package rehearsal

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"

	"github.com/secure-systems-lab/go-securesystemslib/encrypted"

	"gitops/ci/secret"
)

// SigningKey is a pair of keys as cosign generate-key-pair makes one.
type SigningKey struct {
	Private, Password secret.Value
	Public            string // PEM
}

// newSigningKey makes a pair. The private half is encrypted: cosign takes no other.
func newSigningKey() (SigningKey, error) {
	k := SigningKey{Password: random()}
	pair, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return k, fmt.Errorf("making the signing key: %w", err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(pair)
	if err == nil {
		private, err = encrypted.Encrypt(private, []byte(k.Password.Reveal()))
	}
	if err != nil {
		return k, fmt.Errorf("encrypting the signing key: %w", err)
	}
	public, err := x509.MarshalPKIXPublicKey(pair.Public())
	if err != nil {
		return k, fmt.Errorf("making the signing key: %w", err)
	}
	k.Private = secret.New(string(pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED SIGSTORE PRIVATE KEY", Bytes: private})))
	k.Public = string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}))
	return k, nil
}
