package main

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"gitops/ci/attest"
	"gitops/ci/manifest"
	"gitops/ci/progress"
	"gitops/ci/registry"
)

// verifyFlags say whose signature the images of a deploy must have; none when they
// are not given.
type verifyFlags struct {
	key       string
	identity  string
	issuer    string
	services  []string
	plainHTTP bool
}

func (v *verifyFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&v.key, "verify-key", "", "deploy only what is signed by this key: file of a public key of cosign's")
	flags.StringVar(&v.identity, "verify-identity", "", "deploy only what this identity signed, without a key; a workflow of GitHub Actions is\nhttps://github.com/OWNER/REPO/.github/workflows/FILE.yml@refs/heads/BRANCH")
	flags.StringVar(&v.issuer, "verify-issuer", "", "who vouches for --verify-identity; for GitHub Actions https://token.actions.githubusercontent.com")
	flags.StringArrayVar(&v.services, "verify-service", nil, "service whose image must be signed (repeatable), beside those with a build section in the manifest or in gitops.yml")
	flags.BoolVar(&v.plainHTTP, "verify-plain-http", false, "the registry of the signatures speaks plain HTTP")
	cmd.MarkFlagsMutuallyExclusive("verify-key", "verify-identity")
	cmd.MarkFlagsRequiredTogether("verify-identity", "verify-issuer")
}

// check looks for the signatures before anything is deployed.
func (v *verifyFlags) check(ctx context.Context, a *app, text []byte, logins []registry.Login) error {
	policy, err := v.policy()
	if err != nil || policy == nil {
		return err
	}
	images, err := v.images(text)
	if err != nil {
		return err
	}
	for _, service := range slices.Sorted(maps.Keys(images)) {
		a.progress.Say("%s must be signed: %s", service, images[service])
	}
	policy.Logins, policy.PlainHTTP, policy.Progress = logins, v.plainHTTP, a.progress
	return attest.Verify(ctx, *policy, slices.Collect(maps.Values(images)))
}

// policy returns nil when no signature is asked for.
func (v *verifyFlags) policy() (*attest.Policy, error) {
	if v.key == "" && v.identity == "" && v.issuer == "" {
		if len(v.services) > 0 || v.plainHTTP {
			return nil, progress.Invalid("nothing says whose signature the images must have: give --verify-key, or --verify-identity and --verify-issuer")
		}
		return nil, nil
	}
	policy := attest.Policy{Identity: v.identity, Issuer: v.issuer}
	if v.key != "" {
		key, err := os.ReadFile(v.key)
		if err != nil {
			return nil, progress.Invalid("reading the public key: %w", err)
		}
		policy.PublicKey = string(key)
	}
	return &policy, policy.Check()
}

// images returns the refs that must be signed, by service.
func (v *verifyFlags) images(text []byte) (map[string]string, error) {
	config, err := os.ReadFile(manifest.ConfigFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, progress.Invalid("reading %s: %w", manifest.ConfigFile, err)
	}
	images, err := manifest.OwnImages(text, config, v.services)
	if err == nil && len(images) == 0 {
		err = progress.Invalid("nothing to verify: no service has a build section or is named by --verify-service")
	}
	return images, err
}
