package publish

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
	"golang.org/x/sync/errgroup"

	"gitops/ci/builds"
)

// inputsKey is the annotation of an image's manifest that names its inputs.
const inputsKey = "dev.gitops.inputs"

// Found says whether a service's image is in the registry already.
type Found struct {
	Service string `json:"service"`
	// Inputs names what the image is made of.
	Inputs string `json:"inputs"`
	// Ref is the image under the commit's tag, by digest; empty when it has to be
	// built.
	Ref string `json:"ref,omitempty"`
	// From is the ref of an earlier commit with the same inputs, which gets the
	// commit's tag too; empty when the tag is there.
	From string `json:"from,omitempty"`
	// Build is how the image is built where it has to be, whole: an engine that
	// does what it says reads neither the manifest nor the Dockerfile.
	Build builds.Plan `json:"build"`
}

// Reuse looks for each service's image in its registry: under the commit's tag,
// and else under the ref that the manifest has. An image counts when it was made
// of the same inputs and has the attestations and the signature that are asked for.
func Reuse(ctx context.Context, o Options) ([]Found, error) {
	p, err := newPublisher(o)
	if err != nil {
		return nil, err
	}
	return p.reuse(ctx)
}

func (p *publisher) reuse(ctx context.Context) ([]Found, error) {
	if p.Signer.Enabled() {
		// A key that does not open is told before minutes of building.
		if err := p.Signer.Ready(ctx); err != nil {
			return nil, err
		}
	}
	found := make([]Found, len(p.Services))
	group, ctx := errgroup.WithContext(ctx)
	for i, service := range p.Services {
		group.Go(func() (err error) {
			found[i], err = p.find(ctx, service, p.repositories[i])
			return err
		})
	}
	return found, group.Wait()
}

func (p *publisher) find(ctx context.Context, s Service, repository name.Repository) (Found, error) {
	found := Found{Service: s.Name}
	var err error
	if found.Build, err = s.plan(p.Tag); err != nil {
		return found, err
	}
	inputs, err := s.inputs(p.Tag)
	found.Inputs = inputs
	if err != nil || p.Rebuild {
		return found, err
	}
	tag := repository.Tag(p.Tag)
	if digest := p.complete(ctx, tag, inputs); digest != "" {
		found.Ref = tag.String() + "@" + digest
		p.Progress.Say("build %s: not needed, the registry has it", s.Name)
		return found, nil
	}
	previous, err := p.registry.Reference(s.Previous)
	if err != nil || previous.Context().String() != repository.String() {
		return found, nil //nolint:nilerr // an image of another repository is not reused
	}
	if digest := p.complete(ctx, previous, inputs); digest != "" {
		found.Ref, found.From = tag.String()+"@"+digest, repository.Digest(digest).String()
		p.Progress.Say("build %s: not needed, nothing changed since %s", s.Name, s.Previous)
	}
	return found, nil
}

// complete returns the digest of an image that was made of inputs and has all
// that is asked for; nothing when there is none. A registry that does not answer
// as it should only costs a build: pushing tells what is wrong with it.
func (p *publisher) complete(ctx context.Context, ref name.Reference, inputs string) string {
	var there *remote.Descriptor
	_, err := p.registry.Try(ctx, "reading", ref, func(options ...remote.Option) (err error) {
		there, err = remote.Get(ref, options...)
		return err
	})
	var status *transport.Error
	if errors.As(err, &status) && status.StatusCode == http.StatusNotFound {
		return ""
	}
	if err != nil {
		p.Progress.Say("cannot look at %s, so it is built: %v", ref, err)
		return ""
	}
	var manifest struct{ Annotations map[string]string }
	if json.Unmarshal(there.Manifest, &manifest) != nil || manifest.Annotations[inputsKey] != inputs {
		return ""
	}
	digest := ref.Context().Digest(there.Digest.String())
	enough, err := p.attested(ctx, digest)
	switch {
	case err != nil:
		p.Progress.Say("cannot look at what is said of %s, so it is built: %v", digest, err)
		return ""
	case !enough:
		p.Progress.Say("%s lacks an attestation or the signature, so it is built", digest)
		return ""
	}
	return there.Digest.String()
}
