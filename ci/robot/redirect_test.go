package robot

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"gitops/ci/lab/texttest"
	"gitops/ci/progress"
	"gitops/ci/secret"
)

// bystander is a server that nobody should ask, and notes who does.
func bystander(t *testing.T) (url string, asks func() []string) {
	t.Helper()
	var mu sync.Mutex
	var all []string
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		all = append(all, r.Method+" "+r.URL.String()+" "+r.Header.Get("Authorization"))
		http.Error(w, "not here", http.StatusTeapot)
	}))
	t.Cleanup(web.Close)
	return web.URL, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return all
	}
}

// A repository that was renamed, or a server that lies, gets the token nowhere
// else: neither when the branch is fetched nor when it is pushed.
func TestRedirectsAreRefused(t *testing.T) {
	t.Parallel()
	other, asks := bystander(t)
	away := texttest.Replace(t, other, "http://", "http://robot:planted@")
	for name, redirects := range map[string]func(*http.Request) bool{
		"everything": func(*http.Request) bool { return true },
		"the push":   isPush,
	} {
		t.Run(name, func(t *testing.T) {
			var active atomic.Bool
			w := newWorld(t, func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
					if active.Load() && redirects(r) {
						http.Redirect(rw, r, away+"/new"+r.URL.Path+"?"+r.URL.RawQuery, http.StatusTemporaryRedirect)
						return
					}
					next.ServeHTTP(rw, r)
				})
			})
			commit, before := w.head(), w.tip()
			active.Store(true)
			result, err := Push(t.Context(), w.options(commit))
			if progress.ExitCode(err) != progress.ExitFailed || result.Attempts != 1 || w.tip() != before {
				t.Fatalf("%+v %v", result, err)
			}
			wants := []string{"redirects", "new address"}
			if name == "everything" {
				wants = append(wants, "to "+other+"/new/shop.git,")
			}
			for _, want := range wants {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q lacks %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "planted") {
				t.Errorf("a password is in %q", err)
			}
		})
	}
	if got := asks(); len(got) > 0 {
		t.Errorf("the other host was asked %q", got)
	}
}

func TestHistoryIsNotRedirected(t *testing.T) {
	t.Parallel()
	other, asks := bystander(t)
	w := newWorld(t)
	commit := w.head()
	moved := httptest.NewServer(http.RedirectHandler(other+"/shop.git", http.StatusMovedPermanently))
	t.Cleanup(moved.Close)
	o := w.options(commit)
	o.HistoryURL, o.HistoryBranch = moved.URL+"/shop.git", "integration"
	if _, err := CommitTime(t.Context(), o); err == nil || !strings.Contains(err.Error(), "redirects to "+other+"/shop.git,") {
		t.Errorf("got %v", err)
	}
	if got := asks(); len(got) > 0 {
		t.Errorf("the other host was asked %q", got)
	}
}

// Plain HTTP is for this machine, and a proxy is another one.
func TestNoProxyForPlainHTTP(t *testing.T) {
	proxy, asks := bystander(t)
	w := newWorld(t)
	for _, name := range []string{"http_proxy", "all_proxy"} {
		t.Setenv(name, proxy)
	}
	for _, name := range []string{"no_proxy", "NO_PROXY"} {
		t.Setenv(name, "") // with it, git would ask no proxy anyway
	}
	if result := w.robot(w.options(w.head())); result.Outcome != Pushed {
		t.Errorf("%+v", result)
	}
	if got := asks(); len(got) > 0 {
		t.Errorf("the proxy was asked %q", got)
	}
}

func TestPlainHTTPToOthers(t *testing.T) {
	w := newWorld(t)
	o := w.options(w.head())
	for _, address := range []string{"http://git.example.invalid/shop.git", "http://10.0.0.1/shop.git", "HTTP://git.example.invalid/shop.git"} {
		o.RepoURL = address
		_, err := Push(t.Context(), o)
		if progress.ExitCode(err) != progress.ExitInvalid || !strings.Contains(err.Error(), "give its https address") {
			t.Errorf("%s: %v", address, err)
		}
	}
	o.RepoURL, o.Token = "http://git.example.invalid/shop.git", secret.Value{}
	if err := o.Check(); err != nil {
		t.Errorf("without a token: %v", err)
	}
}
