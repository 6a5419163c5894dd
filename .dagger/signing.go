package main

import (
	"context"
	"errors"
	"fmt"

	"gitops/.dagger/internal/dagger"
)

// Signing is what images are signed with: a key, or an identity.
type Signing struct {
	// +private
	Key *dagger.Secret
	// +private
	Password *dagger.Secret
	// +private
	IdentityToken *dagger.Secret
	// +private
	RequestURL string
	// +private
	RequestToken *dagger.Secret
	// +private
	FulcioURL string
	// +private
	RekorURL string
}

// WithSigningKey signs the images that are published with a cosign key.
func (m *Gitops) WithSigningKey(
	// Private key, as cosign generate-key-pair makes it.
	key *dagger.Secret,
	// Password of the key.
	password *dagger.Secret,
) *Gitops {
	m.Signing = &Signing{Key: key, Password: password}
	return m
}

// WithSigningIdentity signs the images that are published without a key.
//
// Sigstore certifies the identity in a token, and its public log gets an entry
// with the name of each image. The token is given, or asked for when it is needed:
// by a workflow of GitHub Actions with the permission id-token: write.
func (m *Gitops) WithSigningIdentity(
	// OpenID Connect token for the audience sigstore. It lasts minutes.
	// +optional
	token *dagger.Secret,
	// ACTIONS_ID_TOKEN_REQUEST_URL of the workflow, instead of a token.
	// +optional
	requestUrl string,
	// ACTIONS_ID_TOKEN_REQUEST_TOKEN of the workflow.
	// +optional
	requestToken *dagger.Secret,
	// Certificate authority, instead of the public Sigstore's.
	// +optional
	fulcioUrl string,
	// Transparency log, instead of the public Sigstore's.
	// +optional
	rekorUrl string,
) (*Gitops, error) {
	if (token == nil) == (requestUrl == "" || requestToken == nil) {
		return nil, errors.New("an identity is a token, or where a workflow asks for one: give token, or request-url and request-token")
	}
	m.Signing = &Signing{IdentityToken: token, RequestURL: requestUrl, RequestToken: requestToken, FulcioURL: fulcioUrl, RekorURL: rekorUrl}
	return m, nil
}

// withSigning returns c with what images are signed with, and the flags for it;
// without key and identity, as it was.
func (m *Gitops) withSigning(ctx context.Context, c *dagger.Container) (*dagger.Container, []string, error) {
	s := m.Signing
	keyed, err := exists(ctx, s.Key)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the signing key: %w", err)
	}
	flags := concat(optional("--fulcio-url", s.FulcioURL), optional("--rekor-url", s.RekorURL))
	switch {
	case keyed && s.Password == nil:
		return nil, nil, errors.New("the signing key has no password: give one with it, as cosign asked for when it made the key")
	case keyed:
		return c.WithSecretVariable("COSIGN_PRIVATE_KEY", s.Key).WithSecretVariable("COSIGN_PASSWORD", s.Password), nil, nil
	case s.IdentityToken != nil:
		return c.WithSecretVariable("SIGSTORE_ID_TOKEN", s.IdentityToken), flags, nil
	case s.RequestToken != nil:
		return c.WithEnvVariable("ACTIONS_ID_TOKEN_REQUEST_URL", s.RequestURL).
			WithSecretVariable("ACTIONS_ID_TOKEN_REQUEST_TOKEN", s.RequestToken), append(flags, "--keyless"), nil
	}
	return c, nil, nil
}
