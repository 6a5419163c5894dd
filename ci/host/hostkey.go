package host

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"gitops/ci/progress"
)

// HostKeyError is a host that did not prove who it is. Nothing was sent to it.
type HostKeyError struct {
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

func (e *HostKeyError) Error() string {
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
	lines    []string
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
	callback, err := knownhosts.New(file.Name())
	if err != nil {
		return nil, progress.Invalid("reading known_hosts: %s", strings.ReplaceAll(err.Error(), file.Name(), "line"))
	}
	return &knownHosts{lines: strings.Split(string(content), "\n"), callback: callback}, nil
}

// check returns nil when key is known for address, else a *HostKeyError.
func (k *knownHosts) check(address string, remote net.Addr, key ssh.PublicKey) error {
	err := k.callback(address, remote, key)
	if err == nil {
		return nil
	}
	refused := &HostKeyError{Address: address, Offered: describe(key)}
	var revoked *knownhosts.RevokedError
	var unknown *knownhosts.KeyError
	switch {
	case errors.As(err, &revoked):
		refused.Revoked = true
	case errors.As(err, &unknown):
		refused.Changed = len(unknown.Want) > 0
		refused.Known = fingerprints(unknown.Want)
	default: // a certificate that is expired, for another host, …
		refused.Changed = true
		refused.Offered += " (" + err.Error() + ")"
		refused.Known = fingerprints(k.known(address))
	}
	return refused
}

// otherType is the error for a host that has no key of a type known for it.
func (k *knownHosts) otherType(address string, offered []string) error {
	return &HostKeyError{Address: address, Changed: true,
		Offered: "only keys of other types (" + strings.Join(offered, ", ") + ")",
		Known:   fingerprints(k.known(address))}
}

// known returns what known_hosts has for address. The library tells it in the
// error for a key that cannot be known, one that was never seen before.
func (k *knownHosts) known(address string) []knownhosts.KnownKey {
	public, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil
	}
	stranger, err := ssh.NewPublicKey(public)
	if err != nil {
		return nil
	}
	var unknown *knownhosts.KeyError
	if errors.As(k.callback(address, &net.TCPAddr{}, stranger), &unknown) {
		return unknown.Want
	}
	return nil
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
// keys known for it, so that a host with several keys shows the known one. For
// an unknown host all are asked, so that the error can name what it showed.
func (k *knownHosts) algorithms(address string) []string {
	var types, asked []string
	for _, known := range k.known(address) {
		if strings.HasPrefix(strings.TrimSpace(k.lines[known.Line-1]), "@cert-authority") {
			asked = certAlgorithms
			continue
		}
		types = append(types, known.Key.Type())
	}
	everything := len(types) == 0 && len(asked) == 0
	for _, key := range keyAlgorithms {
		if everything || slices.Contains(types, key.keyType) {
			asked = append(slices.Clip(asked), key.algorithms...)
		}
	}
	return asked
}

func fingerprints(keys []knownhosts.KnownKey) []string {
	var texts []string
	for _, known := range keys {
		texts = append(texts, describe(known.Key))
	}
	return texts
}

// describe names a key as ssh-keygen does.
func describe(key ssh.PublicKey) string { return key.Type() + " " + ssh.FingerprintSHA256(key) }
