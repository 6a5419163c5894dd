package publish

import (
	"context"
	"fmt"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"gitops/ci/secret"
	"gitops/ci/stage"

	"time"
)

// write pushes the image under tag, unless the registry has it there already,
// and fills in ref. Layers that the registry has are not sent.
func (p *publisher) write(ctx context.Context, tag name.Tag, image built, ref *Ref) error {
	digest, err := image.image.Digest()
	if err != nil {
		return fmt.Errorf("digesting %s: %w", tag, err)
	}
	ref.Ref = tag.String() + "@" + digest.String()
	ref.Bytes, err = p.try(ctx, tag, func(options ...remote.Option) error {
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

// RetagOptions say which image gets which tag.
type RetagOptions struct {
	// From is the image, by tag or digest.
	From string
	// Tag is the further tag in the same repository.
	Tag string
	// Timeout and Answer are as in Options.
	Timeout, Answer time.Duration
	// Progress is told what happens; nil is silent.
	Progress *stage.Progress
	// Username and Password are the registry login, as in Options.
	Username string
	Password secret.Value
}

// Retag gives an image in a registry a further tag and returns it as a ref by
// digest. Only the manifest is read and written, no layer.
func Retag(ctx context.Context, o RetagOptions) (string, error) {
	from, err := name.ParseReference(o.From)
	if err != nil {
		return "", stage.Invalid("image to tag again: %w", err)
	}
	tag, err := name.NewTag(from.Context().String() + ":" + o.Tag)
	if err != nil || o.Tag == "" {
		return "", stage.Invalid("%q is not a tag", o.Tag)
	}
	r, err := newRegistry(access{o.Username, o.Password, o.Timeout, o.Answer, 0, o.Progress})
	if err != nil {
		return "", err
	}
	return r.retag(ctx, from, tag)
}

func (r registry) retag(ctx context.Context, from name.Reference, tag name.Tag) (string, error) {
	ref := ""
	_, err := r.try(ctx, tag, func(options ...remote.Option) error {
		descriptor, err := remote.Get(from, options...)
		if err != nil {
			return err
		}
		ref = tag.String() + "@" + descriptor.Digest.String()
		return remote.Tag(tag, descriptor, options...)
	})
	return ref, err
}
