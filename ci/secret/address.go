package secret

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
)

// CheckAddress reports why no secret may be sent to address: anyone on the way
// could read it. Plain HTTP is for this machine alone, which is localhost and the
// loopback addresses.
func CheckAddress(address *url.URL) error {
	if address.Scheme != "http" || Loopback(address) {
		return nil
	}
	return fmt.Errorf("%s is plain HTTP, and a secret that goes there can be read on the way: give its https address", Place(address))
}

// Loopback reports whether address names this machine.
func Loopback(address *url.URL) bool {
	name := address.Hostname()
	return name == "localhost" || net.ParseIP(name).IsLoopback()
}

// maxPlace bounds what an error says of an address that a server sent, in bytes.
const maxPlace = 300

// Place returns address for messages, without what may be secret in it: the
// credentials, the query and the fragment.
func Place(address *url.URL) string {
	text := (&url.URL{Scheme: address.Scheme, Host: address.Host, Path: address.Path, RawPath: address.RawPath}).String()
	if len(text) > maxPlace {
		text = text[:maxPlace] + "…"
	}
	return text
}

// RedirectError is a redirect that was not followed.
type RedirectError struct {
	// To is where it leads, without credentials.
	To string
	// Why is the reason for not going there.
	Why string
}

func (e *RedirectError) Error() string { return "it redirects to " + e.To + ", " + e.Why }

// maxRedirects is how often one request is redirected, as in net/http.
const maxRedirects = 10

// CheckRedirect is for an http.Client whose requests carry a secret. It follows a
// redirect within the same scheme, host and port, and only where the request stays
// the same: for others it returns a *RedirectError.
func CheckRedirect(next *http.Request, via []*http.Request) error {
	first := via[0]
	switch {
	case next.URL.Scheme != first.URL.Scheme || next.URL.Host != first.URL.Host:
		return &RedirectError{Place(next.URL), "and a secret goes to no other address than the one that was given"}
	case next.Method != first.Method:
		// net/http would turn a POST into a GET, which looks like success and changes nothing.
		return &RedirectError{Place(next.URL), "where " + first.Method + " would become " + next.Method}
	case len(via) >= maxRedirects:
		return errors.New("it redirects in a circle")
	}
	return nil
}
