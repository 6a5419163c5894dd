package attest

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"

	"gitops/ci/progress"
	"gitops/ci/registry"
	"gitops/ci/secret"
)

// Signer signs images, by a key or by an identity. A key leaves no trace in a
// public log: it would publish the names of private images. An identity is bound to
// a key of minutes by Fulcio, and the signature is in the log of Rekor, for all to
// see.
type Signer struct {
	// Key is a private key as cosign generate-key-pair writes it, Password its own.
	Key, Password secret.Value
	// IdentityToken is an OIDC token for the audience sigstore. It lasts minutes:
	// ask for it late. Workflow asks for it by itself.
	IdentityToken secret.Value
	Workflow      Workflow
	// FulcioURL and RekorURL are of a Sigstore other than the public one.
	FulcioURL, RekorURL string
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

// Attested is an image with what is said of it.
type Attested struct {
	Image      name.Digest
	Predicates []Predicate
}

// Enabled reports whether there is anything to sign with.
func (s Signer) Enabled() bool { return s.ways() > 0 }

func (s Signer) ways() (n int) {
	for _, given := range []bool{!s.Key.Empty(), !s.IdentityToken.Empty(), !s.Workflow.empty()} {
		if given {
			n++
		}
	}
	return n
}

func (s Signer) check() error {
	switch s.ways() {
	case 0:
		return progress.Invalid("nothing to sign with: set %s or %s, or sign as a workflow", keyVariable, tokenVariable)
	case 1:
		return s.checkFulcio()
	}
	return progress.Invalid("there are several ways to sign, of %s, %s and a workflow: give one of them", keyVariable, tokenVariable)
}

// checkFulcio refuses to send an identity where it can be read on the way.
func (s Signer) checkFulcio() error {
	address, err := url.Parse(s.FulcioURL)
	if s.Key.Empty() && err == nil {
		err = secret.CheckAddress(address)
	}
	if err != nil {
		return progress.Invalid("the address of Fulcio: %w", err)
	}
	return nil
}

// Sign attests and signs image and its platforms, which are the images of an index.
// The signature of image is written last: it means that all the rest is there. An
// image that has it already is left as it is, and signed is false. A run that was
// killed in between is repaired by the next.
func (s Signer) Sign(ctx context.Context, image Attested, platforms ...Attested) (signed bool, err error) {
	c, err := s.open(ctx)
	if err != nil {
		return false, err
	}
	defer c.close()
	end := s.Progress.Start("sign " + image.Image.Context().RepositoryStr())
	defer func() { end(err) }()
	if there, err := s.signed(ctx, c, image.Image); err != nil || there {
		return false, err
	}
	images := slices.Concat(platforms, []Attested{image})
	for i, each := range images {
		if err := s.attest(ctx, c, each, i); err != nil {
			return false, err
		}
	}
	for _, each := range images {
		if err := c.try(ctx, "signing", each.Image, s.signArgs(each.Image)...); err != nil {
			return false, err
		}
	}
	return true, nil
}

// Ready reports what keeps the signer from signing: no cosign, a key that does not
// open, a token that is not available.
func (s Signer) Ready(ctx context.Context) error {
	c, err := s.open(ctx)
	if err != nil {
		return err
	}
	defer c.close()
	if s.Key.Empty() {
		return nil
	}
	_, err = s.publicKey(ctx, c)
	return err
}

func (s Signer) publicKey(ctx context.Context, c *cosign) (string, error) {
	key, err := c.do(ctx, "public-key", "--key", "env://"+keyVariable)
	if err != nil {
		return "", fmt.Errorf("reading the signing key: %w%s", err, remedy(err))
	}
	return string(key), nil
}

// Signed reports whether image has a good signature of this key or identity. Of
// identities it knows those of GitHub Actions and of e-mail addresses; of others it
// says no, and Sign adds one more signature, which harms nothing.
func (s Signer) Signed(ctx context.Context, image name.Digest) (bool, error) {
	c, err := s.open(ctx)
	if err != nil {
		return false, err
	}
	defer c.close()
	return s.signed(ctx, c, image)
}

// open prepares cosign. It asks for the token of a workflow, which s has then.
func (s *Signer) open(ctx context.Context) (*cosign, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	if !s.Workflow.empty() {
		token, err := s.Workflow.token(ctx)
		if err != nil {
			return nil, err
		}
		s.IdentityToken = token
	}
	c, err := newCosign(leaveOut, registry.Options{Logins: s.Logins, PlainHTTP: s.PlainHTTP, FirstWait: s.firstWait, Progress: s.Progress}, s.Redactor, s.Key, s.Password, s.IdentityToken)
	if err != nil {
		return nil, err
	}
	if s.Key.Empty() {
		c.Env = append(c.Env, tokenVariable+"="+s.IdentityToken.Reveal())
	} else {
		c.Env = append(c.Env, keyVariable+"="+s.Key.Reveal(), passwordVariable+"="+s.Password.Reveal())
	}
	return c, nil
}

func (s Signer) signed(ctx context.Context, c *cosign, image name.Digest) (bool, error) {
	policy := Policy{RekorURL: s.RekorURL}
	if s.Key.Empty() {
		policy.Identity, policy.Issuer = identity(s.IdentityToken)
		if policy.Identity == "" {
			return false, nil
		}
	} else {
		var err error
		if policy.PublicKey, err = s.publicKey(ctx, c); err != nil {
			return false, err
		}
	}
	err := policy.verify(ctx, c, image)
	if unsigned(err) {
		return false, nil
	}
	return err == nil, err
}

// attest stores what is said of an image, in the place of what an earlier run stored.
func (s Signer) attest(ctx context.Context, c *cosign, a Attested, number int) error {
	for i, predicate := range a.Predicates {
		file := filepath.Join(c.Dir, fmt.Sprintf("%d-%d.json", number, i))
		if err := os.WriteFile(file, predicate.JSON, 0o600); err != nil {
			return fmt.Errorf("attesting %s: %w", a.Image, err)
		}
		if err := c.try(ctx, "attesting", a.Image, s.attestArgs(a.Image, predicate.Type, file)...); err != nil {
			return err
		}
	}
	return nil
}

func (s Signer) signArgs(image name.Digest) []string {
	return append(append([]string{"sign", "--yes"}, s.by()...), image.Name())
}

// attestArgs names the type by its address: by the name that cosign has for it, a
// provenance would lose the fields that cosign spells otherwise than SLSA.
func (s Signer) attestArgs(image name.Digest, predicate, file string) []string {
	args := append([]string{"attest", "--yes", "--replace", "--type", predicate, "--predicate", file}, s.by()...)
	return append(args, image.Name())
}

// by returns the arguments that say what cosign signs with.
func (s Signer) by() []string {
	if !s.Key.Empty() {
		return []string{"--key", "env://" + keyVariable, "--tlog-upload=false"}
	}
	args := []string{"--oidc-provider", "envvar"}
	if s.FulcioURL != "" {
		args = append(args, "--fulcio-url", s.FulcioURL)
	}
	if s.RekorURL != "" {
		args = append(args, "--rekor-url", s.RekorURL)
	}
	return args
}

// identity returns whom Fulcio names in the certificate for a token, and by whose
// word; nobody where that cannot be told from the token.
func identity(token secret.Value) (who, issuer string) {
	parts := strings.Split(token.Reveal(), ".")
	if len(parts) != 3 {
		return "", ""
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	var claims struct {
		Issuer    string `json:"iss"`
		Email     string `json:"email"`
		Workflow  string `json:"job_workflow_ref"`
		Federated struct {
			Connector string `json:"connector_id"`
		} `json:"federated_claims"`
	}
	if err != nil || json.Unmarshal(text, &claims) != nil {
		return "", ""
	}
	switch {
	case claims.Issuer == "https://token.actions.githubusercontent.com" && claims.Workflow != "":
		return "https://github.com/" + claims.Workflow, claims.Issuer
	case claims.Email != "" && claims.Federated.Connector != "":
		return claims.Email, claims.Federated.Connector
	case claims.Email != "":
		return claims.Email, claims.Issuer
	}
	return "", ""
}

var (
	badKeyForm   = regexp.MustCompile(`invalid pem block|unsupported pem type|parsing private key|decrypt: `)
	badTokenForm = regexp.MustCompile(`(?i)fulcio|id ?token|oidc`)
)

// remedy returns what to do about a failure that is not the registry's.
func remedy(err error) string {
	switch said := err.Error(); {
	case strings.Contains(said, "decryption failed"):
		return "; the password is not that of the key: check " + passwordVariable
	case badKeyForm.MatchString(said):
		return "; check that " + keyVariable + " has the whole file that cosign generate-key-pair wrote"
	case strings.Contains(said, "--tlog-upload"):
		return "; this is not cosign 2: install that"
	case badTokenForm.MatchString(said):
		return "; the token in " + tokenVariable + " lasts minutes and must be for the audience sigstore: ask for a new one"
	}
	return ""
}
