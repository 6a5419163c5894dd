package lab

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"gitops/ci/images"
)

// Image is an image that the engine has now.
type Image struct {
	Ref string
	// Holds says what stands in for the image of this name where it could not be
	// pulled, such as "nginx-light 1.26.3, from Debian's packages". Empty means
	// that it is the real image.
	Holds string
}

// Missing is an image that is not available.
type Missing struct{ Ref, Why string }

// labelBase marks images that stand in for one of a registry.
const labelBase = "gitops.lab.base"

// pullTime bounds the one attempt to pull that tells whether there is a
// registry.
const pullTime = 90 * time.Second

// provider brings images into the engine: from their registries, or else built
// here.
type provider struct {
	docker   *Docker
	cache    *cache
	maker    *maker
	airGap   bool
	debianID string
}

// newProvider finds out whether there is a registry and provides Debian, which
// everything else stands on.
func newProvider(ctx context.Context, d *Docker, c *cache) (*provider, Image, error) {
	p := &provider{docker: d, cache: c, maker: newMaker(d, c)}
	reachable, err := p.tryPull(ctx, images.Debian)
	if err != nil {
		return nil, Image{}, err
	}
	p.airGap = !reachable
	found, err := p.provide(ctx, images.Debian)
	if err != nil {
		return nil, Image{}, err
	}
	stored, err := d.inspect(ctx, images.Debian)
	if err != nil {
		return nil, Image{}, err
	}
	p.debianID = stored.ID
	return p, found, nil
}

// tryPull pulls ref and reports whether its registry is reachable.
func (p *provider) tryPull(ctx context.Context, ref string) (bool, error) {
	limited, cancel := context.WithTimeout(ctx, pullTime)
	defer cancel()
	err := p.docker.Pull(limited, ref)
	switch {
	case err == nil:
		return true, nil
	case ctx.Err() != nil:
		return false, ctx.Err()
	case strings.Contains(err.Error(), "manifest unknown"), strings.Contains(err.Error(), "manifest for"):
		return false, fmt.Errorf("pulling %s: the registry answers, and does not have it: %w", ref, err)
	}
	p.docker.progress.Say("no container registry is reachable: base images are built here from Debian packages and Go modules")
	return false, nil
}

// errNoStandIn says that an image can be had neither way.
var errNoStandIn = errors.New("no container registry is reachable, and the lab cannot build it")

// all provides refs at once. An image that is not available is returned as missing.
func (p *provider) all(ctx context.Context, refs []string) (have []Image, missing []Missing, err error) {
	refs = slices.Compact(slices.Sorted(slices.Values(refs)))
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	for _, ref := range refs {
		group.Go(func() error {
			found, err := p.provide(ctx, ref)
			mu.Lock()
			defer mu.Unlock()
			for _, why := range []error{errNoStandIn, errNoProvider, errNoTerraform} {
				if errors.Is(err, why) {
					missing = append(missing, Missing{ref, why.Error()})
					return nil
				}
			}
			have = append(have, found)
			return err
		})
	}
	err = group.Wait()
	slices.SortFunc(have, func(a, b Image) int { return strings.Compare(a.Ref, b.Ref) })
	slices.SortFunc(missing, func(a, b Missing) int { return strings.Compare(a.Ref, b.Ref) })
	return have, missing, err
}

// provide makes sure that the engine has ref.
func (p *provider) provide(ctx context.Context, ref string) (Image, error) {
	stored, err := p.docker.inspect(ctx, ref)
	if err != nil {
		return Image{}, err
	}
	real := stored != nil && stored.Labels[labelBase] == ""
	if real {
		return Image{Ref: ref}, nil
	}
	if !p.airGap {
		end := p.docker.progress.Start("pulling " + ref)
		err := p.docker.Pull(ctx, ref)
		end(err)
		return Image{Ref: ref}, err
	}
	return p.standIn(ctx, ref)
}

// standIn builds an image of Debian packages and Go modules that does the work
// of ref.
func (p *provider) standIn(ctx context.Context, ref string) (Image, error) {
	b, known := bases[repository(ref)]
	if !known || strings.Contains(ref, "@") {
		return Image{}, fmt.Errorf("%s: %w", ref, errNoStandIn)
	}
	r, holds, err := b.recipe(ctx, p.maker, ref, p.debianID)
	if err != nil {
		return Image{}, err
	}
	id, err := p.docker.build(ctx, ref, r, labelBase+"="+repository(ref))
	if err != nil {
		return Image{}, err
	}
	if b.dpkg != "" {
		holds, err = p.docker.packageVersion(ctx, p.cache, id, b.dpkg)
	}
	return Image{Ref: ref, Holds: holds}, err
}
