package robot

import (
	"strings"
	"testing"
	"time"

	"gitops/ci/lab/texttest"
	"gitops/ci/progress"
)

func TestPushedUnchangedPushedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.code("one")
	result := w.robot(w.options(first))
	if result.Outcome != Pushed || result.Attempts != 1 || result.Commit != w.tip() {
		t.Errorf("%+v, tip %s", result, w.tip())
	}
	if len(result.Changes) != 1 || result.Changes[0].String() != "backend: owner/backend:first → "+ref("backend", first) {
		t.Errorf("changes %v", result.Changes)
	}
	w.wantManifest("owner/backend:first", ref("backend", first))
	if parent := w.git(w.bare, "rev-parse", "integration^"); parent != first {
		t.Errorf("the commit's parent is %s, want %s", parent, first)
	}
	if changed := w.git(w.bare, "diff", "--name-only", "integration^", "integration"); changed != composePath {
		t.Errorf("changed files: %s", changed)
	}
	w.git(w.bare, "fsck", "--strict")

	again := w.robot(w.options(first))
	if again.Outcome != Unchanged || again.Commit != result.Commit || w.count("integration") != "3" {
		t.Errorf("%+v, %s commits", again, w.count("integration"))
	}
	w.pull()
	second := w.code("two")
	if result := w.robot(w.options(second)); result.Outcome != Pushed {
		t.Errorf("%+v", result)
	}
	w.wantManifest("owner/backend:first", ref("backend", second))
}

// Nobody has to give a pause: by default the longest one doubles up to eight
// times what an attempt took, and a sick server gets half a second at least.
func TestPausesGrow(t *testing.T) {
	t.Parallel()
	o := (&world{T: t, url: "https://git.invalid/shop.git"}).options(strings.Repeat("a", 40))
	if err := o.Check(); err != nil {
		t.Fatal(err)
	}
	for i, want := range []time.Duration{1, 2, 4, 8, 8, 8} {
		if got := o.longest(i+1, time.Second); got != want*time.Second {
			t.Errorf("the longest pause after attempt %d is %s, want %ds", i+1, got, want)
		}
	}
	if o.SickPause != 500*time.Millisecond {
		t.Errorf("a sick server's attempt counts %s", o.SickPause)
	}
	o.LongPause = 2
	if first, later := o.longest(1, time.Second), o.longest(9, time.Second); first != time.Second || later != 2*time.Second {
		t.Errorf("with a pause of 2 attempts at most: %s, later %s", first, later)
	}
}

func TestOlderBuildDoesNotReplaceNewer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	old := w.code("old")
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"} {
		w.commit(name)
	}
	newer := w.code("l")
	w.robot(w.local(newer))
	before := w.tip()
	result := w.robot(w.local(old))
	if result.Outcome != Superseded || result.SupersededBy != newer || result.Superseded["backend"] != newer || w.tip() != before {
		t.Errorf("%+v", result)
	}
	w.wantManifest("owner/backend:first", ref("backend", newer))
}

// Only the service that runs something newer is left alone.
func TestSupersededForOneServiceOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	old := w.code("old")
	newer := w.code("newer")
	w.robot(w.local(newer))
	o := w.local(old)
	o.Images["frontend"] = ref("frontend", old)
	result := w.robot(o)
	if result.Outcome != Pushed || result.SupersededBy != newer || len(result.Changes) != 1 || result.Changes[0].Service != "frontend" {
		t.Errorf("%+v", result)
	}
	text := w.at("integration:" + composePath)
	if !strings.Contains(text, ref("backend", newer)) || !strings.Contains(text, ref("frontend", old)) {
		t.Errorf("manifest %q", text)
	}
}

func TestShortAndPrefixedTagsAreCommitsToo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	old := w.code("old")
	newer := w.code("newer")
	for _, tag := range []string{newer[:9], "sha-" + newer[:7], newer + "@sha256:" + strings.Repeat("ab", 32)} {
		w.write(composePath, texttest.Replace(t, composeText, "owner/backend:first", ref("backend", tag)))
		w.commit("Run " + tag)
		w.push("HEAD:integration")
		if result := w.robot(w.local(old)); result.Outcome != Superseded || result.SupersededBy != newer {
			t.Errorf("%s: %+v", tag, result)
		}
	}
}

// What the tip runs was built from no commit of this history: ours replaces it.
func TestStrangerIsReplaced(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, tag := range []string{strings.Repeat("abcd", 10), "20240101", "v1.2.3", "deadbee"} {
		mine := w.code("mine-" + tag)
		w.write(composePath, texttest.Replace(t, composeText, "owner/backend:first", ref("backend", tag)))
		w.commit("Run " + tag)
		w.push("HEAD:integration")
		w.code("later-" + tag) // so that the tip alone does not tell
		if result := w.robot(w.local(mine)); result.Outcome != Pushed {
			t.Errorf("%s: %+v", tag, result)
		}
		w.pull()
	}
}

func TestRewrittenHistoryIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	start := w.head()
	lost := w.code("lost")
	w.git(w.clone, "reset", "--quiet", "--hard", start)
	w.write("app/other.txt", "other\n")
	w.commit("Other")
	w.push("+HEAD:integration")
	before := w.tip()
	_, err := Push(t.Context(), w.local(lost))
	if progress.ExitCode(err) != progress.ExitRefused || w.tip() != before {
		t.Fatalf("exit %d: %v", progress.ExitCode(err), err)
	}
	for _, want := range []string{lost, "rewritten", "Build what integration holds now", "--unordered"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nlacks %q", err, want)
		}
	}
	o := w.local(lost)
	o.Unordered = true
	if result := w.robot(o); result.Outcome != Pushed {
		t.Errorf("--unordered: %+v", result)
	}
}

// Two lines of history, both merged: nothing says which build is newer.
func TestSiblingsAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	start := w.head()
	left := w.code("left")
	w.git(w.clone, "checkout", "--quiet", "-b", "side", start)
	w.write("app/right.txt", "right\n")
	right := w.commit("Right")
	w.git(w.clone, "checkout", "--quiet", "integration")
	w.git(w.clone, "merge", "--quiet", "--no-edit", "side")
	w.push("HEAD:integration")
	o := w.local(left)
	w.robot(o)
	_, err := Push(t.Context(), w.local(right))
	if progress.ExitCode(err) != progress.ExitRefused || !strings.Contains(err.Error(), "neither") {
		t.Errorf("exit %d: %v", progress.ExitCode(err), err)
	}
	w.wantManifest("owner/backend:first", ref("backend", left))
}

// The manifest lives in another repository than the code.
func TestHistoryOfAnotherRepository(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if err := w.server.Create(t.Context(), "deploy"); err != nil {
		t.Fatal(err)
	}
	config := texttest.Replace(t, w.url, "shop.git", "deploy.git")
	w.git(w.clone, "push", "--quiet", texttest.Replace(t, config, "http://", "http://"+serverUser+":"+password+"@"), "HEAD:refs/heads/live")
	old := w.code("old")
	newer := w.code("newer")
	with := func(commit string) Options {
		o := w.options(commit)
		o.RepoURL, o.Branch, o.HistoryURL, o.HistoryBranch = config, "live", w.url, "integration"
		return o
	}
	if result := w.robot(with(newer)); result.Outcome != Pushed {
		t.Errorf("%+v", result)
	}
	if result := w.robot(with(old)); result.Outcome != Superseded || result.SupersededBy != newer {
		t.Errorf("%+v", result)
	}
	o := w.options(newer)
	o.RepoURL, o.Branch = config, "live"
	o.Images["backend"] = ref("backend", "x")
	if _, err := Push(t.Context(), o); progress.ExitCode(err) != progress.ExitRefused || !strings.Contains(err.Error(), "--history-repo") {
		t.Errorf("a commit of another repository: %v", err)
	}
}
