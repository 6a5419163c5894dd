package registry

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"gitops/ci/lab/registrytest"
	"gitops/ci/progress"
	"gitops/ci/secret"
)

// A registry with a private address has no TLS, and asks for the login: it gets it
// only where that was allowed.
func TestLoginsStayOffPlainHTTP(t *testing.T) {
	for _, challenge := range []string{`Basic realm="registry"`, `Bearer realm="http://10.1.2.3/token",service="x"`} {
		var told, asked atomic.Int32
		address := registrytest.Start(t, false, func(w http.ResponseWriter, r *http.Request) bool {
			asked.Add(1)
			switch {
			case r.Header.Get("Authorization") != "":
				told.Add(1)
				if r.URL.Path != "/token" {
					return false
				}
				w.Write([]byte(`{"token": "t"}`))
			default:
				w.Header().Set("WWW-Authenticate", challenge)
				w.WriteHeader(http.StatusUnauthorized)
			}
			return true
		})
		client := func(plain bool) *Client {
			c := New(Options{Timeout: 20 * time.Second, FirstWait: time.Millisecond, PlainHTTP: plain,
				Logins: []Login{{"10.1.2.3", "robot", secret.New("registry-password")}}})
			c.client.Proxy = nil
			c.client.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, network, address)
			}
			return c
		}
		image, err := random.Image(2000, 1)
		if err != nil {
			t.Fatal(err)
		}
		push := func(c *Client) error {
			ref, err := c.Reference("10.1.2.3/team/backend:tag")
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.Try(t.Context(), "pushing", ref, func(options ...remote.Option) error { return remote.Write(ref, image, options...) })
			return err
		}
		err = push(client(false))
		if progress.ExitCode(err) != progress.ExitInvalid || !strings.Contains(err.Error(), "--plain-http-host") || strings.Contains(err.Error(), "attempts") {
			t.Errorf("%s: got %v", challenge, err)
		}
		if told.Load() > 0 || asked.Load() == 0 {
			t.Errorf("%s: %d of %d requests had a login", challenge, told.Load(), asked.Load())
		}
		if err := push(client(true)); err != nil || told.Load() == 0 {
			t.Errorf("%s: with plain HTTP allowed: %v, %d logins", challenge, err, told.Load())
		}
	}
}

// A refresh token is in the body, which a redirect with 307 would take along.
func TestRefreshTokenIsNotRedirected(t *testing.T) {
	var told atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { told.Add(1) }))
	defer other.Close()
	service := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusTemporaryRedirect))
	defer service.Close()
	client := http.Client{Transport: guard{http.DefaultTransport, true}}
	response, err := client.PostForm(service.URL, url.Values{"refresh_token": {"planted"}})
	if err == nil {
		response.Body.Close()
	}
	if progress.ExitCode(err) != progress.ExitInvalid || told.Load() > 0 {
		t.Errorf("got %v, the other host was told %d times", err, told.Load())
	}
}
