package publish

import (
	"context"
	"fmt"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// write pushes the image under tag, unless the registry has it there already,
// and fills in ref. Layers that the registry has are not sent.
func (p *publisher) write(ctx context.Context, tag name.Tag, image built, ref *Ref) error {
	digest, err := image.image.Digest()
	if err != nil {
		return fmt.Errorf("digesting %s: %w", tag, err)
	}
	ref.Ref = tag.String() + "@" + digest.String()
	ref.Bytes, err = p.registry.Try(ctx, "pushing", tag, func(options ...remote.Option) error {
		// A registry without the tag, or the repository, answers 404. Any other
		// refusal shows itself in the push, with a better message than to HEAD.
		if there, err := remote.Head(tag, options...); err == nil && there.Digest == digest {
			return nil
		}
		ref.Pushed = true
		return remote.Write(tag, image.image, options...)
	})
	return err
}

// retag gives an image in the registry a further tag and returns it as a ref by
// digest. Only the manifest is read and written, no layer.
func (p *publisher) retag(ctx context.Context, from name.Reference, tag name.Tag) (string, error) {
	ref := ""
	_, err := p.registry.Try(ctx, "tagging", tag, func(options ...remote.Option) error {
		descriptor, err := remote.Get(from, options...)
		if err != nil {
			return err
		}
		ref = tag.String() + "@" + descriptor.Digest.String()
		return remote.Tag(tag, descriptor, options...)
	})
	return ref, err
}
