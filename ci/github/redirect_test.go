package github

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"gitops/ci/lab/githubtest"
	"gitops/ci/lab/texttest"
	"gitops/ci/progress"
	"gitops/ci/secret"
)

// record is a server that answers every request with an empty list, and keeps what
// it was asked and with which Authorization.
type record struct {
	*httptest.Server
	mu   sync.Mutex
	asks []string
}

func newRecord(t *testing.T) *record {
	t.Helper()
	r := &record{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.asks = append(r.asks, request.Method+" "+request.URL.Path+" "+request.Header.Get("Authorization"))
		w.Write([]byte("[]"))
	}))
	t.Cleanup(r.Close)
	return r
}

// redirected is a client of a server that answers every request with status and
// leads to target.
func redirected(t *testing.T, status int, target string) *Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, target+r.URL.Path, status)
	}))
	t.Cleanup(server.Close)
	client, err := New(Config{APIURL: server.URL, Token: secret.New(token), Repo: "octo/site"})
	if err != nil {
		t.Fatal(err)
	}
	client.sleep = func(context.Context, time.Duration) error { t.Error("a redirect is tried again"); return nil }
	return client
}

// The token goes to no other host, whatever the configured one answers.
func TestRedirectsToOtherHostsAreRefused(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		other := newRecord(t)
		client := redirected(t, status, texttest.Replace(t, other.URL, "http://", "http://user:planted@"))
		_, _, err := client.MergedPullRequest(t.Context(), "abc", "main")
		var failed *Error
		if !errors.As(err, &failed) || failed.Status != status {
			t.Fatalf("%d: got %v", status, err)
		}
		for _, want := range []string{"redirects to " + other.URL + "/repos/octo/site/", "new name", "GITHUB_API_URL"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%d: %q lacks %q", status, err, want)
			}
		}
		if strings.Contains(err.Error(), "planted") || strings.Contains(err.Error(), token) {
			t.Errorf("%d: a secret is in %q", status, err)
		}
		if _, _, err := client.UpsertComment(t.Context(), 1, marker, "x"); err == nil {
			t.Errorf("%d: wrote a comment elsewhere", status)
		}
		if len(other.asks) > 0 {
			t.Errorf("%d: the other host was asked %q", status, other.asks)
		}
	}
}

// GitHub answers for a repository that was renamed with its address by number, on
// the same host: 301 to a reader, 307 to a writer.
func TestRenamedRepositoryIsFollowed(t *testing.T) {
	double := githubtest.New(githubtest.Options{Token: token})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rest, old := strings.CutPrefix(r.URL.Path, "/repos/octo/site/")
		switch {
		case !old:
			double.ServeHTTP(w, r)
		case r.Method == http.MethodGet:
			http.Redirect(w, r, "/repos/octo/new/"+rest+"?"+r.URL.RawQuery, http.StatusMovedPermanently)
		default:
			http.Redirect(w, r, "/repos/octo/new/"+rest, http.StatusTemporaryRedirect)
		}
	}))
	t.Cleanup(server.Close)
	double.OpenPull(0, "Bigger", "f", "m", "aaa")
	client, err := New(Config{APIURL: server.URL, Token: secret.New(token), Repo: "octo/site"})
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{"one", "two"} {
		if _, _, err := client.UpsertComment(t.Context(), 1, marker, body); err != nil {
			t.Fatal(err)
		}
	}
	state := double.State()
	if len(state.Comments) != 1 || state.Comments[0].Body != marker+"\ntwo" {
		t.Errorf("comments are %+v", state.Comments)
	}
}

// A redirect that turns a write into a read would look like success.
func TestWriteIsNotTurnedIntoARead(t *testing.T) {
	double := githubtest.New(githubtest.Options{Token: token})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && strings.HasPrefix(r.URL.Path, "/repos/octo/site/") {
			http.Redirect(w, r, strings.Replace(r.URL.Path, "site", "new", 1), http.StatusFound)
			return
		}
		double.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	double.OpenPull(0, "Bigger", "f", "m", "aaa")
	client, err := New(Config{APIURL: server.URL, Token: secret.New(token), Repo: "octo/site"})
	if err != nil {
		t.Fatal(err)
	}
	_, created, err := client.UpsertComment(t.Context(), 1, marker, "one")
	if err == nil || created || !strings.Contains(err.Error(), "POST would become GET") {
		t.Errorf("created %v, %v", created, err)
	}
}

// The address of the next page is the server's to say, its host is not.
func TestPagesStayOnTheHost(t *testing.T) {
	other := newRecord(t)
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Query().Get("page"))
		if len(asked) == 1 {
			w.Header().Set("Link", `<`+other.URL+`/x?page=2>; rel="next"`)
			w.Header().Set("Location", other.URL)
		}
		w.Write([]byte("[]"))
	}))
	t.Cleanup(server.Close)
	client, err := New(Config{APIURL: server.URL, Token: secret.New(token), Repo: "octo/site"})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := client.MergedPullRequest(t.Context(), "abc", "main"); err != nil {
		t.Fatal(err)
	}
	if len(other.asks) > 0 || strings.Join(asked, ",") != ",2" {
		t.Errorf("the other host was asked %q, the configured one for pages %q", other.asks, asked)
	}
}

func TestPlainHTTPIsForThisMachine(t *testing.T) {
	for address, allowed := range map[string]bool{
		"https://github.example.com/api/v3": true, "http://127.0.0.1:1": true, "http://localhost:1": true,
		"http://github.example.com/api/v3": false, "http://10.0.0.1": false,
	} {
		_, err := New(Config{APIURL: address, Token: secret.New(token), Repo: "octo/site"})
		if allowed != (err == nil) || err != nil && (progress.ExitCode(err) != progress.ExitInvalid || !strings.Contains(err.Error(), "https address")) {
			t.Errorf("%s: %v, want it allowed: %v", address, err, allowed)
		}
	}
}
