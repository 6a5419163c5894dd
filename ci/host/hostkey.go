package host

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"
	xknownhosts "golang.org/x/crypto/ssh/knownhosts"

	"gitops/ci/progress"
)

// KeyError is a host that did not prove who it is. Nothing was sent to it.
type KeyError struct {
	Address string
	// Changed is true when other keys are known for the address, false when none is.
	Changed bool
	// Revoked is true when known_hosts marks the key as revoked.
	Revoked bool
	// Offered is the fingerprint of the key that the host showed, or the types
	// of its keys when none was of a known type.
	Offered string
	// Known lists the fingerprints in known_hosts for the address.
	Known []string
}

func (e *KeyError) Error() string {
	switch {
	case e.Revoked:
		return fmt.Sprintf("host key of %s is revoked: it showed %s, which known_hosts marks @revoked; do not connect before it has a new key",
			e.Address, e.Offered)
	case e.Changed:
		return fmt.Sprintf("host key of %s has changed: known is %s, but it showed %s; this is another machine or someone in between. "+
			"If the host was rebuilt on purpose, take its new key from Terraform's output ssh_host_public_key into known_hosts",
			e.Address, strings.Join(e.Known, ", "), e.Offered)
	default:
		return fmt.Sprintf("host key of %s is unknown: it showed %s and known_hosts has no entry for %s; "+
			"add its key, for example from Terraform's output ssh_host_public_key, after comparing the fingerprint",
			e.Address, e.Offered, knownhosts.Normalize(e.Address))
	}
}

// knownHosts is a parsed known_hosts file.
type knownHosts struct {
	*knownhosts.HostKeyDB
	callback ssh.HostKeyCallback
}

// parseKnownHosts parses the content of a known_hosts file.
func parseKnownHosts(content []byte) (*knownHosts, error) {
	if len(bytes.TrimSpace(content)) == 0 {
		return nil, progress.Invalid("no known host keys: give known_hosts, for example made from Terraform's output ssh_host_public_key; " +
			"a host whose key is not known beforehand is never connected to")
	}
	// The library reads known_hosts from files only. The keys in it are public.
	file, err := os.CreateTemp("", "known_hosts-")
	if err != nil {
		return nil, fmt.Errorf("reading known_hosts: %w", err)
	}
	defer os.Remove(file.Name())
	_, err = file.Write(content)
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, fmt.Errorf("reading known_hosts: %w", err)
	}
	db, err := knownhosts.NewDB(file.Name())
	if err != nil {
		return nil, progress.Invalid("reading known_hosts: %s", strings.ReplaceAll(err.Error(), file.Name(), "line"))
	}
	return &knownHosts{db, db.HostKeyCallback()}, nil
}

// check returns nil when key is known for address, else a *KeyError. The key
// of an authority proves certificates, and no host by itself.
func (k *knownHosts) check(address string, remote net.Addr, key ssh.PublicKey) error {
	known := k.HostKeys(address)
	refused := &KeyError{Address: address, Offered: describe(key), Changed: len(known) > 0, Known: fingerprints(known)}
	if k.revoked(address, key) {
		refused.Changed, refused.Revoked, refused.Known = false, true, nil
		return refused
	}
	proof := key
	certificate, isCertificate := key.(*ssh.Certificate)
	if isCertificate {
		proof = certificate.SignatureKey
	}
	err := k.callback(address, remote, key)
	if err != nil && isCertificate { // it has expired, is for another host, …
		refused.Offered += " (" + err.Error() + ")"
	}
	// The library also takes a key of port 22 for another port, once a line of the
	// file has a wildcard.
	listed := slices.ContainsFunc(known, func(entry knownhosts.PublicKey) bool {
		return entry.Cert == isCertificate && bytes.Equal(entry.Marshal(), proof.Marshal())
	})
	if err != nil || !listed {
		return refused
	}
	return nil
}

// revoked reports whether known_hosts marks key, or for a certificate its key or
// the authority that signed it, as revoked.
func (k *knownHosts) revoked(address string, key ssh.PublicKey) bool {
	if certificate, ok := key.(*ssh.Certificate); ok {
		return k.revoked(address, certificate.Key) || k.revoked(address, certificate.SignatureKey)
	}
	var revoked *xknownhosts.RevokedError
	return errors.As(k.callback(address, &net.TCPAddr{}, key), &revoked)
}

// otherType is the error for a host that has no key of a type known for it.
func (k *knownHosts) otherType(address string, offered []string) error {
	return &KeyError{Address: address, Changed: true,
		Offered: "only keys of other types (" + strings.Join(offered, ", ") + ")",
		Known:   fingerprints(k.HostKeys(address))}
}

// keyAlgorithms maps a key type to the host key algorithms that prove it, in
// the order they are asked for.
var keyAlgorithms = []struct {
	keyType    string
	algorithms []string
}{
	{ssh.KeyAlgoED25519, []string{ssh.KeyAlgoED25519}},
	{ssh.KeyAlgoECDSA256, []string{ssh.KeyAlgoECDSA256}},
	{ssh.KeyAlgoECDSA384, []string{ssh.KeyAlgoECDSA384}},
	{ssh.KeyAlgoECDSA521, []string{ssh.KeyAlgoECDSA521}},
	{ssh.KeyAlgoRSA, []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}},
}

// certAlgorithms are asked for when an authority vouches for the host. The type
// of the authority's key says nothing about the type of the host's.
var certAlgorithms = []string{
	ssh.CertAlgoED25519v01, ssh.CertAlgoECDSA256v01, ssh.CertAlgoECDSA384v01, ssh.CertAlgoECDSA521v01,
	ssh.CertAlgoRSASHA512v01, ssh.CertAlgoRSASHA256v01,
}

// algorithms returns the host key algorithms to ask of address: those of the
// keys known for it, so that a host with several keys shows the known one. A
// revoked key is asked for only where no other is known. For an unknown host all
// are asked, so that the error can name what it showed.
func (k *knownHosts) algorithms(address string) []string {
	known := k.HostKeys(address)
	trusted := slices.DeleteFunc(slices.Clone(known), func(key knownhosts.PublicKey) bool { return k.revoked(address, key.PublicKey) })
	if len(trusted) > 0 {
		known = trusted
	}
	var types, asked []string
	for _, key := range known {
		if key.Cert {
			asked = certAlgorithms
			continue
		}
		types = append(types, key.Type())
	}
	for _, key := range keyAlgorithms {
		if len(known) == 0 || slices.Contains(types, key.keyType) {
			asked = append(slices.Clip(asked), key.algorithms...)
		}
	}
	return asked
}

func fingerprints(keys []knownhosts.PublicKey) []string {
	var texts []string
	for _, known := range keys {
		texts = append(texts, describe(known.PublicKey))
	}
	return texts
}

// describe names a key as ssh-keygen does.
func describe(key ssh.PublicKey) string { return key.Type() + " " + ssh.FingerprintSHA256(key) }
