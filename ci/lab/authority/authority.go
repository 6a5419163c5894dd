// Package authority is the certificate authority of one lab, kept in memory: the
// stand-in for GitHub shows its certificate, and stages trust it.
package authority

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"slices"
	"time"

	"gitops/ci/secret"
)

// Where a stand-in finds its certificate and key, and the authority's certificate.
const (
	CertificateFile = "/run/lab/tls.crt"
	KeyFile         = "/run/lab/tls.key"
	AuthorityFile   = "/run/lab/authority.pem"
)

// lifetime is longer than a lab that was kept is of use.
const lifetime = 30 * 24 * time.Hour

// Authority signs certificates. Its key is nowhere but in this process.
type Authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// New makes an authority.
func New() (*Authority, error) {
	a := &Authority{}
	template := template("gitops lab")
	template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
	signed, key, err := sign(template, a)
	if err != nil {
		return nil, fmt.Errorf("making the lab's certificate authority: %w", err)
	}
	a.key = key
	if a.certificate, err = x509.ParseCertificate(signed); err != nil {
		return nil, fmt.Errorf("making the lab's certificate authority: %w", err)
	}
	return a, nil
}

// PEM returns the authority's certificate, for those who shall trust it.
func (a *Authority) PEM() string { return encode("CERTIFICATE", a.certificate.Raw) }

// WriteFile writes the authority's certificate to a new file in dir, for programs that
// read it from one, and returns its path. The caller removes it.
func (a *Authority) WriteFile(dir string) (string, error) {
	file, err := os.CreateTemp(dir, "authority-*.pem")
	if err != nil {
		return "", fmt.Errorf("writing the lab's certificate authority: %w", err)
	}
	_, err = file.WriteString(a.PEM())
	if err = errors.Join(err, file.Close()); err != nil {
		return "", errors.Join(fmt.Errorf("writing the lab's certificate authority: %w", err), os.Remove(file.Name()))
	}
	return file.Name(), nil
}

// Client returns a client that trusts this authority and no other.
func (a *Authority) Client() *http.Client {
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: pool}
	return &http.Client{Transport: transport}
}

// Issue returns a certificate for host names and its key, both PEM. It is good for
// this machine's own name and address too, where a stand-in's port is published.
func (a *Authority) Issue(names ...string) (certificate string, key secret.Value, err error) {
	template := template(names[0])
	template.DNSNames, template.IPAddresses = slices.Concat(names, []string{"localhost"}), []net.IP{net.IPv4(127, 0, 0, 1)}
	template.KeyUsage, template.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	signed, private, err := sign(template, a)
	if err != nil {
		return "", secret.Value{}, fmt.Errorf("issuing a certificate for %s: %w", names[0], err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return "", secret.Value{}, fmt.Errorf("issuing a certificate for %s: %w", names[0], err)
	}
	return encode("CERTIFICATE", signed), secret.New(encode("PRIVATE KEY", encoded)), nil
}

func template(name string) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)) // fails for a limit below 1
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(lifetime),
	}
}

// sign makes a key for template and has it signed by a, or by itself where a has no
// certificate yet.
func sign(template *x509.Certificate, a *Authority) ([]byte, *ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	parent, parentKey := a.certificate, a.key
	if parent == nil {
		parent, parentKey = template, key
	}
	signed, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), parentKey)
	return signed, key, err
}

func encode(kind string, data []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data}))
}
