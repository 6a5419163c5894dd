package secret_test

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"gitops/ci/secret"
)

func parse(t *testing.T, text string) *url.URL {
	t.Helper()
	address, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return address
}

func TestCheckAddress(t *testing.T) {
	for text, allowed := range map[string]bool{
		"https://git.example.com/a":         true,
		"https://10.0.0.1/a":                true,
		"http://localhost:8080/a":           true,
		"http://127.0.0.1:8080/a":           true,
		"http://127.8.9.1/a":                true,
		"http://[::1]:8080/a":               true,
		"http://git.local:8080/a":           false,
		"HTTP://git.local/a":                false,
		"http://localhost.example.com/a":    false,
		"http://127.0.0.1.example.com/a":    false,
		"http://0.0.0.0/a":                  false,
		"http://192.168.0.1/a":              false,
		"http://localhost@git.example.com/": false,
		"http://2130706433/a":               false,
		"ssh://git.example.com/a":           true,
	} {
		err := secret.CheckAddress(parse(t, text))
		if allowed != (err == nil) {
			t.Errorf("%s: %v, want it allowed: %v", text, err, allowed)
		}
		if err != nil && !strings.Contains(err.Error(), "https address") {
			t.Errorf("%s: no remedy in %q", text, err)
		}
	}
}

func TestPlaceHasNoSecret(t *testing.T) {
	got := secret.Place(parse(t, "https://user:planted@host.example:8443/a%2Fb/c?token=planted#planted"))
	if got != "https://host.example:8443/a%2Fb/c" {
		t.Errorf("got %q", got)
	}
	if got := secret.Place(parse(t, "https://host.example/"+strings.Repeat("a", 5000))); len(got) > 400 {
		t.Errorf("%d bytes", len(got))
	}
}

func TestCheckRedirect(t *testing.T) {
	type hop struct{ method, url string }
	from := hop{"POST", "https://api.example.com/repos/old"}
	for name, test := range map[string]struct {
		to   hop
		says string // empty when followed
	}{
		"renamed":       {hop{"POST", "https://api.example.com/repositories/1"}, ""},
		"other host":    {hop{"POST", "https://evil.example/repos?x=planted"}, "https://evil.example/repos,"},
		"below it":      {hop{"POST", "https://evil.api.example.com/"}, "no other address"},
		"other port":    {hop{"POST", "https://api.example.com:8443/repos"}, "no other address"},
		"without TLS":   {hop{"POST", "http://api.example.com/repos"}, "no other address"},
		"became a read": {hop{"GET", "https://api.example.com/repositories/1"}, "POST would become GET"},
	} {
		t.Run(name, func(t *testing.T) {
			next, _ := http.NewRequest(test.to.method, test.to.url, nil)
			first, _ := http.NewRequest(from.method, from.url, nil)
			err := secret.CheckRedirect(next, []*http.Request{first})
			var redirected *secret.RedirectError
			if (test.says == "") != (err == nil) || err != nil && (!errors.As(err, &redirected) || !strings.Contains(err.Error(), test.says)) {
				t.Errorf("got %v, want %q", err, test.says)
			}
			if err != nil && strings.Contains(err.Error(), "planted") {
				t.Errorf("the query is in %q", err)
			}
		})
	}
	first, _ := http.NewRequest("GET", "https://api.example.com/", nil)
	if err := secret.CheckRedirect(first, slices.Repeat([]*http.Request{first}, 10)); err == nil {
		t.Error("a circle is followed for ever")
	}
}
