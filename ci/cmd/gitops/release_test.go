package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"gitops/ci/lab"
	"gitops/ci/lab/gitserver"
	"gitops/ci/lab/labtest"
	"gitops/ci/lab/registrytest"
	"gitops/ci/progress"
	"gitops/ci/secret"
)

// shop is a repository with two services, on a git server, and their registry.
type shop struct {
	*testing.T
	url, bare, clone string
	registry         string
	refuse           atomic.Value // a repository that the registry does not take
}

func newShop(t *testing.T) *shop {
	t.Helper()
	if err := exec.Command("docker", "version").Run(); err != nil {
		t.Skip("needs a Docker engine")
	}
	labtest.OnPath(t, lab.Syft)
	git, err := gitserver.New(t.TempDir(), "robot", secret.New(gitToken))
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(git)
	t.Cleanup(web.Close)
	if err := git.Create(t.Context(), "shop"); err != nil {
		t.Fatal(err)
	}
	s := &shop{T: t, url: web.URL + "/shop.git", bare: git.Path("shop"), clone: t.TempDir()}
	s.refuse.Store("nothing")
	s.registry = registrytest.Start(t, true, func(w http.ResponseWriter, r *http.Request) bool {
		refused := r.Method == http.MethodPost && strings.Contains(r.URL.Path, s.refuse.Load().(string))
		if refused {
			w.WriteHeader(http.StatusForbidden)
		}
		return refused
	})
	(&protected{T: t}).environment()
	s.git("init", "--quiet", "--initial-branch=integration")
	return s
}

func (s *shop) git(args ...string) string {
	s.Helper()
	return (&protected{T: s.T}).git(s.clone, args...)
}

// push commits files to integration and returns the commit.
func (s *shop) push(files map[string]string) string {
	s.Helper()
	for name, content := range files {
		path := filepath.Join(s.clone, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			s.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			s.Fatal(err)
		}
	}
	s.git("add", "--all")
	s.git("commit", "--quiet", "--message", "Change the shop")
	address, err := url.Parse(s.url)
	if err != nil {
		s.Fatal(err)
	}
	address.User = url.UserPassword("robot", gitToken)
	s.git("push", "--quiet", address.String(), "HEAD:refs/heads/integration")
	return s.git("rev-parse", "HEAD")
}

// pull brings the robot's commit into the clone.
func (s *shop) pull() {
	s.Helper()
	s.git("fetch", "--quiet", s.bare, "integration")
	s.git("reset", "--quiet", "--hard", "FETCH_HEAD")
}

func (s *shop) commits() string {
	s.Helper()
	return (&protected{T: s.T}).git(s.bare, "rev-list", "--count", "integration")
}

type released struct {
	Refs []struct {
		Service, Ref   string
		Reused, Pushed bool
		Bytes          int64
	}
	Push struct{ Outcome string }
}

func (s *shop) release(commit string) (int, released, string) {
	s.Helper()
	s.Chdir(s.clone)
	var out, said bytes.Buffer
	code := run(s.Context(), []string{"--json", "release", "--repo", s.url, "--commit", commit, "--manifest", "compose.yml"}, &out, &said)
	var result released
	if code == progress.ExitDone {
		if err := json.Unmarshal(out.Bytes(), &result); err != nil || len(result.Refs) != 2 {
			s.Fatalf("%v in %s", err, out.String())
		}
	}
	return code, result, said.String()
}

func TestRelease(t *testing.T) {
	s := newShop(t)
	dockerfile := "FROM scratch\nCOPY name /\n"
	first := s.push(map[string]string{
		"compose.yml": "services:\n  api: # the API\n    image: " + s.registry + "/shop/api:old\n    build: api\n" +
			"  page:\n    image: \"" + s.registry + "/shop/page:old\"\n    build: page\n",
		"api/Dockerfile": dockerfile, "api/name": t.Name() + s.registry, "page/Dockerfile": dockerfile, "page/name": t.Name() + s.registry,
	})
	// One registry that refuses one image: nothing of the manifest is touched.
	s.refuse.Store("/shop/page/")
	code, _, said := s.release(first)
	if code != progress.ExitFailed || !strings.Contains(said, "has the right to shop/page") || s.commits() != "1" {
		t.Fatalf("exit %d with %s commits:\n%s", code, s.commits(), said)
	}
	s.refuse.Store("nothing")
	code, result, said := s.release(first)
	if code != progress.ExitDone || result.Push.Outcome != "pushed" || s.commits() != "2" || !result.Refs[0].Reused || result.Refs[1].Reused {
		t.Fatalf("exit %d with %s commits: %+v\n%s", code, s.commits(), result, said)
	}
	// Again: no image, no byte, no commit.
	code, again, said := s.release(first)
	if code != progress.ExitDone || again.Push.Outcome != "unchanged" || s.commits() != "2" {
		t.Fatalf("exit %d with %s commits: %+v\n%s", code, s.commits(), again, said)
	}
	for i, ref := range again.Refs {
		if !ref.Reused || ref.Bytes != 0 || ref.Ref != result.Refs[i].Ref {
			t.Errorf("again: %+v, before %+v", ref, result.Refs[i])
		}
	}
	// A commit that changes one service: the other's image is tagged again.
	s.pull()
	second := s.push(map[string]string{"page/name": "changed" + s.registry})
	code, result, said = s.release(second)
	if code != progress.ExitDone || !result.Refs[0].Reused || result.Refs[1].Reused {
		t.Fatalf("exit %d: %+v\n%s", code, result, said)
	}
	s.pull()
	manifest, err := os.ReadFile(filepath.Join(s.clone, "compose.yml"))
	want := "services:\n  api: # the API\n    image: " + result.Refs[0].Ref + "\n    build: api\n  page:\n    image: \"" + result.Refs[1].Ref + "\"\n    build: page\n"
	if err != nil || string(manifest) != want || strings.Count(want, ":"+second+"@") != 2 {
		t.Errorf("the manifest is %v\n%s\nwant\n%s", err, manifest, want)
	}
}

// Tags that are variables: the robot commits the file that sets them, and a person sees
// nothing else change.
func TestReleaseByValues(t *testing.T) {
	s := newShop(t)
	dockerfile := "FROM scratch\nCOPY name /\n"
	manifest := "services:\n  api:\n    image: ${REGISTRY}/shop/api:${API_TAG:-none} # the API\n    build: {context: api, args: {MODE: \"${MODE}\"}}\n" +
		"  page:\n    image: '${PAGE?set it}'\n    build: page\n"
	values := "REGISTRY=" + s.registry + "\nAPI_TAG=old\n\n# The page\nPAGE=\"" + s.registry + "/shop/page:old\"\nMODE=fast\n"
	first := s.push(map[string]string{
		"compose.yml": manifest, "images.env": values, "gitops.yml": "release: {values: images.env}\n",
		"api/Dockerfile": dockerfile + "ARG MODE\nLABEL mode=$MODE\n", "api/name": t.Name() + s.registry, "page/Dockerfile": dockerfile, "page/name": t.Name() + s.registry,
	})
	code, result, said := s.release(first)
	if code != progress.ExitDone || result.Push.Outcome != "pushed" || s.commits() != "2" {
		t.Fatalf("exit %d with %s commits: %+v\n%s", code, s.commits(), result, said)
	}
	s.pull()
	if changed := s.git("diff", "--name-only", "HEAD^"); changed != "images.env" {
		t.Errorf("changed files: %s", changed)
	}
	_, tag, _ := strings.Cut(result.Refs[0].Ref, "/shop/api:")
	want := strings.Replace(strings.Replace(values, "API_TAG=old", "API_TAG="+tag, 1), s.registry+"/shop/page:old", result.Refs[1].Ref, 1)
	got, err := os.ReadFile(filepath.Join(s.clone, "images.env"))
	if err != nil || string(got) != want || !strings.HasPrefix(tag, first+"@sha256:") {
		t.Errorf("the values are %v\n%s\nwant\n%s", err, got, want)
	}
	// Again: the values name what was built, and nothing is built or committed.
	code, again, said := s.release(first)
	if code != progress.ExitDone || again.Push.Outcome != "unchanged" || s.commits() != "2" || !again.Refs[0].Reused || !again.Refs[1].Reused {
		t.Fatalf("exit %d with %s commits: %+v\n%s", code, s.commits(), again, said)
	}
	// A commit that changes one service: by the values the other's image is known.
	second := s.push(map[string]string{"page/name": "changed" + s.registry})
	code, result, said = s.release(second)
	if code != progress.ExitDone || !result.Refs[0].Reused || result.Refs[1].Reused {
		t.Fatalf("exit %d: %+v\n%s", code, result, said)
	}
}
