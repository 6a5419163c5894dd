package robot

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gitops/ci/lab/texttest"
	"gitops/ci/progress"
	"gitops/ci/secret"
)

func TestErrorsNameCauseAndRemedy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	commit := w.head()
	w.write("app/link.yml", "")
	if err := os.Remove(filepath.Join(w.clone, "app/link.yml")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("docker-compose.yml", filepath.Join(w.clone, "app/link.yml")); err != nil {
		t.Fatal(err)
	}
	w.commit("Link")
	w.push("HEAD:integration")
	before := w.tip()
	for name, c := range map[string]struct {
		change func(*Options)
		exit   int
		want   []string
	}{
		"wrong token":   {func(o *Options) { o.Token = secret.New("nonsense") }, 1, []string{"401", "token"}},
		"no token":      {func(o *Options) { o.Token = secret.Value{} }, 1, []string{"401", "token"}},
		"no branch":     {func(o *Options) { o.Branch = "none" }, 2, []string{"no branch none", "create it"}},
		"no repository": {func(o *Options) { o.RepoURL += "x" }, 1, []string{"no such repository", "check URL"}},
		"no manifest":   {func(o *Options) { o.Manifest = "app/none.yml" }, 2, []string{"app/none.yml", "no such file"}},
		"no folder":     {func(o *Options) { o.Manifest = "none/none.yml" }, 2, []string{"none on integration", "no such file"}},
		"a folder":      {func(o *Options) { o.Manifest = "app" }, 2, []string{"it is a folder"}},
		"below a file":  {func(o *Options) { o.Manifest = composePath + "/x" }, 2, []string{"not a folder"}},
		"a link":        {func(o *Options) { o.Manifest = "app/link.yml" }, 2, []string{"symbolic link"}},
		"no service":    {func(o *Options) { o.Images = map[string]string{"db": "a:b"} }, 2, []string{"integration:" + composePath + ":3:3", "backend, frontend"}},
		"bad image":     {func(o *Options) { o.Images = map[string]string{"backend": "A:b"} }, 2, []string{"backend", "lowercase"}},
		"short commit":  {func(o *Options) { o.Commit = o.Commit[:12] }, 2, []string{"full SHA"}},
		"password":      {func(o *Options) { o.RepoURL = texttest.Replace(t, o.RepoURL, "://", "://u:planted@") }, 2, []string{"process lists"}},
		"bad branch":    {func(o *Options) { o.Branch = "a..b" }, 2, []string{"branch name"}},
		"option":        {func(o *Options) { o.RepoURL = "--upload-pack=touch /tmp/x" }, 2, []string{"give its URL"}},
		"climbing path": {func(o *Options) { o.Manifest = "../x" }, 2, []string{"path in the repository"}},
		"bad trailer":   {func(o *Options) { o.Trailers = []string{"no colon"} }, 2, []string{"Key: value"}},
		"bad author":    {func(o *Options) { o.AuthorName = "a\nparent x" }, 2, []string{"author"}},
		"bad template":  {func(o *Options) { o.Message = "{{.Nonsense}}" }, 2, []string{"template"}},
		"no message":    {func(o *Options) { o.Message = " \n" }, 2, []string{"empty message"}},
		"bad sign key":  {func(o *Options) { o.SignKey = secret.New("x") }, 2, []string{"signing key"}},
		"nobody there":  {func(o *Options) { o.RepoURL = "http://127.0.0.1:1/x.git" }, 1, []string{"cannot be reached"}},
		"other hash":    {func(o *Options) { o.Commit = strings.Repeat("ab", 32) }, 2, []string{"another hash"}},
	} {
		t.Run(name, func(t *testing.T) {
			o := w.options(commit)
			o.SickPause = time.Millisecond
			c.change(&o)
			result, err := Push(t.Context(), o)
			if progress.ExitCode(err) != c.exit || w.tip() != before {
				t.Fatalf("exit %d, want %d: %v %+v", progress.ExitCode(err), c.exit, err, result)
			}
			for _, want := range append(c.want, "") {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%v\nlacks %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "planted") {
				t.Errorf("a password is in the error: %v", err)
			}
		})
	}
}

// preReceive makes the server decline pushes to integration as a host does
// that protects it.
func (w *world) preReceive(says string) {
	w.Helper()
	script := "#!/bin/sh\nwhile read old new name; do\n  if [ \"$name\" = refs/heads/integration ]; then echo '" + says + "' >&2; exit 1; fi\ndone\n"
	if err := os.WriteFile(filepath.Join(w.bare, "hooks", "pre-receive"), []byte(script), 0o755); err != nil {
		w.Fatal(err)
	}
}

func TestProtectedBranch(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	commit := w.code("one")
	before := w.tip()
	w.preReceive("GH006: Protected branch update failed for refs/heads/integration.")
	_, err := Push(t.Context(), w.options(commit))
	if progress.ExitCode(err) != progress.ExitRefused || !strings.Contains(err.Error(), "GH006") || !strings.Contains(err.Error(), "pull request") {
		t.Fatalf("exit %d: %v", progress.ExitCode(err), err)
	}

	var asked []PullRequest
	o := w.options(commit)
	o.PullRequest = func(_ context.Context, p PullRequest) (string, error) {
		asked = append(asked, p)
		return fmt.Sprintf("http://host.invalid/pull/%d", 7), nil
	}
	for i := range 2 { // the second run finds the branch of the first one
		time.Sleep(time.Duration(i) * 1100 * time.Millisecond) // another second makes another commit
		result := w.robot(o)
		if result.Outcome != Proposed || result.PullRequest != "http://host.invalid/pull/7" || w.tip() != before {
			t.Errorf("%+v", result)
		}
	}
	head := "gitops/integration-" + commit[:12]
	if len(asked) != 2 || asked[0].Head != head || asked[0].Base != "integration" || !strings.HasPrefix(asked[0].Title, "Run backend at ") {
		t.Errorf("asked for %+v", asked)
	}
	if len(asked) == 2 && (asked[1].Title != asked[0].Title || asked[1].Commit != asked[0].Commit) {
		t.Errorf("the second run asked for %+v, the first for %+v", asked[1], asked[0])
	}
	if got := w.git(w.bare, "rev-list", "--count", "integration.."+head); got != "1" {
		t.Errorf("%s commits on %s", got, head)
	}
	if text := w.at(head + ":" + composePath); !strings.Contains(text, ref("backend", commit)) {
		t.Errorf("proposed manifest %q", text)
	}
}

func TestDeclinedForAnotherReason(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.preReceive("commits need a ticket number")
	o := w.options(w.head())
	o.PullRequest = func(context.Context, PullRequest) (string, error) { t.Error("proposed"); return "", nil }
	_, err := Push(t.Context(), o)
	if progress.ExitCode(err) != progress.ExitFailed || !strings.Contains(err.Error(), "ticket number") {
		t.Errorf("exit %d: %v", progress.ExitCode(err), err)
	}
}

// isPush tells the request that carries a pack from all others.
func isPush(r *http.Request) bool {
	return r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/git-receive-pack")
}

// The server takes the push and its answer is lost: the robot finds its commit
// on the branch and makes no second one.
func TestAnswerLost(t *testing.T) {
	t.Parallel()
	var lost atomic.Bool
	w := newWorld(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if !isPush(r) || r.ContentLength <= 4 || !lost.CompareAndSwap(true, false) {
				next.ServeHTTP(rw, r)
				return
			}
			next.ServeHTTP(&swallow{header: http.Header{}}, r)
			panic(http.ErrAbortHandler)
		})
	})
	commit := w.code("one")
	lost.Store(true)
	result := w.robot(w.options(commit))
	if lost.Load() || result.Outcome != Pushed || result.Attempts != 2 || result.Commit != w.tip() || len(result.Changes) != 1 {
		t.Errorf("%+v", result)
	}
	if w.count("integration") != "3" {
		t.Errorf("%s commits", w.count("integration"))
	}
}

// swallow is an answer that nobody gets.
type swallow struct{ header http.Header }

func (s *swallow) Header() http.Header         { return s.header }
func (s *swallow) Write(p []byte) (int, error) { return len(p), nil }
func (s *swallow) WriteHeader(int)             {}

// A server that fails now and then is asked again, one that always fails is not
// asked for ever.
func TestFailingServer(t *testing.T) {
	t.Parallel()
	var failures atomic.Int32
	w := newWorld(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if failures.Add(-1) >= 0 {
				http.Error(rw, "down", http.StatusServiceUnavailable)
				return
			}
			next.ServeHTTP(rw, r)
		})
	})
	commit := w.code("one")
	o := w.options(commit)
	o.SickPause = time.Millisecond
	failures.Store(2)
	if result := w.robot(o); result.Outcome != Pushed || result.Attempts != 3 {
		t.Errorf("%+v", result)
	}
	failures.Store(1 << 20)
	result, err := Push(t.Context(), o)
	if err == nil || !strings.Contains(err.Error(), "HTTP 5xx") || result.Attempts != maxBroken+1 {
		t.Errorf("%+v %v", result, err)
	}
}

func TestForbidden(t *testing.T) {
	t.Parallel()
	var readOnly atomic.Bool
	w := newWorld(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("service") == "git-receive-pack" && readOnly.Load() {
				http.Error(rw, "read-only token", http.StatusForbidden)
				return
			}
			next.ServeHTTP(rw, r)
		})
	})
	readOnly.Store(true)
	_, err := Push(t.Context(), w.options(w.head()))
	if progress.ExitCode(err) != progress.ExitFailed || !strings.Contains(err.Error(), "403") || !strings.Contains(err.Error(), "write access") {
		t.Errorf("exit %d: %v", progress.ExitCode(err), err)
	}
}

// A branch on which somebody else is always faster ends the attempts.
func TestAttemptsAreBounded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := w.newClone("other")
	w.git(other, "pull", "--quiet", "origin", "integration")
	script := "#!/bin/sh\ncd '" + other + "' && unset GIT_DIR GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES\n" +
		"export HOME=/nonexistent GIT_AUTHOR_NAME=o GIT_AUTHOR_EMAIL=o@o GIT_COMMITTER_NAME=o GIT_COMMITTER_EMAIL=o@o\n" +
		"git commit --quiet --allow-empty -m faster && git push --quiet '" + w.bare + "' HEAD:integration\n"
	if err := os.WriteFile(filepath.Join(w.bare, "hooks", "pre-receive"), []byte("#!/bin/sh\n[ -n \"$FASTER\" ] && exit 0\nexport FASTER=1\n"+strings.TrimPrefix(script, "#!/bin/sh\n")), 0o755); err != nil {
		t.Fatal(err)
	}
	o := w.options(w.head())
	o.MaxAttempts = 3
	result, err := Push(t.Context(), o)
	if progress.ExitCode(err) != progress.ExitFailed || !strings.Contains(err.Error(), "3 attempts") || result.Attempts != 3 {
		t.Errorf("%+v %v", result, err)
	}
	if authors := w.git(w.bare, "log", "--format=%an", "integration"); strings.Contains(authors, "robot") {
		t.Errorf("the robot's commit landed: %s", authors)
	}
}

// A robot that is cancelled while the server keeps it waiting ends git with it,
// before the grace is over after which git would be killed.
func TestCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var cancelled time.Time
	over := make(chan struct{})
	w := newWorld(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if !isPush(r) || r.ContentLength <= 4 {
				next.ServeHTTP(rw, r)
				return
			}
			cancelled = time.Now()
			cancel()
			<-over // the request's context does not end while nobody reads its body
		})
	})
	defer close(over)
	_, err := Push(ctx, w.options(w.head()))
	if cancelled.IsZero() || !errors.Is(err, context.Canceled) || time.Since(cancelled) > 4*time.Second {
		t.Errorf("cancelled at %s, after %s: %v", cancelled, time.Since(cancelled), err)
	}
	w.wantManifestUnchanged()
}
