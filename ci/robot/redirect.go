package robot

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"gitops/ci/secret"
)

// discovery is what git asks a server first, below the repository's address.
const discovery = "/info/refs"

// movedTo asks the server at address where it redirects to, which git does not
// tell: " to ADDRESS", or nothing when that cannot be found out. The token goes
// along, for many servers show a private repository to nobody else.
func (g *git) movedTo(ctx context.Context, address string) string {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	ask := strings.TrimSuffix(address, "/") + discovery + "?service=git-upload-pack"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, ask, nil)
	if err != nil {
		return ""
	}
	g.authorize(request)
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		return ""
	}
	defer response.Body.Close()
	location, err := response.Location()
	if err != nil {
		return ""
	}
	location.Path, location.RawPath = strings.TrimSuffix(location.Path, discovery), ""
	return " to " + secret.Place(location)
}

// authorize gives request the token, if it goes to the token's server.
func (g *git) authorize(request *http.Request) {
	server := url.URL{Scheme: request.URL.Scheme, Host: request.URL.Host}
	for _, s := range g.login {
		if name, value, found := strings.Cut(s.value, ": "); found && s.key == "http."+server.String()+"/."+extraHeader {
			request.Header.Set(name, value)
		}
	}
}
