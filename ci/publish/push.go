package publish

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"golang.org/x/sync/errgroup"

	"gitops/ci/progress"
)

// Push pushes what was built in dir, attests and signs it, and puts the commit's
// tag on every service's image, in the order of the services. The tag comes last:
// an image that has it has everything. An error means that not all images got it;
// those that did are harmless: nothing names them.
func Push(ctx context.Context, o Options, found []Found, dir string) ([]Ref, error) {
	p, err := newPublisher(o)
	if err != nil {
		return nil, err
	}
	if len(found) != len(p.Services) {
		return nil, progress.Invalid("%d services were looked for and %d are to be pushed", len(found), len(p.Services))
	}
	for i, f := range found {
		if f.Service != p.Services[i].Name {
			return nil, progress.Invalid("looked for service %s, not for %s", f.Service, p.Services[i].Name)
		}
	}
	return p.pushAll(ctx, found, dir)
}

// pushAll pushes the images in parallel, each to its end, and tells of every one
// that failed.
func (p *publisher) pushAll(ctx context.Context, found []Found, dir string) ([]Ref, error) {
	refs, failed := make([]Ref, len(found)), make([]error, len(found))
	var group errgroup.Group
	for i, f := range found {
		group.Go(func() error {
			begun := time.Now()
			refs[i], failed[i] = p.pushOne(ctx, p.Services[i], p.repositories[i], f, filepath.Join(dir, f.Service))
			refs[i].PushSeconds = seconds(time.Since(begun))
			return nil
		})
	}
	_ = group.Wait() // each error is in failed
	if err := errors.Join(failed...); err != nil {
		return nil, fmt.Errorf("publishing %s: %w", p.Tag, err)
	}
	return refs, nil
}

func (p *publisher) pushOne(ctx context.Context, s Service, repository name.Repository, f Found, dir string) (ref Ref, err error) {
	ref = Ref{Service: s.Name, Ref: f.Ref, Reused: f.Ref != ""}
	if f.Ref != "" && f.From == "" {
		return ref, nil
	}
	end := p.Progress.Start("push " + s.Name)
	defer func() { end(err) }()
	if f.From != "" {
		ref.Bytes, err = p.retag(ctx, f.From, repository.Tag(p.Tag))
		return ref, err
	}
	parts, err := readParts(dir)
	if err != nil {
		return ref, err
	}
	image := p.join(parts, f.Inputs)
	digest, err := image.Digest()
	if err != nil {
		return ref, fmt.Errorf("digesting %s: %w", repository, err)
	}
	at := repository.Digest(digest.String())
	ref.Ref = repository.Tag(p.Tag).String() + "@" + digest.String()
	if ref.Pushed, ref.Bytes, err = p.write(ctx, at, image); err != nil {
		return ref, err
	}
	signed, sent, err := p.vouch(ctx, s, at, parts)
	ref.Signed = signed
	ref.Bytes += sent
	if err != nil {
		return ref, err
	}
	sent, err = p.tag(ctx, image, repository.Tag(p.Tag))
	ref.Bytes += sent
	return ref, err
}

// write pushes the image by its digest, unless the registry has it there already.
// Layers that the registry has are not sent.
func (p *publisher) write(ctx context.Context, at name.Digest, what image) (pushed bool, sent int64, err error) {
	sent, err = p.registry.Try(ctx, "pushing", at, func(options ...remote.Option) error {
		// A registry without it answers 404. Any other refusal shows itself in the
		// push, with a better message than to HEAD.
		if _, err := remote.Head(at, options...); err == nil {
			return nil
		}
		pushed = true
		if index, ok := what.(v1.ImageIndex); ok {
			return remote.WriteIndex(at, index, options...)
		}
		return remote.Write(at, what.(v1.Image), options...)
	})
	return pushed, sent, err
}

// tag puts the tag on an image that the registry has, unless it is there.
func (p *publisher) tag(ctx context.Context, what image, tag name.Tag) (int64, error) {
	digest, err := what.Digest()
	if err != nil {
		return 0, err
	}
	return p.registry.Try(ctx, "tagging", tag, func(options ...remote.Option) error {
		if there, err := remote.Head(tag, options...); err == nil && there.Digest == digest {
			return nil
		}
		return remote.Tag(tag, what, options...)
	})
}

// retag gives an image in the registry a further tag. Only the manifest is read
// and written, no layer.
func (p *publisher) retag(ctx context.Context, from string, tag name.Tag) (int64, error) {
	ref, err := p.registry.Reference(from)
	if err != nil {
		return 0, progress.Invalid("%q is no image: %w", from, err)
	}
	return p.registry.Try(ctx, "tagging", tag, func(options ...remote.Option) error {
		descriptor, err := remote.Get(ref, options...)
		if err != nil {
			return err
		}
		return remote.Tag(tag, descriptor, options...)
	})
}
