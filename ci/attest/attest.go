// Package attest says what an image is made of and where it comes from, beside the
// image in its registry, and signs and verifies that. The formats and programs are
// the field's own: an SPDX document by syft, a SLSA provenance, signatures by
// cosign 2.
//
// With a Signer cosign stores the statements, signed; without one Attach stores
// them, unsigned. It does not tag images, and knows no key management service.
package attest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"gitops/ci/registry"
)

// Types of predicates.
const (
	// TypeSBOM is an SPDX document.
	TypeSBOM = "https://spdx.dev/Document"
	// TypeProvenance is a SLSA provenance, version 1.
	TypeProvenance = "https://slsa.dev/provenance/v1"
)

// Predicate is what is said of an image.
type Predicate struct {
	Type string // TypeSBOM or TypeProvenance
	JSON []byte
}

const (
	inToto        = types.MediaType("application/vnd.in-toto+json")
	emptyConfig   = types.MediaType("application/vnd.oci.empty.v1+json")
	predicateType = "in-toto.io/predicate-type"
)

// Attach puts unsigned statements about subject beside it in its registry, as OCI
// referrers, and returns how many bytes were sent. A provenance that is there
// already, and any SBOM, is not sent again: an SBOM tells the time at which it was
// made and is never the same twice.
func Attach(ctx context.Context, client *registry.Client, subject name.Digest, predicates ...Predicate) (sent int64, err error) {
	return client.Try(ctx, "attaching", subject, func(options ...remote.Option) error {
		there, err := list(subject, options)
		if err != nil {
			return err
		}
		image, err := remote.Head(subject, options...)
		if err != nil {
			return err
		}
		for _, predicate := range predicates {
			statement, err := newStatement(subject, predicate)
			if err != nil {
				return err
			}
			if slices.ContainsFunc(there, statement.same) {
				continue
			}
			if err := statement.write(subject, *image, options); err != nil {
				return err
			}
		}
		return nil
	})
}

// Attached returns the types of the predicates that Attach put beside subject,
// sorted. What cosign stored is not among them.
func Attached(ctx context.Context, client *registry.Client, subject name.Digest) ([]string, error) {
	var found []string
	_, err := client.Try(ctx, "reading the attestations of", subject, func(options ...remote.Option) error {
		there, err := list(subject, options)
		found = nil
		for _, layer := range there {
			found = append(found, layer.Annotations[predicateType])
		}
		return err
	})
	slices.Sort(found)
	return found, err
}

// list returns the layers of the statements about subject. Registries do not agree
// on what they say of a referrer, so that each is looked at.
func list(subject name.Digest, options []remote.Option) ([]v1.Descriptor, error) {
	referrers, err := remote.Referrers(subject, options...)
	if err != nil {
		return nil, err
	}
	index, err := referrers.IndexManifest()
	if err != nil {
		return nil, err
	}
	var layers []v1.Descriptor
	for _, referrer := range index.Manifests {
		image, err := remote.Get(subject.Context().Digest(referrer.Digest.String()), options...)
		if err != nil {
			return nil, err
		}
		var manifest v1.Manifest
		if err := json.Unmarshal(image.Manifest, &manifest); err != nil {
			return nil, fmt.Errorf("reading the attestation %s: %w", referrer.Digest, err)
		}
		for _, layer := range manifest.Layers {
			if layer.MediaType == inToto {
				layers = append(layers, layer)
			}
		}
	}
	return layers, nil
}

// statement is a predicate about an image, as in-toto writes it.
type statement struct {
	predicate string
	content   []byte
	digest    v1.Hash
}

func newStatement(subject name.Digest, predicate Predicate) (*statement, error) {
	hash, err := v1.NewHash(subject.DigestStr())
	if err != nil {
		return nil, fmt.Errorf("reading the digest of %s: %w", subject, err)
	}
	type image struct {
		Name   string            `json:"name"`
		Digest map[string]string `json:"digest"`
	}
	content, err := json.Marshal(struct {
		Type          string          `json:"_type"`
		Subject       []image         `json:"subject"`
		PredicateType string          `json:"predicateType"`
		Predicate     json.RawMessage `json:"predicate"`
	}{"https://in-toto.io/Statement/v1", []image{{subject.Context().Name(), map[string]string{hash.Algorithm: hash.Hex}}}, predicate.Type, predicate.JSON})
	if err != nil {
		return nil, fmt.Errorf("writing a statement of type %s: %w", predicate.Type, err)
	}
	layer, err := static.NewLayer(content, inToto).Digest()
	return &statement{predicate.Type, content, layer}, err
}

// same reports whether layer makes the statement needless.
func (s *statement) same(layer v1.Descriptor) bool {
	return layer.Annotations[predicateType] == s.predicate && (s.predicate == TypeSBOM || layer.Digest == s.digest)
}

// write puts the statement beside subject. The manifest is put even where the
// registry has it: a run that was killed may have left it unlisted, in a registry
// without the referrers API.
func (s *statement) write(subject name.Digest, image v1.Descriptor, options []remote.Option) error {
	config, layer := static.NewLayer([]byte("{}"), emptyConfig), static.NewLayer(s.content, inToto)
	for _, blob := range []v1.Layer{config, layer} {
		if err := remote.WriteLayer(subject.Context(), blob, options...); err != nil {
			return err
		}
	}
	configDigest, err := config.Digest()
	if err != nil {
		return err
	}
	about := map[string]string{predicateType: s.predicate}
	manifest, err := json.Marshal(v1.Manifest{
		SchemaVersion: 2, MediaType: types.OCIManifestSchema1, ArtifactType: string(inToto), Annotations: about,
		Config:  v1.Descriptor{MediaType: emptyConfig, Size: 2, Digest: configDigest},
		Layers:  []v1.Descriptor{{MediaType: inToto, Size: int64(len(s.content)), Digest: s.digest, Annotations: about}},
		Subject: &v1.Descriptor{MediaType: image.MediaType, Size: image.Size, Digest: image.Digest},
	})
	if err != nil {
		return err
	}
	digest, err := static.NewLayer(manifest, types.OCIManifestSchema1).Digest()
	if err != nil {
		return err
	}
	return remote.Put(subject.Context().Digest(digest.String()), rawManifest(manifest), options...)
}

// rawManifest is a manifest as it is sent.
type rawManifest []byte

// RawManifest implements remote.Taggable.
func (m rawManifest) RawManifest() ([]byte, error) { return m, nil }

// MediaType says what to call it.
func (m rawManifest) MediaType() (types.MediaType, error) { return types.OCIManifestSchema1, nil }
