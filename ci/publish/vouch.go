package publish

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/google/go-containerregistry/pkg/name"

	"gitops/ci/attest"
)

// buildType names the form of the provenance's parameters: those of Service.
const buildType = "urn:gitops:dockerfile:v1"

// describe writes what is said of an image beside it, for Push.
func (p *publisher) describe(ctx context.Context, s Service, bases []attest.Material, dir string) error {
	if p.NoAttestations {
		return nil
	}
	sbom, err := attest.SBOM(ctx, filepath.Join(dir, ImageFolder), s.Name, p.Tag)
	if err != nil {
		return err
	}
	list, err := json.Marshal(bases)
	if err != nil {
		return err
	}
	for file, content := range map[string][]byte{SBOMFile: sbom, BasesFile: list} {
		if err := os.WriteFile(filepath.Join(dir, file), content, 0o600); err != nil {
			return fmt.Errorf("writing what the image is made of: %w", err)
		}
	}
	return nil
}

// vouch puts beside an image in the registry what it is made of and where it comes
// from, and signs it: by the signer if there is one, else unsigned.
func (p *publisher) vouch(ctx context.Context, s Service, at name.Digest, parts []part) (signed bool, sent int64, err error) {
	whole, platforms, err := p.statements(s, at, parts)
	if err != nil {
		return false, 0, err
	}
	if p.Signer.Enabled() {
		signed, err = p.Signer.Sign(ctx, whole, platforms...)
		return signed, 0, err
	}
	// The image itself comes last: what it has, its platforms have.
	for _, each := range append(platforms, whole) {
		if len(each.Predicates) == 0 {
			continue
		}
		bytes, err := attest.Attach(ctx, p.registry, each.Image, each.Predicates...)
		sent += bytes
		if err != nil {
			return false, sent, err
		}
	}
	return false, sent, nil
}

// statements returns what is said of the image, and of its platforms where it is
// an index: each platform has its own bill of materials.
func (p *publisher) statements(s Service, at name.Digest, parts []part) (whole attest.Attested, platforms []attest.Attested, err error) {
	whole = attest.Attested{Image: at}
	var bases []attest.Material
	for _, part := range parts {
		var predicates []attest.Predicate
		if !p.NoAttestations {
			if part.sbom == nil {
				return whole, nil, fmt.Errorf("there is no bill of materials of %s for %s", s.Name, part.platform)
			}
			predicates = append(predicates, attest.Predicate{Type: attest.TypeSBOM, JSON: part.sbom})
			bases = append(bases, part.bases...)
		}
		if len(parts) == 1 {
			whole.Predicates = predicates
			continue
		}
		digest, err := part.image.Digest()
		if err != nil {
			return whole, nil, fmt.Errorf("digesting the image for %s: %w", part.platform, err)
		}
		platforms = append(platforms, attest.Attested{Image: at.Context().Digest(digest.String()), Predicates: predicates})
	}
	if p.NoAttestations {
		return whole, platforms, nil
	}
	provenance, err := attest.Provenance(p.provenance(s, bases))
	whole.Predicates = append(whole.Predicates, attest.Predicate{Type: attest.TypeProvenance, JSON: provenance})
	return whole, platforms, err
}

func (p *publisher) provenance(s Service, bases []attest.Material) attest.Build {
	dockerfile := s.Dockerfile
	if dockerfile == "" {
		dockerfile = "Dockerfile"
	}
	return attest.Build{
		BuilderID: p.BuilderID, BuildType: buildType, InvocationID: p.InvocationID, Source: p.SourceURL, Commit: p.Tag,
		Service: s.Name, Context: filepath.ToSlash(s.Context), Dockerfile: dockerfile, Target: s.Target, Args: s.Args,
		Platforms: s.Platforms, Bases: bases,
	}
}

// attested reports whether an image has all that is asked for beside it. What is
// put there last stands for the rest.
func (p *publisher) attested(ctx context.Context, at name.Digest) (bool, error) {
	switch {
	case p.Signer.Enabled():
		return p.Signer.Signed(ctx, at)
	case p.NoAttestations:
		return true, nil
	}
	types, err := attest.Attached(ctx, p.registry, at)
	return slices.Contains(types, attest.TypeProvenance), err
}
