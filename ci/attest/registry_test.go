package attest

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"gitops/ci/lab/registrytest"
	"gitops/ci/lab/texttest"
	"gitops/ci/registry"
	"gitops/ci/secret"
)

const registryPassword = "registry-password"

// place is a registry with what it takes to use it.
type place struct {
	address string
	logins  []registry.Login
}

func (p place) client() *registry.Client {
	return registry.New(registry.Options{Logins: p.logins, Timeout: time.Minute, FirstWait: time.Millisecond})
}

func (p place) options() []remote.Option {
	if len(p.logins) == 0 {
		return nil
	}
	return []remote.Option{remote.WithAuth(&authn.Basic{Username: "robot", Password: registryPassword})}
}

// startRegistry starts a registry in this process.
func startRegistry(t *testing.T, referrers bool, front registrytest.Front) place {
	t.Helper()
	return place{address: registrytest.Start(t, referrers, front)}
}

// startDebianRegistry starts a registry that asks for a login and has no referrers
// API.
func startDebianRegistry(t *testing.T) place {
	t.Helper()
	address := registrytest.Debian(t, registryPassword)
	return place{address, []registry.Login{{Host: address, Username: registrytest.User, Password: secret.New(registryPassword)}}}
}

// push puts a new image into a repository and returns its digest.
func (p place) push(t *testing.T, repository string) name.Digest {
	t.Helper()
	image, err := random.Image(500, 1)
	if err != nil {
		t.Fatal(err)
	}
	return p.write(t, repository, image)
}

func (p place) write(t *testing.T, repository string, image v1.Image) name.Digest {
	t.Helper()
	digest, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	ref := p.digest(t, repository, digest)
	if err := remote.Write(ref, image, p.options()...); err != nil {
		t.Fatal(err)
	}
	return ref
}

func (p place) digest(t *testing.T, repository string, digest v1.Hash) name.Digest {
	t.Helper()
	ref, err := name.NewDigest(p.address + "/" + repository + "@" + digest.String())
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// pushIndex puts an index of two images into a repository.
func (p place) pushIndex(t *testing.T, repository string) (index name.Digest, images []name.Digest) {
	t.Helper()
	made, err := random.Index(500, 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	digest, err := made.Digest()
	if err != nil {
		t.Fatal(err)
	}
	index = p.digest(t, repository, digest)
	if err := remote.WriteIndex(index, made, p.options()...); err != nil {
		t.Fatal(err)
	}
	manifest, err := made.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	for _, image := range manifest.Manifests {
		images = append(images, p.digest(t, repository, image.Digest))
	}
	return index, images
}

// stored returns the media types of what cosign stored beside an image.
func (p place) stored(t *testing.T, image name.Digest, suffix string) []string {
	t.Helper()
	tag := image.Context().Tag(texttest.Replace(t, image.DigestStr(), ":", "-") + suffix)
	there, err := remote.Image(tag, p.options()...)
	var failed *transport.Error
	if errors.As(err, &failed) && failed.StatusCode == http.StatusNotFound {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := there.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, layer := range manifest.Layers {
		found = append(found, layer.Annotations["predicateType"]+string(layer.MediaType))
	}
	return found
}
