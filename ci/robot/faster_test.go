package robot

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"gitops/ci/lab/texttest"
)

// Somebody pushes between the robot's fetch and its push, once before the
// robot asks where the branch is, once after: git finds the first, only the
// server the second. Both times the other's work stays.
func TestSomebodyIsFaster(t *testing.T) {
	t.Parallel()
	moments := map[string]func(*http.Request) bool{
		"before the push": func(r *http.Request) bool { return r.URL.Query().Get("service") == "git-receive-pack" },
		"within the push": func(r *http.Request) bool { return isPush(r) && r.ContentLength > 4 },
	}
	for name, isMoment := range moments {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var armed atomic.Bool
			var other func()
			w := newWorld(t, func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
					if isMoment(r) && armed.CompareAndSwap(true, false) {
						other()
					}
					next.ServeHTTP(rw, r)
				})
			})
			start := w.code("one")
			w.write(composePath, texttest.Replace(t, composeText, "owner/frontend:first", "owner/frontend:by-hand"))
			theirs := w.commit("Run another frontend")
			other = func() { w.git(w.clone, "push", "--quiet", w.bare, "HEAD:integration") }
			armed.Store(true)
			result := w.robot(w.options(start))
			if armed.Load() || result.Outcome != Pushed || result.Attempts != 2 {
				t.Errorf("%+v", result)
			}
			if parent := w.git(w.bare, "rev-parse", "integration^"); parent != theirs {
				t.Errorf("the robot's commit is on %s, want %s", parent, theirs)
			}
			want := texttest.Replace(t, texttest.Replace(t, composeText, "owner/frontend:first", "owner/frontend:by-hand"), "owner/backend:first", ref("backend", start))
			if got := w.at("integration:" + composePath); got != want {
				t.Errorf("manifest\n%q\nwant\n%q", got, want)
			}
		})
	}
}

// A newer build lands between the robot's fetch and its push: the order is
// looked at again with the new tip.
func TestNewerBuildIsFaster(t *testing.T) {
	t.Parallel()
	var armed atomic.Bool
	var other func()
	w := newWorld(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("service") == "git-receive-pack" && armed.CompareAndSwap(true, false) {
				other()
			}
			next.ServeHTTP(rw, r)
		})
	})
	old := w.code("old")
	newer := w.code("newer")
	other = func() { w.robot(w.options(newer)) }
	armed.Store(true)
	result := w.robot(w.options(old))
	if armed.Load() || result.Outcome != Superseded || result.SupersededBy != newer || result.Attempts != 2 {
		t.Errorf("%+v", result)
	}
	w.wantManifest("owner/backend:first", ref("backend", newer))
}

// The branch is rewritten between two attempts, and our commit with it.
func TestRewrittenMeanwhile(t *testing.T) {
	t.Parallel()
	var armed atomic.Bool
	var other func()
	w := newWorld(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("service") == "git-receive-pack" && armed.CompareAndSwap(true, false) {
				other()
			}
			next.ServeHTTP(rw, r)
		})
	})
	start := w.head()
	lost := w.code("lost")
	w.code("on top")
	w.code("higher") // so that the history is looked at before and after
	other = func() {
		w.git(w.clone, "reset", "--quiet", "--hard", start)
		w.write("app/other.txt", "other\n")
		w.commit("Other")
		w.git(w.clone, "push", "--quiet", "--force", w.bare, "HEAD:integration")
	}
	armed.Store(true)
	result, err := Push(t.Context(), w.options(lost))
	if err == nil || !strings.Contains(err.Error(), "not in the history") || result.Attempts != 2 {
		t.Errorf("%+v %v", result, err)
	}
	w.wantManifestUnchanged()
}
