package rehearsal

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"gitops/ci/registry"
)

// vouched checks that the registry has, beside an image, a signature and what
// cosign attested of it: where it comes from and what is in it. That they are good
// is for deploy to find out.
func (l *loop) vouched(ctx context.Context, ref string) error {
	_, path, _ := strings.Cut(ref, "/")
	client := registry.New(registry.Options{PlainHTTP: true,
		Logins: []registry.Login{{Host: l.world.RegistryURL, Username: l.world.GitUser, Password: l.world.RegistryPassword}}})
	image, err := name.NewDigest(l.world.RegistryURL+"/"+path, name.Insecure)
	if err != nil {
		return fmt.Errorf("reading the ref %s: %w", ref, err)
	}
	beside := image.Context().Tag(strings.Replace(image.DigestStr(), ":", "-", 1))
	var said []string
	_, err = client.Try(ctx, "reading the attestations of", image, func(options ...remote.Option) error {
		if _, err := remote.Head(image.Context().Tag(beside.TagStr()+".sig"), options...); err != nil {
			return err
		}
		attestations, err := remote.Image(image.Context().Tag(beside.TagStr()+".att"), options...)
		if err != nil {
			return err
		}
		manifest, err := attestations.Manifest()
		if err != nil {
			return err
		}
		for _, layer := range manifest.Layers {
			said = append(said, layer.Annotations["predicateType"])
		}
		return nil
	})
	for _, wanted := range []string{"https://spdx.dev/Document", "https://slsa.dev/provenance/v1"} {
		if err == nil && !slices.Contains(said, wanted) {
			err = fmt.Errorf("%s is attested as %v, and not as %s", ref, said, wanted)
		}
	}
	return err
}
