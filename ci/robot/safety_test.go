package robot

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gitops/ci/secret"
)

// TestLeavesTheRestAlone pushes to a repository with all that git likes to
// convert, run or follow, under a user's configuration that asks for it.
func TestLeavesTheRestAlone(t *testing.T) {
	w := newWorld(t)
	const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n"
	w.write(".gitattributes", "* text=auto eol=lf\n*.bin filter=lfs diff=lfs merge=lfs -text\n*.yml filter=upper ident\n")
	w.write("big.bin", pointer)
	w.write("crlf.txt", "one\r\ntwo\r\n")
	w.write(".gitmodules", "[submodule \"lib\"]\n\tpath = lib\n\turl = https://example.invalid/lib.git\n")
	w.write(".lfsconfig", "[lfs]\n\turl = https://example.invalid/lfs\n")
	w.git(w.clone, "-c", "core.autocrlf=false", "-c", "filter.lfs.clean=cat", "add", "--all")
	w.git(w.clone, "update-index", "--add", "--cacheinfo", "160000,"+strings.Repeat("12", 20)+",lib")
	// The manifest's own bytes, line endings included, whatever attributes say.
	blob := w.git(w.clone, "hash-object", "-w", "--no-filters", composePath)
	w.git(w.clone, "update-index", "--cacheinfo", "100644,"+blob+","+composePath)
	w.git(w.clone, "commit", "--quiet", "--message", "Everything that git converts")
	w.push("HEAD:integration")
	before := w.git(w.bare, "ls-tree", "-r", "integration")

	traces := w.hostileConfiguration()
	w.robot(w.options(w.head()))

	w.wantManifest("owner/backend:first", ref("backend", w.head()))
	after := w.git(w.bare, "ls-tree", "-r", "integration")
	if got, want := without(after, composePath), without(before, composePath); got != want {
		t.Errorf("the tree differs in more than the manifest:\n%s\nwant\n%s", got, want)
	}
	for _, trace := range traces {
		if _, err := os.Stat(trace); err == nil {
			t.Errorf("%s ran", filepath.Base(trace))
		}
	}
}

func without(tree, name string) string {
	var kept []string
	for _, line := range strings.Split(tree, "\n") {
		if !strings.HasSuffix(line, "\t"+name) {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}

// hostileConfiguration gives the process a home and an environment that would
// make git run hooks and filters; each leaves a trace.
func (w *world) hostileConfiguration() (traces []string) {
	home := w.TempDir()
	hooks := filepath.Join(home, "hooks")
	for _, name := range []string{"pre-push", "pre-commit", "post-commit", "reference-transaction", "commit-msg", "post-index-change"} {
		traces = append(traces, hook(w.T, hooks, name))
	}
	filter := filepath.Join(home, "filtered")
	config := "[core]\n\thooksPath = " + hooks + "\n\tautocrlf = true\n\tfsmonitor = touch " + filter + "\n[filter \"upper\"]\n\tclean = touch " + filter +
		"; tr a-z A-Z\n\trequired = true\n[commit]\n\tgpgSign = true\n[push]\n\tgpgSign = true\n[url \"http://example.invalid/\"]\n\tinsteadOf = http://127.0.0.1\n"
	if err := os.WriteFile(filepath.Join(home, ".gitconfig"), []byte(config), 0o644); err != nil {
		w.Fatal(err)
	}
	w.Setenv("HOME", home)
	w.Setenv("GIT_CONFIG_GLOBAL", filepath.Join(home, ".gitconfig"))
	traces = append(traces, filter)
	w.bites(traces)
	w.Setenv("GIT_DIR", filepath.Join(home, "nowhere"))
	w.Setenv("GIT_INDEX_FILE", filepath.Join(home, "index"))
	w.Setenv("GIT_TEMPLATE_DIR", hooks)
	return traces
}

// bites makes sure that a git which heeds the configuration leaves every trace that
// a commit and a push can leave, and takes the traces away again.
func (w *world) bites(traces []string) {
	w.Helper()
	dir, remote := filepath.Join(w.TempDir(), "victim"), filepath.Join(w.TempDir(), "remote.git")
	w.env = []string{"GIT_CONFIG_GLOBAL=" + os.Getenv("GIT_CONFIG_GLOBAL")}
	w.git("", "init", "--quiet", "--bare", remote)
	w.git("", "init", "--quiet", dir)
	for name, text := range map[string]string{".gitattributes": "*.yml filter=upper\n", "a.yml": "a\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			w.Fatal(err)
		}
	}
	w.git(dir, "add", "--all")
	w.git(dir, "-c", "commit.gpgSign=false", "commit", "--quiet", "--message", "Be bitten")
	w.git(dir, "-c", "push.gpgSign=false", "push", "--quiet", remote, "HEAD:refs/heads/x")
	w.env = nil
	for _, trace := range traces {
		if err := os.Remove(trace); err != nil {
			w.Errorf("a git that heeds the configuration leaves no trace: %v", err)
		}
	}
}

// TestTokenStaysHidden samples the process list and the robot's folder while it
// pushes, and looks for the token in everything it leaves.
func TestTokenStaysHidden(t *testing.T) {
	temporary := t.TempDir()
	w := newWorld(t)
	commit := w.code("one")
	t.Setenv("TMPDIR", temporary)
	t.Setenv("UNRELATED_SECRET", "another-secret-0815")
	stop, found := make(chan struct{}), make(chan []string)
	go func() { found <- watch(temporary, stop) }()
	w.robot(w.options(commit))
	wrong := w.options(commit)
	wrong.Token = secret.New("wrong-" + password)
	wrong.Images["backend"] = ref("backend", "other")
	_, err := Push(t.Context(), wrong)
	close(stop)
	leaks := <-found
	if err == nil || strings.Contains(err.Error(), password) || !strings.Contains(err.Error(), "401") {
		t.Errorf("error with a wrong token: %v", err)
	}
	for _, leak := range leaks {
		t.Error(leak)
	}
	files, err := os.ReadDir(temporary)
	if err != nil || len(files) != 0 {
		t.Errorf("left behind: %v %v", files, err)
	}
	if message := w.git(w.bare, "log", "--format=%B%an%ae", "integration"); strings.Contains(message, password) {
		t.Error("the token is in the history")
	}
}

// watch looks for secrets in all command lines and in the files under folder,
// until stop. It also makes sure that there was something to see.
func watch(folder string, stop chan struct{}) (leaks []string) {
	seen := map[string]bool{}
	for {
		select {
		case <-stop:
			if !seen["git"] || !seen["file"] {
				leaks = append(leaks, "the watch saw no git command or no file of the robot")
			}
			return leaks
		default:
		}
		leaks = append(leaks, watchProcesses(seen)...)
		leaks = append(leaks, watchFiles(folder, seen)...)
		time.Sleep(time.Millisecond)
	}
}

func watchProcesses(seen map[string]bool) (leaks []string) {
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, line := range lines {
		text, _ := os.ReadFile(line)
		if bytes.HasPrefix(text, []byte("git\x00fetch")) {
			seen["git"] = true
			environ, _ := os.ReadFile(filepath.Join(filepath.Dir(line), "environ"))
			if bytes.Contains(environ, []byte("another-secret-0815")) {
				leaks = append(leaks, "git inherited a secret that it does not need")
			}
		}
		// The people of this test have the password in their remote; they run before.
		if bytes.Contains(text, []byte(password)) {
			leaks = append(leaks, "the token is in a command line: "+strings.ReplaceAll(string(text), "\x00", " "))
		}
	}
	return leaks
}

func watchFiles(folder string, seen map[string]bool) (leaks []string) {
	_ = filepath.WalkDir(folder, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return nil //nolint:nilerr // gone meanwhile
		}
		seen["file"] = true
		if text, _ := os.ReadFile(name); bytes.Contains(text, []byte(password)) {
			leaks = append(leaks, "the token is in "+name)
		}
		return nil
	})
	return leaks
}

// Servers of other people may not get the token.
func TestTokenGoesToItsServerOnly(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"https://git.example.com/a.git":      "http.https://git.example.com/.extraHeader",
		"http://git.local:8080/a/b.git":      "http.http://git.local:8080/.extraHeader",
		"ssh://git@git.example.com/a.git":    "",
		"git@git.example.com:a.git":          "",
		"file:///srv/a.git":                  "",
		"https://git.example.com:8443/a.git": "http.https://git.example.com:8443/.extraHeader",
	} {
		got := authorization(Options{RepoURL: address, Username: "u", Token: secret.New("t")})
		if (len(got) == 0 && want != "") || (len(got) > 0 && got[0].key != want) {
			t.Errorf("%s: %v, want %q", address, got, want)
		}
	}
}

// The temporary folder goes even if nobody could be reached.
func TestNothingLeftAfterFailure(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	o := Options{RepoURL: "file:///nowhere/at/all.git", Branch: "b", Manifest: "m.yml", Commit: strings.Repeat("a", 40), Images: map[string]string{"a": "b"}}
	var crowd sync.WaitGroup
	for range 3 {
		crowd.Go(func() {
			if _, err := Push(t.Context(), o); err == nil {
				t.Error("pushed to nowhere")
			}
		})
	}
	crowd.Wait()
	if files, err := os.ReadDir(temporary); err != nil || len(files) != 0 {
		t.Errorf("left behind: %v, %v", files, err)
	}
}
