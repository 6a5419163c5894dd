package attest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"golang.org/x/sync/errgroup"

	"gitops/ci/progress"
	"gitops/ci/registry"
	"gitops/ci/secret"
)

// publicHeader begins a public key.
const publicHeader = "-----BEGIN PUBLIC KEY-----"

// atOnce is how many images are verified at the same time.
const atOnce = 4

// Policy says whose signature an image must have: that of a key or of an identity.
type Policy struct {
	// PublicKey is a public key in PEM, as cosign generate-key-pair writes it. A
	// signature of it need not be in a public log.
	PublicKey string
	// Identity is the subject of the signer's certificate, exactly, and Issuer who
	// vouches for it.
	Identity, Issuer string
	// RekorURL is the log of a Sigstore other than the public one.
	RekorURL string
	// Logins are those of the registries; Docker's configuration when empty.
	Logins []registry.Login
	// PlainHTTP is for registries that speak no TLS.
	PlainHTTP bool
	// Progress is told what happens; nil is silent.
	Progress *progress.Progress
	// Redactor takes secrets out of cosign's words; nil knows the logins and keys alone.
	Redactor *secret.Redactor

	// firstWait is the pause before the second attempt, for tests.
	firstWait time.Duration
}

// Check reports a policy that says nothing or too much.
func (p Policy) Check() error {
	switch {
	case p.PublicKey == "" && p.Identity == "" && p.Issuer == "":
		return progress.Invalid("no signature to require: give a public key, or an identity and its issuer")
	case p.PublicKey != "" && (p.Identity != "" || p.Issuer != ""):
		return progress.Invalid("a signature is by a key or by an identity: give one of them")
	case p.PublicKey == "" && (p.Identity == "" || p.Issuer == ""):
		return progress.Invalid("an identity is worth what its issuer is: give both")
	case p.PublicKey != "" && !strings.Contains(p.PublicKey, publicHeader):
		return progress.Invalid("the public key is not of the form %s, as cosign public-key prints it", publicHeader)
	}
	return nil
}

// Verify checks that every ref is signed as the policy says, and names all that
// are not. It refuses refs without a digest: a tag can move once it was checked.
// A registry that cannot be reached is an error and no refusal.
func Verify(ctx context.Context, p Policy, refs []string) (err error) {
	if err := p.Check(); err != nil {
		return err
	}
	images, err := p.pinned(refs)
	if err != nil {
		return err
	}
	c, err := newCosign("", registry.Options{Logins: p.Logins, PlainHTTP: p.PlainHTTP, FirstWait: p.firstWait, Progress: p.Progress}, p.Redactor)
	if err != nil {
		return err
	}
	defer c.close()
	end := p.Progress.Start("verify signatures")
	defer func() { end(err) }()
	failed := make([]error, len(images))
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i, image := range images {
		group.Go(func() error {
			failed[i] = p.judged(image, p.verify(ctx, c, image))
			return nil
		})
	}
	_ = group.Wait() // each error is in failed
	return errors.Join(failed...)
}

// pinned returns refs by their digests, each once.
func (p Policy) pinned(refs []string) ([]name.Digest, error) {
	var options []name.Option
	if p.PlainHTTP {
		options = append(options, name.Insecure)
	}
	var images []name.Digest
	var failed []error
	for _, ref := range slices.Compact(slices.Sorted(slices.Values(refs))) {
		image, err := name.NewDigest(ref, options...)
		if err != nil {
			failed = append(failed, progress.Refused("verifying %s: it has no digest, and a tag can move after it was checked: write refs with digests, as release and bump --pin do", ref))
		}
		images = append(images, image)
	}
	return images, errors.Join(failed...)
}

// verify runs cosign verify.
func (p Policy) verify(ctx context.Context, c *cosign, image name.Digest) error {
	mine := *c // several run at once, each with its own environment
	if p.PublicKey != "" {
		mine.Env = append(slices.Clip(c.Env), publicVariable+"="+p.PublicKey)
	}
	return mine.try(ctx, "verifying", image, p.args(image)...)
}

func (p Policy) args(image name.Digest) []string {
	args := []string{"verify"}
	if p.PublicKey != "" {
		args = append(args, "--key", "env://"+publicVariable, "--insecure-ignore-tlog=true")
	} else {
		args = append(args, "--certificate-identity", p.Identity, "--certificate-oidc-issuer", p.Issuer)
	}
	if p.RekorURL != "" {
		args = append(args, "--rekor-url", p.RekorURL)
	}
	return append(args, image.Name())
}

// judged makes a refusal of an image that is not signed as it should be.
func (p Policy) judged(image name.Digest, err error) error {
	whose := "of the key"
	if p.PublicKey == "" {
		whose = "of " + p.Identity + " by the word of " + p.Issuer
	}
	switch {
	case !unsigned(err):
		return err
	case exitCode(err) == exitUnsigned:
		return progress.Refused("verifying %s: its registry has no signature of it: release it with a key or an identity to sign with", image)
	}
	return progress.Refused("%w; it has no signature %s: find out who signed it", err, whose)
}

// unsigned reports whether cosign looked, and found no signature as it should be.
func unsigned(err error) bool {
	var fault *faultError
	if errors.As(err, &fault) {
		return false
	}
	code := exitCode(err)
	return code == exitUnsigned || code == exitNoMatch || code == exitNoCertificate
}
