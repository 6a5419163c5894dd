package robot

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"gitops/ci/lab/texttest"
	"gitops/ci/manifest"
)

// long makes a straight history of n commits quickly and returns their names,
// oldest first.
func (w *world) long(n int) (shas []string) {
	w.Helper()
	var stream strings.Builder
	parent := w.head()
	for i := range n {
		fmt.Fprintf(&stream, "commit refs/heads/integration\nmark :%d\ncommitter p <p@example.com> %d +0000\ndata 4\nlong", i+1, 1700000000+i)
		if i == 0 {
			fmt.Fprintf(&stream, "\nfrom %s", parent)
		}
		stream.WriteString("\n\n")
	}
	w.feed(stream.String(), "fast-import", "--quiet", "--force")
	w.git(w.clone, "reset", "--quiet", "--hard", "integration")
	w.push("HEAD:integration")
	return strings.Fields(w.git(w.clone, "rev-list", "--reverse", parent+"..integration"))
}

// depthOf returns how many commits of history Push fetched to decide.
func (w *world) depthOf(o Options) (int, Result) {
	w.Helper()
	if err := o.Check(); err != nil {
		w.Fatal(err)
	}
	j, err := newJob(w.Context(), o)
	if err != nil {
		w.Fatal(err)
	}
	defer j.close()
	if err := j.run(w.Context()); err != nil {
		w.Fatal(err)
	}
	if j.past == nil {
		return 1, j.result
	}
	count, err := strconv.Atoi(w.git(j.past.repo, "rev-list", "--count", tipRef))
	if err != nil {
		w.Fatal(err)
	}
	return count, j.result
}

func TestDeepensOnlyAsFarAsItMust(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	shas := w.long(600)
	behind := func(n int) string { return shas[len(shas)-1-n] }
	for _, c := range []struct {
		ours, runs int // commits behind the tip; runs -1 is a tag that is no SHA
		most       int
		outcome    string
	}{
		{0, -1, 1, Pushed},
		{0, 500, 1, Pushed},
		{5, -1, 8, Pushed},
		{40, -1, 64, Pushed},
		{40, 2, 64, Superseded},
		{3, 40, 64, Pushed},
		{100, 90, 128, Superseded},
	} {
		// A branch per case, so that the manifest is part of its tip only.
		branch := fmt.Sprintf("case-%d-%d", c.ours, c.runs)
		w.git(w.clone, "checkout", "--quiet", "--detach", "integration")
		w.write(composePath, composeText)
		if c.runs >= 0 {
			w.write(composePath, texttest.Replace(t, composeText, "owner/backend:first", ref("backend", behind(c.runs))))
		}
		tip := w.commit("Case " + branch)
		w.push("HEAD:refs/heads/" + branch)
		o := w.local(behind(c.ours))
		if c.ours == 0 {
			o.Commit = tip
		}
		o.Branch = branch
		depth, result := w.depthOf(o)
		if depth > c.most || result.Outcome != c.outcome {
			t.Errorf("%+v: fetched %d commits, %+v", c, depth, result)
		}
	}
}

// A partial copy must not ask the server for each commit that it lacks.
func TestHistoryIsFetchedInFewRequests(t *testing.T) {
	t.Parallel()
	var requests atomic.Int32
	w := newWorld(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			requests.Add(1)
			next.ServeHTTP(rw, r)
		})
	})
	w.git(w.bare, "config", "uploadpack.allowFilter", "true")
	shas := w.long(30)
	requests.Store(0)
	depth, result := w.depthOf(w.options(shas[len(shas)-20]))
	// Per fetch: credentials, refs, pack; four fetches and a push.
	if result.Outcome != Pushed || depth < 20 || depth > 32 || requests.Load() > 20 {
		t.Errorf("%d commits in %d requests: %+v", depth, requests.Load(), result)
	}
}

func TestRunningCommit(t *testing.T) {
	t.Parallel()
	full := strings.Repeat("0a", 20)
	for image, want := range map[string]string{
		"a/b:" + full: full, "a/b:" + full + "@sha256:" + strings.Repeat("ab", 32): full, "a/b:sha-" + full[:7]: full[:7],
		"a/b:" + strings.Repeat("1", 40): strings.Repeat("1", 40), "a/b:" + strings.Repeat("0a", 32): strings.Repeat("0a", 32),
		"a/b": "", "a/b:latest": "", "a/b:v1": "", "a/b:20260101": "", "a/b:123456789012": "", "a/b:abc": "",
		"a/b:" + full[:39] + "x": "", "a/b@sha256:" + strings.Repeat("ab", 32): "", "${X}": "", "a/b:" + strings.ToUpper(full): "",
	} {
		if got := runningCommit(image); got != want {
			t.Errorf("%s: %q, want %q", image, got, want)
		}
	}
	if _, err := manifest.ParseReference("a/b:" + full); err != nil {
		t.Error(err)
	}
}
