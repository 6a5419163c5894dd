package robot

import (
	"strings"
	"testing"

	"gitops/ci/lab/texttest"
	"gitops/ci/progress"
)

// tagged is composeText with the backend's tag in a file of values.
func tagged(t *testing.T) string {
	t.Helper()
	return texttest.Replace(t, composeText, "owner/backend:first", "${ORG:-owner}/backend:${TAG}")
}

const tagFile = "# Tags\r\nTAG=first # of the backend\r\nSECRET=planted\r\n"

// The tag is replaced in the file of values, wherever that is, and nothing else is.
func TestValuesInsteadOfManifest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, values := range []string{"app/images.env", ".env", "deploy/a/b/images.env", "app/sub/images.env"} {
		w.write(composePath, tagged(t))
		w.write(values, tagFile)
		commit := w.code("code-" + strings.ReplaceAll(values, "/", "-"))
		o := w.local(commit)
		o.Values = values
		result := w.robot(o)
		if result.Outcome != Pushed || len(result.Changes) != 1 || result.Changes[0].File != "integration:"+values ||
			result.Changes[0].String() != "backend: owner/backend:first → "+ref("backend", commit) {
			t.Errorf("%s: %+v", values, result)
		}
		if changed := w.git(w.bare, "diff", "--name-only", "integration^", "integration"); changed != values {
			t.Errorf("%s: changed files: %s", values, changed)
		}
		if got, want := w.at("integration:"+values), texttest.Replace(t, tagFile, "TAG=first", "TAG="+commit); got != want {
			t.Errorf("%s: got %q, want %q", values, got, want)
		}
		if again := w.robot(o); again.Outcome != Unchanged {
			t.Errorf("%s: again %+v", values, again)
		}
		w.pull()
	}
	w.git(w.bare, "fsck", "--strict")
}

// One commit changes both files, where only one image has its tag in the file of values.
func TestValuesBesideManifest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, values := range []string{"app/images.env", "images.env", "deploy/images.env"} {
		w.write(composePath, tagged(t))
		w.write(values, tagFile)
		commit := w.code("code-" + strings.ReplaceAll(values, "/", "-"))
		o := w.local(commit)
		o.Values, o.Images["frontend"] = values, ref("frontend", commit)
		if result := w.robot(o); result.Outcome != Pushed || len(result.Changes) != 2 {
			t.Errorf("%+v", result)
		}
		if got, want := w.at("integration:"+values), texttest.Replace(t, tagFile, "TAG=first", "TAG="+commit); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if got, want := w.at("integration:"+composePath), texttest.Replace(t, tagged(t), "owner/frontend:first", ref("frontend", commit)); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if changed := strings.Fields(w.git(w.bare, "diff", "--name-only", "integration^", "integration")); len(changed) != 2 {
			t.Errorf("changed files: %s", changed)
		}
		w.pull()
	}
	w.git(w.bare, "fsck", "--strict")
}

func TestValuesOfNewerBuildStay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.write(composePath, tagged(t))
	w.write("images.env", tagFile)
	old := w.code("old")
	newer := w.code("newer")
	for _, commit := range []string{newer, old} {
		o := w.local(commit)
		o.Values = "images.env"
		want := map[string]string{newer: Pushed, old: Superseded}[commit]
		if result := w.robot(o); result.Outcome != want {
			t.Errorf("%+v, want %s", result, want)
		}
	}
	if got := w.at("integration:images.env"); !strings.Contains(got, "TAG="+newer) {
		t.Errorf("values %q", got)
	}
}

func TestValuesThatCannotBe(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.write(composePath, tagged(t))
	w.write("app/images.env", "TAG=planted\nMORE=${TAG}\n")
	commit := w.code("code")
	for values, want := range map[string]string{
		"app/none.env":   "app/none.env on integration of " + "file://" + w.bare + ": there is no such file: give the path in the repository of the file of values",
		"none/a.env":     "there is no such file",
		"app":            "it is a folder",
		"../images.env":  `file of values "../images.env": give its path in the repository`,
		"/images.env":    "give its path in the repository",
		composePath:      "give its path in the repository",
		"app/images.env": "integration:app/images.env:1: another value of TAG would change more than this variable",
		"":               "name the file that sets the variable with --values",
	} {
		o := w.local(commit)
		o.Values = values
		_, err := Push(w.Context(), o)
		if progress.ExitCode(err) != progress.ExitInvalid || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "planted") {
			t.Errorf("%s: %v", values, err)
		}
	}
	if w.tip() != commit {
		t.Error("something was pushed")
	}
}
