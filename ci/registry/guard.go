package registry

import (
	"net/http"
	"net/url"

	"gitops/ci/progress"
	"gitops/ci/secret"
)

// guard keeps logins and tokens from going where they can be read. The library
// turns to plain HTTP by itself where a registry has a private address, and answers
// any challenge there.
type guard struct {
	inner http.RoundTripper
	// plain allows plain HTTP everywhere: the user said that the registry has no TLS.
	plain bool
}

// RoundTrip implements http.RoundTripper.
func (g guard) RoundTrip(request *http.Request) (*http.Response, error) {
	// The service that gives out tokens gets a refresh token in a form.
	form := request.Header.Get("Content-Type") == "application/x-www-form-urlencoded"
	switch {
	case !form && request.Header.Get("Authorization") == "":
	case !g.plain && secret.CheckAddress(request.URL) != nil:
		return nil, progress.Invalid("the login would go to %s, which is plain HTTP, where it can be read on the way: "+
			"give the registry TLS, or say that it has none with --plain-http-host", secret.Place(request.URL))
	case form && request.Response != nil && !sameServer(request.URL, request.Response.Request.URL):
		return nil, progress.Invalid("the login would go to %s, where %s redirects: the registry's token service must answer by itself",
			secret.Place(request.URL), secret.Place(request.Response.Request.URL))
	}
	return g.inner.RoundTrip(request)
}

func sameServer(a, b *url.URL) bool { return a.Scheme == b.Scheme && a.Host == b.Host }
