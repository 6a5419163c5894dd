package lab

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gitops/ci/images"
)

func TestRepositoryAndVersion(t *testing.T) {
	for ref, want := range map[string][2]string{
		"golang:1.26.8-trixie":                     {"golang", "1.26.8"},
		"docker.io/library/postgres:17.10":         {"postgres", "17.10"},
		"traefik:v3.7.12":                          {"traefik", "3.7.12"},
		"grafana/loki:3.6.3@sha256:abc":            {"grafana/loki", "3.6.3"},
		"localhost:5000/team/shop:1":               {"localhost:5000/team/shop", "1"},
		"ghcr.io/ansible/community-ansible:v1.2-x": {"ghcr.io/ansible/community-ansible", "1.2"},
	} {
		if got := [2]string{repository(ref), version(ref)}; got != want {
			t.Errorf("%s: %q, want %q", ref, got, want)
		}
	}
}

func TestMirrored(t *testing.T) {
	for ref, want := range map[string]string{
		"debian:13":               "m:5000/library/debian:13",
		"grafana/loki:3":          "m:5000/grafana/loki:3",
		"ghcr.io/ansible/tools:1": "m:5000/ansible/tools:1",
		"ghcr.io/sig/cosign/c:v2": "m:5000/sig/cosign/c:v2",
		"localhost/x:1":           "m:5000/x:1",
	} {
		if got := mirrored("m:5000", ref); got != want {
			t.Errorf("%s: %s, want %s", ref, got, want)
		}
	}
}

func TestHostSuite(t *testing.T) {
	for set, want := range map[string]string{
		"":         "forky " + images.DebianTesting + " <nil>",
		"forky":    "forky " + images.DebianTesting + " <nil>",
		"trixie":   "trixie " + images.Debian + " <nil>",
		"bookworm": "  GITOPS_LAB_HOST=bookworm: the host can be made of forky or trixie",
	} {
		t.Setenv(HostVariable, set)
		name, base, err := HostSuite()
		if got := fmt.Sprint(name, " ", base, " ", err); got != want {
			t.Errorf("%q: %s, want %s", set, got, want)
		}
	}
}

// What the lab and a Dagger engine build the host from is one image.
func TestHostIsBuiltFromTheSameBase(t *testing.T) {
	dockerfile, err := files.ReadFile("images/host/Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	if want := "\nARG DEBIAN=" + images.DebianTesting + "\n"; !strings.Contains(string(dockerfile), want) {
		t.Errorf("the Dockerfile has no %q", want)
	}
}

func TestRootFSOfASuite(t *testing.T) {
	for tag, expires := range map[string]bool{"13.6": false, "forky": true} {
		p, err := planDebian(t.Context(), nil, tag)
		if err != nil {
			t.Fatal(err)
		}
		system, err := newRootFS(map[bool]string{false: suite, true: forky}[expires])
		if err != nil {
			t.Fatal(err)
		}
		if p.key != system.key() || slices.Contains(system.args, "--aptopt="+anyRelease) != expires {
			t.Errorf("debian:%s-slim: %q", tag, system.args)
		}
	}
}

// Every image that the stages run in can be had without a registry, but for the
// one that needs its maker's price service.
func TestBasesCoverTheStages(t *testing.T) {
	if len(stageImages) == 0 {
		t.Fatal("the stages run in no image")
	}
	for _, ref := range append(stageImages, images.Debian) {
		b, known := bases[repository(ref)]
		if !known {
			t.Errorf("there is no base for %s", ref)
			continue
		}
		if _, err := files.ReadFile("bases/" + b.dir + "/Dockerfile"); err != nil {
			t.Errorf("%s: %v", ref, err)
		}
		if b.dpkg == "" && b.plan == nil {
			t.Errorf("%s: neither a package nor a plan says what it holds", ref)
		}
	}
}

func TestCacheMakesOnce(t *testing.T) {
	c, err := openCache(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var made atomic.Int32
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			path, err := c.file(t.Context(), "thing", "key", func(path string) error {
				made.Add(1)
				time.Sleep(20 * time.Millisecond)
				return os.WriteFile(path, []byte("made"), 0o644)
			})
			if content, readErr := os.ReadFile(path); err != nil || readErr != nil || string(content) != "made" {
				t.Errorf("%q, %v, %v", content, err, readErr)
			}
		})
	}
	group.Wait()
	if made.Load() != 1 {
		t.Errorf("made %d times, want once", made.Load())
	}
}

func TestCacheKeepsNothingHalfMade(t *testing.T) {
	c, err := openCache(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	_, err = c.file(t.Context(), "thing", "key", func(path string) error {
		os.WriteFile(path, []byte("half"), 0o644)
		return broken
	})
	if !errors.Is(err, broken) {
		t.Fatalf("error %v, want the maker's", err)
	}
	// As a killed process leaves it.
	left := filepath.Join(c.dir, "thing-key.partial")
	if err := os.WriteFile(left, []byte("half"), 0o644); err != nil {
		t.Fatal(err)
	}
	path, err := c.file(t.Context(), "thing", "key", func(path string) error {
		if path != left || exists(path) {
			t.Errorf("the leftover of a killed run, %s, is still there when %s is made", left, path)
		}
		return os.WriteFile(path, []byte("whole"), 0o644)
	})
	if content, _ := os.ReadFile(path); err != nil || string(content) != "whole" {
		t.Errorf("%q, %v", content, err)
	}
}

func TestCacheFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "elsewhere")
	t.Setenv(CacheVariable, dir)
	if c, err := openCache(""); err != nil || c.dir != dir {
		t.Errorf("%+v, %v, want %s", c, err, dir)
	}
}

func TestKeyTellsInputsApart(t *testing.T) {
	if key("ab", "c") == key("a", "bc") {
		t.Error("other inputs, same key")
	}
}

func TestInputsDifferWithEverythingThatCounts(t *testing.T) {
	base := recipe{dir: "images/git", args: map[string]string{"DEBIAN": "debian:1"}, key: "x"}
	others := []recipe{
		{dir: "images/aws", args: base.args, key: "x"},
		{dir: "images/git", args: map[string]string{"DEBIAN": "debian:2"}, key: "x"},
		{dir: "images/git", args: base.args, key: "y"},
	}
	seen := map[string]bool{}
	for _, r := range append(others, base) {
		inputs, err := r.inputs()
		if err != nil || seen[inputs] {
			t.Errorf("%+v: key %s again, or %v", r, inputs, err)
		}
		seen[inputs] = true
	}
}

// The context must carry what embedding and Go's module cache drop: the modes.
func TestContext(t *testing.T) {
	dir := t.TempDir()
	for name, mode := range map[string]os.FileMode{"bin/go": 0o444, "src/main.go": 0o444, "run": 0o755} {
		path := filepath.Join(dir, name)
		os.MkdirAll(filepath.Dir(path), 0o755)
		if err := os.WriteFile(path, []byte(name), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("run", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	var content bytes.Buffer
	if err := (recipe{dir: "images/registry"}).writeContext(&content, map[string]string{"go": dir, "one": filepath.Join(dir, "run")}); err != nil {
		t.Fatal(err)
	}
	modes, links, bodies := map[string]int64{}, map[string]string{}, map[string]string{}
	for archive := tar.NewReader(&content); ; {
		header, err := archive.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(archive)
		modes[header.Name], links[header.Name], bodies[header.Name] = header.Mode, header.Linkname, string(body)
	}
	for name, want := range map[string]int64{
		"Dockerfile": 0o644, "entrypoint.sh": 0o755, "config.yml": 0o644,
		"go/bin/go": 0o755, "go/src/main.go": 0o644, "go/run": 0o755, "one": 0o755,
	} {
		if modes[name] != want {
			t.Errorf("%s: mode %o, want %o", name, modes[name], want)
		}
	}
	if links["go/link"] != "run" || bodies["go/src/main.go"] != "src/main.go" {
		t.Errorf("link %q, file %q", links["go/link"], bodies["go/src/main.go"])
	}
}

func TestProvidersAreFoundInTheirMirror(t *testing.T) {
	dir := t.TempDir()
	os.MkdirAll(filepath.Join(dir, "registry.terraform.io/hashicorp/aws/5.100.0/linux_amd64"), 0o755)
	t.Setenv(PluginMirrorVariable, dir)
	if found, err := providerMirror(); err != nil || found != dir {
		t.Errorf("%q, %v, want %s", found, err, dir)
	}
}

// The programs' modules have the versions of the images that the stages, the
// manifest and the monitoring role name.
func TestProgramsHaveTheImagesVersions(t *testing.T) {
	named := []byte(strings.Join(stageImages, "\n"))
	for _, file := range []string{"../../app/docker-compose.yml", "../../ansible/roles/monitoring/defaults/main.yml"} {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		named = append(append(named, '\n'), content...)
	}
	for repository, program := range map[string]goProgram{
		"traefik": traefik, "grafana/loki": loki, "grafana/promtail": promtail, "anchore/syft": syft, "sigstore/cosign/cosign": cosign,
	} {
		found := regexp.MustCompile(`(?m)(?:^|[ /])` + repository + `:v?([0-9.]+)`).FindSubmatch(named)
		if found == nil {
			t.Errorf("nothing names an image of %s", repository)
			continue
		}
		program.version = "v" + string(found[1])
		if _, err := program.source(t.Context()); err != nil {
			t.Errorf("%s: %v", repository, err)
		}
	}
}

// act has no image that would say its version.
func TestActHasItsModulesVersion(t *testing.T) {
	if _, err := act.source(t.Context()); err != nil {
		t.Error(err)
	}
}

// A version that no module pins is refused with the command that changes that.
func TestOtherVersionIsRefused(t *testing.T) {
	program := syft
	program.version = "v0.0.1"
	_, err := program.source(t.Context())
	if err == nil || !strings.Contains(err.Error(), "ci/lab/programs/syft -tool github.com/anchore/syft/cmd/syft@v0.0.1") {
		t.Errorf("%v", err)
	}
}

// A program says its version as its own releases do.
func TestFlagsSayTheVersion(t *testing.T) {
	for want, program := range map[string]goProgram{
		"-s -w":                  {version: "v1.2.3"},
		"-s -w -X main.v=1.2.3":  {version: "v1.2.3", setVersion: "main.v"},
		"-s -w -X main.v=v1.2.3": {version: "v1.2.3", setVersion: "main.v", saysV: true},
	} {
		if got := program.flags(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// A small program goes the whole way from the module proxy to running.
func TestCompile(t *testing.T) {
	if testing.Short() {
		t.Skip("needs the Go module proxy")
	}
	c, err := openCache(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	m := newMaker(&Docker{}, c)
	program := goProgram{folder: "gotestsum", module: "gotest.tools/gotestsum", version: "v1.13.0", pkg: "gotest.tools/gotestsum"}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	path, err := m.compile(ctx, program)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := capture(ctx, "", path, "--version"); err != nil || out != "gotestsum version v1.13.0\n" {
		t.Errorf("%q, %v", out, err)
	}
}

func TestProcessIDTellsProcessesApart(t *testing.T) {
	mine := processID(os.Getpid())
	if ownerPID(mine) != os.Getpid() || processID(ownerPID(mine)) != mine {
		t.Errorf("process %d has the ID %q", os.Getpid(), mine)
	}
	if id := processID(1 << 30); id != "" {
		t.Errorf("a process that does not exist has the ID %q", id)
	}
}
