package attest

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"gitops/ci/lab"
	"gitops/ci/lab/labtest"
	"gitops/ci/progress"
)

// sigstore is a Sigstore for tests: by the variables FULCIO_URL, REKOR_URL and
// SIGSTORE_ID_TOKEN, whose claims have an e-mail address, and by cosign's own for
// whom to trust. The public one is none: what tests sign would stay in its log.
func sigstore(t *testing.T, p place) Signer {
	t.Helper()
	fulcio, rekor, token := os.Getenv("FULCIO_URL"), os.Getenv("REKOR_URL"), os.Getenv(tokenVariable)
	if fulcio == "" || rekor == "" || token == "" {
		t.Skip("needs a Sigstore of the tests' own, named by FULCIO_URL, REKOR_URL and " + tokenVariable)
	}
	answer, err := json.Marshal(map[string]string{"value": token})
	if err != nil {
		t.Fatal(err)
	}
	return Signer{Workflow: startTokens(t, 200, string(answer)), FulcioURL: fulcio, RekorURL: rekor, Logins: p.logins, firstWait: time.Millisecond}
}

// A workflow signs an image without a key, once; whoever requires its identity takes
// the image, and whoever requires another does not.
func TestKeyless(t *testing.T) {
	p := startDebianRegistry(t)
	signer := sigstore(t, p)
	labtest.OnPath(t, lab.Cosign)
	token, err := signer.Workflow.token(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	who, issuer := identity(token)
	if who == "" {
		t.Fatal("the token names nobody by an e-mail address")
	}
	image := Attested{p.push(t, "team/app"), []Predicate{sbom("1"), provenanceOf(t, "run1")}}
	sign(t, signer, true, image)
	sign(t, signer, false, image)
	if found := p.stored(t, image.Image, ".att"); len(found) != 2 {
		t.Errorf("%d attestations: %v", len(found), found)
	}
	policy := Policy{Identity: who, Issuer: issuer, RekorURL: signer.RekorURL, Logins: p.logins, firstWait: time.Millisecond}
	if err := Verify(t.Context(), policy, []string{image.Image.String()}); err != nil {
		t.Error(err)
	}
	for says, change := range map[string]func(*Policy){
		"somebody@example.org":  func(p *Policy) { p.Identity = "somebody@example.org" },
		"https://other.example": func(p *Policy) { p.Issuer = "https://other.example" },
	} {
		other := policy
		change(&other)
		if err := Verify(t.Context(), other, []string{image.Image.String()}); progress.ExitCode(err) != progress.ExitRefused || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v (exit %d), want exit 3 and %q", err, progress.ExitCode(err), says)
		}
	}
}
