package attest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"

	"gitops/ci/lab/envtest"
	"gitops/ci/registry"
	"gitops/ci/secret"
)

func TestCosignGetsWhatItNeeds(t *testing.T) {
	image, err := name.NewDigest("r.local/app@sha256:" + strings.Repeat("0", 64))
	if err != nil {
		t.Fatal(err)
	}
	key := secret.New(envtest.Secret("COSIGN_PRIVATE_KEY"))
	password := secret.New(envtest.Secret("COSIGN_PASSWORD"))
	token := secret.New(envtest.Secret("SIGSTORE_ID_TOKEN"))
	logins := []registry.Login{{Host: "registry.local", Username: "me", Password: secret.New(envtest.Secret("REGISTRY_PASSWORD"))}}
	policy := Policy{PublicKey: publicHeader + "\n", Logins: logins}
	for title, c := range map[string]struct {
		run  func() error
		want []string
	}{
		"key": {func() error { return Signer{Key: key, Password: password, Logins: logins}.Ready(t.Context()) },
			[]string{"COSIGN_PRIVATE_KEY", "COSIGN_PASSWORD"}},
		"identity": {func() error {
			_, err := Signer{IdentityToken: token}.Sign(t.Context(), Attested{Image: image})
			return err
		},
			[]string{"SIGSTORE_ID_TOKEN"}},
		"verify": {func() error { return Verify(t.Context(), policy, []string{image.Name()}) }, nil},
	} {
		t.Run(title, func(t *testing.T) {
			tool := envtest.New(t, "cosign", "")
			if c.run() == nil {
				t.Error("the program in cosign's place fails, and this does not")
			}
			tool.Got(t, c.want...)
		})
	}
}

func TestSyftGetsWhatItNeeds(t *testing.T) {
	tool := envtest.New(t, "syft", "")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "index.json"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := SBOM(t.Context(), dir, "app", "v1"); err == nil {
		t.Error("the program in syft's place fails, and SBOM does not")
	}
	tool.Got(t)
}
