package attest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"

	"gitops/ci/lab"
	"gitops/ci/lab/labtest"
	"gitops/ci/progress"
	"gitops/ci/secret"
)

const keyPassword = "key-password"

func TestSigningArgs(t *testing.T) {
	image, err := name.NewDigest("r.local/team/app:tag@sha256:" + nines)
	if err != nil {
		t.Fatal(err)
	}
	key := Signer{Key: secret.New("k")}
	token := Signer{IdentityToken: secret.New("t")}
	other := Signer{IdentityToken: secret.New("t"), FulcioURL: "https://f.local", RekorURL: "https://r.local"}
	ref := "r.local/team/app@sha256:" + nines
	for want, got := range map[string][]string{
		"sign --yes --key env://COSIGN_PRIVATE_KEY --tlog-upload=false " + ref:                                                             key.signArgs(image),
		"sign --yes --oidc-provider envvar " + ref:                                                                                         token.signArgs(image),
		"sign --yes --oidc-provider envvar --fulcio-url https://f.local --rekor-url https://r.local " + ref:                                other.signArgs(image),
		"attest --yes --replace --type https://spdx.dev/Document --predicate /f --key env://COSIGN_PRIVATE_KEY --tlog-upload=false " + ref: key.attestArgs(image, TypeSBOM, "/f"),
		"verify --key env://COSIGN_PUBLIC_KEY --insecure-ignore-tlog=true " + ref:                                                          Policy{PublicKey: "k"}.args(image),
		"verify --certificate-identity me --certificate-oidc-issuer https://i.local --rekor-url https://r.local " + ref:                    Policy{Identity: "me", Issuer: "https://i.local", RekorURL: "https://r.local"}.args(image),
	} {
		if strings.Join(got, " ") != want {
			t.Errorf("got  %s\nwant %s", strings.Join(got, " "), want)
		}
	}
}

func TestSignerThatIsNone(t *testing.T) {
	if (Signer{}).Enabled() || !(Signer{Key: secret.New("k")}).Enabled() || !(Signer{IdentityToken: secret.New("t")}).Enabled() {
		t.Error("Enabled is wrong")
	}
	for says, s := range map[string]Signer{"nothing to sign with": {}, "one of them": {Key: secret.New("k"), IdentityToken: secret.New("t")}} {
		if _, err := s.Sign(context.Background(), Attested{}); progress.ExitCode(err) != progress.ExitInvalid || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v, want exit 2 and %q", err, says)
		}
	}
}

func TestIdentityOfAToken(t *testing.T) {
	for claims, want := range map[string]string{
		`{"iss": "https://token.actions.githubusercontent.com", "sub": "repo:o/r", "job_workflow_ref": "o/r/.github/workflows/ci.yml@refs/heads/main"}`:  "https://github.com/o/r/.github/workflows/ci.yml@refs/heads/main https://token.actions.githubusercontent.com",
		`{"iss": "https://accounts.google.com", "email": "me@example.org"}`:                                                                              "me@example.org https://accounts.google.com",
		`{"iss": "https://oauth2.sigstore.dev/auth", "email": "me@example.org", "federated_claims": {"connector_id": "https://github.com/login/oauth"}}`: "me@example.org https://github.com/login/oauth",
		`{"iss": "https://gitlab.com", "sub": "project_path:g/p"}`:                                                                                       " ",
		`nonsense`: " ",
	} {
		who, issuer := identity(token(claims))
		if got := who + " " + issuer; got != want {
			t.Errorf("%s: got %q, want %q", claims, got, want)
		}
	}
	if who, _ := identity(secret.New("no token")); who != "" {
		t.Errorf("got %s", who)
	}
}

func token(claims string) secret.Value {
	part := base64.RawURLEncoding.EncodeToString
	return secret.New(part([]byte(`{"alg":"RS256"}`)) + "." + part([]byte(claims)) + "." + part([]byte("signature")))
}

// pair is a key pair that cosign made.
type pair struct {
	private secret.Value
	public  string
}

func newPair(t *testing.T) pair {
	t.Helper()
	prefix := filepath.Join(t.TempDir(), "key")
	cmd := exec.Command("cosign", "generate-key-pair", "--output-key-prefix", prefix)
	cmd.Env = append(os.Environ(), "COSIGN_PASSWORD="+keyPassword)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("cosign generate-key-pair: %v\n%s", err, out)
	}
	private, err := secret.FromFile(prefix + ".key")
	if err != nil {
		t.Fatal(err)
	}
	public, err := os.ReadFile(prefix + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	return pair{private, string(public)}
}

func (p place) signer(keys pair) Signer {
	return Signer{Key: keys.private, Password: secret.New(keyPassword), Logins: p.logins, firstWait: time.Millisecond}
}

func (p place) policy(keys pair) Policy {
	return Policy{PublicKey: keys.public, Logins: p.logins, firstWait: time.Millisecond}
}

func sign(t *testing.T, s Signer, want bool, image Attested, platforms ...Attested) {
	t.Helper()
	signed, err := s.Sign(context.Background(), image, platforms...)
	if err != nil || signed != want {
		t.Fatalf("signed %v, %v; want %v", signed, err, want)
	}
}

// attestation returns the predicate that cosign verifies as the user of an image
// would.
func (p place) attestation(t *testing.T, keys pair, image name.Digest, kind string) string {
	t.Helper()
	dir := t.TempDir()
	os.WriteFile(dir+"/config.json", fmt.Appendf(nil, `{"auths": {%q: {"auth": %q}}}`, p.address, base64.StdEncoding.EncodeToString([]byte("robot:"+registryPassword))), 0o600)
	os.WriteFile(dir+"/key.pub", []byte(keys.public), 0o600)
	cmd := exec.Command("cosign", "verify-attestation", "--key", dir+"/key.pub", "--insecure-ignore-tlog=true", "--type", kind, image.Name())
	cmd.Env = append(os.Environ(), "DOCKER_CONFIG="+dir)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("cosign verify-attestation: %v\n%s", err, &said)
	}
	var envelope struct{ Payload []byte }
	var statement struct{ Predicate json.RawMessage }
	if err := errors.Join(json.Unmarshal(out, &envelope), json.Unmarshal(envelope.Payload, &statement)); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	return string(statement.Predicate)
}

// sorted returns a JSON document with its keys in order.
func sorted(t *testing.T, text string) string {
	t.Helper()
	var document any
	if err := json.Unmarshal([]byte(text), &document); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	return string(again)
}

func TestSignForReal(t *testing.T) {
	labtest.OnPath(t, lab.Cosign)
	ownTemp(t)
	p, keys, others := startDebianRegistry(t), newPair(t), newPair(t)
	image := Attested{p.push(t, "team/app"), []Predicate{sbom("1"), provenanceOf(t, "run1")}}
	sign(t, p.signer(keys), true, image)
	sign(t, p.signer(keys), false, image)
	if found := p.stored(t, image.Image, ".sig"); len(found) != 1 {
		t.Errorf("%d signatures", len(found))
	}
	if found := p.stored(t, image.Image, ".att"); len(found) != 2 {
		t.Errorf("%d attestations: %v", len(found), found)
	}
	if got := p.attestation(t, keys, image.Image, "slsaprovenance1"); sorted(t, got) != sorted(t, string(image.Predicates[1].JSON)) {
		t.Errorf("provenance\n%s, want\n%s", got, image.Predicates[1].JSON)
	}
	if got := p.attestation(t, keys, image.Image, "spdxjson"); !strings.Contains(got, "SPDX-2.3") {
		t.Errorf("SBOM %s", got)
	}
	if found := attached(t, p, image.Image); found != "" {
		t.Errorf("unsigned beside signed: %s", found)
	}
	// Another key signs what is signed already, and both signatures count.
	sign(t, p.signer(others), true, Attested{Image: image.Image})
	for _, who := range []pair{keys, others} {
		if signed, err := p.signer(who).Signed(context.Background(), image.Image); err != nil || !signed {
			t.Errorf("signed %v, %v", signed, err)
		}
	}
}

func TestSignAnIndex(t *testing.T) {
	labtest.OnPath(t, lab.Cosign)
	p, keys := startDebianRegistry(t), newPair(t)
	index, images := p.pushIndex(t, "team/app")
	platforms := []Attested{{images[0], []Predicate{sbom("1")}}, {images[1], []Predicate{sbom("2")}}}
	sign(t, p.signer(keys), true, Attested{index, []Predicate{provenanceOf(t, "run1")}}, platforms...)
	if err := Verify(context.Background(), p.policy(keys), []string{index.String(), images[0].String(), images[1].String()}); err != nil {
		t.Error(err)
	}
	p.attestation(t, keys, index, "slsaprovenance1")
	for i, image := range images {
		if got := p.attestation(t, keys, image, "spdxjson"); !strings.Contains(got, fmt.Sprintf(`"created":"%d"`, i+1)) {
			t.Errorf("image %d has the SBOM %s", i, got)
		}
	}
}

func TestSignInParallel(t *testing.T) {
	labtest.OnPath(t, lab.Cosign)
	p, keys := startDebianRegistry(t), newPair(t)
	images := []name.Digest{p.push(t, "team/app"), p.push(t, "team/app"), p.push(t, "other")}
	var group sync.WaitGroup
	for _, image := range images {
		group.Go(func() {
			if signed, err := p.signer(keys).Sign(context.Background(), Attested{image, []Predicate{sbom(image.DigestStr())}}); err != nil || !signed {
				t.Errorf("%s: signed %v, %v", image, signed, err)
			}
		})
	}
	group.Wait()
	for _, image := range images {
		if got := p.attestation(t, keys, image, "spdxjson"); !strings.Contains(got, image.DigestStr()) {
			t.Errorf("%s has the SBOM %s", image, got)
		}
	}
}

// wrapped puts a program in cosign's place that notes its arguments, its files and
// their modes in a folder, and then does what script says; $real is cosign.
func wrapped(t *testing.T, script string) (notes string) {
	t.Helper()
	cosign, err := exec.LookPath("cosign")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	text := "#!/bin/sh\nreal=" + cosign + "\nnotes=" + dir + `
printf '%s\n' "$@" >>$notes/args
env >>$notes/env
if [ -n "$DOCKER_CONFIG" ]; then stat -c '%a' $DOCKER_CONFIG $DOCKER_CONFIG/config.json >>$notes/modes; fi
` + script + "\n"
	if err := os.WriteFile(dir+"/cosign", []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	return dir
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestSecretsStayOutOfArguments(t *testing.T) {
	labtest.OnPath(t, lab.Cosign)
	t.Setenv("AWS_SECRET_ACCESS_KEY", "another-secret")
	ownTemp(t)
	p, keys := startDebianRegistry(t), newPair(t)
	notes := wrapped(t, `exec "$real" "$@"`)
	signer := p.signer(keys)
	sign(t, signer, true, Attested{p.push(t, "app"), []Predicate{sbom("1")}})
	args, env := read(t, notes+"/args"), read(t, notes+"/env")
	for _, word := range []string{"public-key", "verify", "attest", "sign"} {
		if !slices.Contains(strings.Split(args, "\n"), word) {
			t.Errorf("the wrapper did not see cosign %s", word)
		}
	}
	lines := strings.Split(keys.private.Reveal(), "\n")
	for _, known := range []string{lines[1], keyPassword, registryPassword, base64.StdEncoding.EncodeToString([]byte("robot:" + registryPassword))} {
		if strings.Contains(args, known) {
			t.Errorf("%q is in the arguments", known)
		}
	}
	if !strings.Contains(env, keyPassword) || strings.Contains(env, "another-secret") || strings.Contains(env, registryPassword) {
		t.Errorf("environment:\n%s", env)
	}
	modes := strings.Fields(read(t, notes+"/modes"))
	if len(modes) < 2 {
		t.Errorf("the wrapper saw the modes %v, want those of a folder and a file at least", modes)
	}
	for i, mode := range modes {
		if want := []string{"700", "600"}[i%2]; mode != want {
			t.Errorf("mode %s, want %s", mode, want)
		}
	}
}

func TestCancelledSigningLeavesNothing(t *testing.T) {
	labtest.OnPath(t, lab.Cosign)
	ownTemp(t)
	p, keys := startDebianRegistry(t), newPair(t)
	path := os.Getenv("PATH")
	notes := wrapped(t, `[ "$1" != sign ] || { : >$notes/signing; exec sleep 600; }; exec "$real" "$@"`)
	signer := p.signer(keys)
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		for {
			if _, err := os.Stat(notes + "/signing"); err == nil {
				cancel()
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	image := Attested{p.push(t, "app"), []Predicate{sbom("1"), provenanceOf(t, "run1")}}
	if _, err := signer.Sign(ctx, image); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	// The attestations are there and the signature is not: the next run repairs that.
	t.Setenv("PATH", path)
	if signed, err := p.signer(keys).Signed(context.Background(), image.Image); err != nil || signed {
		t.Fatalf("signed %v, %v", signed, err)
	}
	sign(t, p.signer(keys), true, image)
	if found := p.stored(t, image.Image, ".att"); len(found) != 2 {
		t.Errorf("%d attestations: %v", len(found), found)
	}
}

func TestSigningErrors(t *testing.T) {
	labtest.OnPath(t, lab.Cosign)
	ownTemp(t)
	p, keys := startDebianRegistry(t), newPair(t)
	for says, change := range map[string]func(*Signer){
		"COSIGN_PASSWORD":            func(s *Signer) { s.Password = secret.New("wrong-password") },
		"decryption failed":          func(s *Signer) { s.Password = secret.Value{} },
		"cosign generate-key-pair":   func(s *Signer) { s.Key = secret.New("not-a-key") },
		"whole file":                 func(s *Signer) { s.Key = secret.New(s.Key.Reveal()[:100]) },
		"user name and password":     func(s *Signer) { s.Logins[0].Password = secret.New("wrong-password") },
		"COSIGN_PRIVATE_KEY has the": func(s *Signer) { s.Key = secret.New(keys.public) },
	} {
		s := p.signer(keys)
		s.Logins = slices.Clone(p.logins)
		change(&s)
		signed, err := s.Sign(context.Background(), Attested{Image: p.push(t, "team/app")})
		if signed || err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "wrong-password") {
			t.Errorf("got %v, %v, want %q", signed, err, says)
		}
	}
}

// faulty starts a registry that answers status to the next count requests that
// write, or to all that it is asked.
func faulty(t *testing.T, status int, all bool) (p place, count *atomic.Int32) {
	t.Helper()
	count = new(atomic.Int32)
	return startRegistry(t, true, func(w http.ResponseWriter, r *http.Request) bool {
		if count.Load() <= 0 || !all && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
			return false
		}
		count.Add(-1)
		io.Copy(io.Discard, r.Body)
		w.WriteHeader(status)
		return true
	}), count
}

func TestSigningSurvivesWhatPassesAndExplainsTheRest(t *testing.T) {
	labtest.OnPath(t, lab.Cosign)
	keys := newPair(t)
	for status, says := range map[int]string{429: "", 503: "", 401: "user name and password", 403: "right to team/app"} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			p, count := faulty(t, status, false)
			image := p.push(t, "team/app")
			count.Store(1000)
			if says == "" {
				count.Store(4)
			}
			signed, err := p.signer(keys).Sign(context.Background(), Attested{image, []Predicate{sbom("1")}})
			switch {
			case says == "" && (err != nil || !signed || count.Load() > 0), says != "" && (err == nil || !strings.Contains(err.Error(), says)):
				t.Errorf("signed %v, %v, %d failures left; want %q", signed, err, count.Load(), says)
			}
		})
	}
}

// The token goes to Fulcio, and nowhere else.
func TestIdentityTokenReachesFulcioAlone(t *testing.T) {
	labtest.OnPath(t, lab.Cosign)
	ownTemp(t)
	var asked atomic.Bool
	given := token(`{"iss": "https://i.local", "sub": "me", "aud": "sigstore"}`)
	fulcio := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if strings.Contains(string(body)+r.Header.Get("Authorization"), given.Reveal()) {
			asked.Store(true)
		}
		w.WriteHeader(http.StatusBadRequest)
		io.WriteString(w, `{"code": 400, "message": "There was an error processing the identity token `+given.Reveal()+`"}`)
	}))
	t.Cleanup(fulcio.Close)
	p := startDebianRegistry(t)
	notes := wrapped(t, `exec "$real" "$@"`)
	signer := Signer{IdentityToken: given, FulcioURL: fulcio.URL, RekorURL: fulcio.URL, Logins: p.logins}
	_, err := signer.Sign(context.Background(), Attested{Image: p.push(t, "app")})
	if err == nil || !strings.Contains(err.Error(), "ask for a new one") || strings.Contains(err.Error(), given.Reveal()) || !asked.Load() {
		t.Errorf("asked %v, got %v", asked.Load(), err)
	}
	if strings.Contains(read(t, notes+"/args"), given.Reveal()) {
		t.Error("the token is in the arguments")
	}
}
