package attest

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"gitops/ci/lab/envtest"
	"gitops/ci/progress"
	"gitops/ci/secret"
)

// GitHub's token service as its documentation describes it.
func startTokens(t *testing.T, status int, body string) Workflow {
	t.Helper()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query := r.URL.Query()
		if r.Header.Get("Authorization") != "Bearer request-token" || query.Get("audience") != "sigstore" || query.Get("api-version") != "2.0" {
			t.Errorf("asked %s with %v", r.URL, r.Header)
		}
		w.WriteHeader(status)
		w.Write([]byte(body))
	}))
	t.Cleanup(web.Close)
	return Workflow{RequestURL: web.URL + "/token?api-version=2.0", RequestToken: secret.New("request-token")}
}

func TestWorkflowToken(t *testing.T) {
	token, err := startTokens(t, 200, `{"value": "the-token"}`).token(t.Context())
	if err != nil || token.Reveal() != "the-token" {
		t.Errorf("got %q, %v", token.Reveal(), err)
	}
	for says, w := range map[string]Workflow{
		"403":             startTokens(t, 403, `{"message": "no"}`),
		"without a token": startTokens(t, 200, `{}`),
		"id-token: write": {RequestURL: "https://example.org"},
		"asking GitHub":   {RequestURL: "http://127.0.0.1:1/", RequestToken: secret.New("request-token")},
	} {
		_, err := w.token(t.Context())
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "request-token") {
			t.Errorf("got %v, want %q", err, says)
		}
	}
}

// A workflow's token is what cosign gets, and nothing is signed without it.
func TestSignerAsksForTheWorkflowsToken(t *testing.T) {
	envtest.New(t, "cosign", "exit 0")
	s := Signer{Workflow: startTokens(t, 200, `{"value": "the-token"}`)}
	if !s.Enabled() {
		t.Error("a workflow can sign")
	}
	c, err := s.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	if !strings.Contains(strings.Join(c.Env, "\n"), tokenVariable+"=the-token") || strings.Join(s.by(), " ") != "--oidc-provider envvar" {
		t.Errorf("environment %v, arguments %v", c.Env, s.by())
	}
	s = Signer{Workflow: startTokens(t, 403, "")}
	if _, err := s.open(t.Context()); err == nil {
		t.Error("signed without a token")
	}
	s.IdentityToken = secret.New("another")
	if _, err := s.open(t.Context()); progress.ExitCode(err) != progress.ExitInvalid {
		t.Errorf("two ways to sign: %v", err)
	}
}

// The request's token is as good as the identity: it goes where it was meant to.
func TestWorkflowTokenIsNotRedirected(t *testing.T) {
	var asks atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asks.Add(1)
		w.Write([]byte(`{"value": "x"}`))
	}))
	t.Cleanup(other.Close)
	moved := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	t.Cleanup(moved.Close)
	w := Workflow{RequestURL: moved.URL, RequestToken: secret.New("request-token")}
	if _, err := w.token(t.Context()); err == nil || !strings.Contains(err.Error(), "redirects to "+other.URL) || asks.Load() > 0 {
		t.Errorf("got %v, the other host was asked %d times", err, asks.Load())
	}
	w.RequestURL = "http://tokens.example.invalid/"
	if _, err := w.token(t.Context()); progress.ExitCode(err) != progress.ExitInvalid || !strings.Contains(err.Error(), "plain HTTP") {
		t.Errorf("plain HTTP: %v", err)
	}
	envtest.New(t, "cosign", "")
	s := Signer{IdentityToken: secret.New("token"), FulcioURL: "http://fulcio.example.invalid"}
	if _, err := s.open(t.Context()); progress.ExitCode(err) != progress.ExitInvalid || !strings.Contains(err.Error(), "plain HTTP") {
		t.Errorf("Fulcio over plain HTTP: %v", err)
	}
}
