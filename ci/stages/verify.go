package stages

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"slices"

	"gitops/ci/attest"
	"gitops/ci/compose"
	"gitops/ci/progress"
	"gitops/ci/registry"
)

// VerifyOptions say whose signature the images of a deploy must have; none when
// neither Key nor Identity is given.
type VerifyOptions struct {
	// Key is a file with a public key of cosign's.
	Key string `json:"key,omitempty"`
	// Identity signed without a key, and Issuer vouches for it.
	Identity string `json:"identity,omitempty"`
	Issuer   string `json:"issuer,omitempty"`
	// Services must be signed beside those that a release builds.
	Services []string `json:"services,omitempty"`
	// Config is the file with build sections beside the manifest; it need not exist.
	Config string `json:"config,omitempty"`
	// PlainHTTP are hosts, without their ports, of registries that speak no TLS.
	PlainHTTP []string `json:"plain_http,omitempty"`
}

// check looks for the signatures of the images that a manifest runs, before anything
// is deployed.
func (v VerifyOptions) check(ctx context.Context, manifest *compose.Manifest, logins []registry.Login, out Output) error {
	policy, err := v.policy()
	if err != nil || policy == nil {
		return err
	}
	images, err := v.images(manifest)
	if err != nil {
		return err
	}
	for _, service := range slices.Sorted(maps.Keys(images)) {
		out.Progress.Say("%s must be signed: %s", service, images[service])
	}
	refs := slices.Collect(maps.Values(images))
	policy.Logins, policy.Progress, policy.Redactor = logins, out.Progress, out.Redactor
	policy.PlainHTTP = slices.ContainsFunc(refs, func(ref string) bool { return speaksPlainHTTP(ref, v.PlainHTTP) })
	return attest.Verify(ctx, *policy, refs)
}

// policy returns nil when no signature is asked for.
func (v VerifyOptions) policy() (*attest.Policy, error) {
	if v.Key == "" && v.Identity == "" && v.Issuer == "" {
		if len(v.Services) > 0 {
			return nil, progress.Invalid("nothing says whose signature the images must have: give --verify-key, or --verify-identity and --verify-issuer")
		}
		return nil, nil
	}
	policy := attest.Policy{Identity: v.Identity, Issuer: v.Issuer}
	if v.Key != "" {
		key, err := os.ReadFile(v.Key)
		if err != nil {
			return nil, progress.Invalid("reading the public key: %w", err)
		}
		policy.PublicKey = string(key)
	}
	return &policy, policy.Check()
}

// images returns the refs that must be signed, by service.
func (v VerifyOptions) images(manifest *compose.Manifest) (map[string]string, error) {
	config, err := os.ReadFile(v.Config)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, progress.Invalid("reading %s: %w", v.Config, err)
	}
	images, err := manifest.OwnImages(config, v.Services)
	if err == nil && len(images) == 0 {
		err = progress.Invalid("nothing to verify: no service that starts has a build section or is named by --verify-service")
	}
	return images, err
}
