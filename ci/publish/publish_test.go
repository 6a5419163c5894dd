package publish

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"golang.org/x/crypto/bcrypt"

	"gitops/ci/registry"
	"gitops/ci/secret"
	"gitops/ci/stage"
)

func TestBadInputIsRefusedBeforeAnything(t *testing.T) {
	dir := t.TempDir()
	os.WriteFile(dir+"/Dockerfile", []byte("FROM scratch\n"), 0o600)
	for says, change := range map[string]func(*Options){
		"no service":           func(o *Options) { o.Services = nil },
		"full commit SHA":      func(o *Options) { o.Tag = "latest" },
		"no time":              func(o *Options) { o.Created = time.Time{} },
		"no folder":            func(o *Options) { o.Services[0].Context = dir + "/none" },
		"no " + dir + "/Other": func(o *Options) { o.Services[0].Dockerfile = "Other" },
		"without a tag":        func(o *Options) { o.Services[0].Image = "Not/An Image" },
		"named twice":          func(o *Options) { o.Services = append(o.Services, o.Services[0]) },
		"build argument":       func(o *Options) { o.Services[0].Args = map[string]string{"A=B": ""} },
	} {
		o := Options{Services: []Service{{Name: "a", Context: dir, Image: "r.local/a"}}, Tag: commit, Created: commitTime, Docker: "/no/docker"}
		change(&o)
		if _, err := Publish(context.Background(), o); stage.ExitCode(err) != stage.ExitInvalid || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v (exit %d), want exit 2 and %q", err, stage.ExitCode(err), says)
		}
	}
}

func TestBuildArgs(t *testing.T) {
	p := &publisher{Options: Options{Tag: commit, Version: "v1", Created: commitTime, SourceURL: "https://git.local/a"}}
	s := Service{Context: "app/backend", Target: "run", Args: map[string]string{"B": "2", "A": "1 x"}}
	got := strings.Join(p.buildArgs(s, "sha256:in", "/tmp/id"), "\n")
	want := `build
--iidfile
/tmp/id
--file
app/backend/Dockerfile
--target
run
--build-arg
A=1 x
--build-arg
B=2
--build-arg
GIT_SHA=` + commit + `
--label
dev.gitops.tree=sha256:in
--label
org.opencontainers.image.created=2026-03-04T04:06:07Z
--label
org.opencontainers.image.revision=` + commit + `
--label
org.opencontainers.image.source=https://git.local/a
--label
org.opencontainers.image.version=v1
app/backend`
	if got != want {
		t.Errorf("got\n%s", got)
	}
}

// startDebianRegistry starts a registry of its own process that asks for a login.
func startDebianRegistry(t *testing.T) string {
	t.Helper()
	binary, err := exec.LookPath("docker-registry")
	if err != nil {
		t.Skip("needs a registry (package docker-registry)")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	dir := t.TempDir()
	hash, err := bcrypt.GenerateFromPassword([]byte("registry-password"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf("version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %[1]s/data}}\n"+
		"http: {addr: %[2]q}\nauth: {htpasswd: {realm: test, path: %[1]s/htpasswd}}\n", dir, address)
	os.WriteFile(dir+"/htpasswd", append([]byte("robot:"), hash...), 0o600)
	os.WriteFile(dir+"/config.yml", []byte(config), 0o600)
	cmd := exec.Command(binary, "serve", dir+"/config.yml")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	for range 100 {
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			return address
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("the registry does not listen")
	return ""
}

func logins(address string) []registry.Login {
	return []registry.Login{{Host: address, Username: "robot", Password: secret.New("registry-password")}}
}

func needsDocker(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs more time than -short gives")
	}
	if err := exec.Command("docker", "version").Run(); err != nil {
		t.Skip("needs a Docker engine")
	}
}

func docker(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("docker", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("docker %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// write makes a folder to build; its files are as old as age.
func write(t *testing.T, files map[string]string, age time.Duration) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		then := time.Now().Add(-age)
		if err := os.Chtimes(path, then, then); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// uniqueBase makes an image to build on, with a name of the test's own.
func uniqueBase(t *testing.T) string {
	t.Helper()
	dir := write(t, map[string]string{"Dockerfile": "FROM scratch\nCOPY base /\n", "base": t.Name()}, 0)
	base := fmt.Sprintf("gitops-publish-test:base-%d", os.Getpid())
	docker(t, "build", "--quiet", "--tag", base, dir)
	t.Cleanup(func() { exec.Command("docker", "image", "rm", "--force", base).Run() })
	return base
}

// forget removes what the engine built for a commit, so that it builds anew.
func forget(t *testing.T, tag string) {
	t.Helper()
	// Without --all only the last image of each build is listed; the ones that it
	// was made of go with it.
	ids := strings.Fields(docker(t, "images", "--quiet", "--no-trunc", "--filter", "label=org.opencontainers.image.revision="+tag))
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		docker(t, "image", "rm", "--force", id)
	}
}

func TestPublishForReal(t *testing.T) {
	needsDocker(t)
	address, base := startDebianRegistry(t), uniqueBase(t)
	// A commit of the test's own, so that it finds only its own images.
	tag := fmt.Sprintf("%040x", time.Now().UnixNano())
	t.Cleanup(func() { forget(t, tag) })
	options := func(age time.Duration) Options {
		backend := write(t, map[string]string{"Dockerfile": "FROM scratch AS other\nFROM scratch\nARG GIT_SHA\nENV RELEASE=$GIT_SHA\nCOPY app /app\n", "app": "program " + tag}, age)
		frontend := write(t, map[string]string{"Front.Dockerfile": "ARG BASE=none\nFROM ${BASE}\nCOPY index.html /\nUSER 7\n", "index.html": "page " + tag}, age)
		return Options{
			Services: []Service{
				{Name: "backend", Context: backend, Image: address + "/team/backend"},
				{Name: "frontend", Context: frontend, Dockerfile: "Front.Dockerfile", Args: map[string]string{"BASE": base}, Image: address + "/team/frontend"},
			},
			Tag: tag, Created: commitTime, SourceURL: "https://git.local/app", Logins: logins(address),
		}
	}
	refs, err := Publish(context.Background(), options(0))
	if err != nil {
		t.Fatal(err)
	}
	for i, service := range []string{"backend", "frontend"} {
		if !refs[i].Pushed || refs[i].Service != service || !strings.HasPrefix(refs[i].Ref, address+"/team/"+service+":"+tag+"@sha256:") {
			t.Errorf("ref %d is %+v", i, refs[i])
		}
	}
	checkImage(t, refs[0].Ref, tag, "RELEASE="+tag)
	front := checkImage(t, refs[1].Ref, tag, "")
	var layers []string
	json.Unmarshal([]byte(docker(t, "image", "inspect", "--format", "{{json .RootFS.Layers}}", base)), &layers)
	if front.RootFS.DiffIDs[0].String() != layers[0] || front.Config.User != "7" {
		t.Errorf("the frontend does not start with its base: %v, %v", front.RootFS.DiffIDs, layers)
	}

	t.Run("same input, same digest", func(t *testing.T) {
		forget(t, tag)
		again, err := Publish(context.Background(), options(48*time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		for i := range refs {
			if again[i].Ref != refs[i].Ref || again[i].Pushed || again[i].Bytes != 0 {
				t.Errorf("built again: %+v, first %+v", again[i], refs[i])
			}
		}
	})
	t.Run("wrong password", func(t *testing.T) {
		o := options(0)
		o.Logins[0].Password = secret.New("not-the-password")
		refs, err := Publish(context.Background(), o)
		if refs != nil || err == nil || !strings.Contains(err.Error(), "user name and password") || strings.Contains(err.Error(), "not-the-password") {
			t.Errorf("refs %v, error %v", refs, err)
		}
	})
	t.Run("a build that fails", func(t *testing.T) {
		o := options(0)
		o.Services[1].Context = write(t, map[string]string{"Front.Dockerfile": "FROM scratch\nCOPY nowhere /\n"}, 0)
		var said bytes.Buffer
		o.Progress = stage.NewProgress(&said)
		refs, err := Publish(context.Background(), o)
		if refs != nil || err == nil || !strings.Contains(err.Error(), "building frontend") || !strings.Contains(err.Error(), "nowhere") || strings.Contains(said.String(), "push") {
			t.Errorf("refs %v, error %v\n%s", refs, err, said.String())
		}
	})
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "gitops-image-*.tar")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// checkImage looks at an image as the registry has it.
func checkImage(t *testing.T, ref, tag, env string) *v1.ConfigFile {
	t.Helper()
	parsed, err := name.ParseReference(ref)
	if err != nil {
		t.Fatal(err)
	}
	image, err := remote.Image(parsed, remote.WithAuth(&authn.Basic{Username: "robot", Password: "registry-password"}))
	if err != nil {
		t.Fatal(err)
	}
	config, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	labels := config.Config.Labels
	if labels["org.opencontainers.image.revision"] != tag || labels["org.opencontainers.image.source"] != "https://git.local/app" || labels["org.opencontainers.image.created"] == "" {
		t.Errorf("labels are %v", labels)
	}
	if !config.Created.Equal(commitTime) || env != "" && !slices.Contains(config.Config.Env, env) {
		t.Errorf("created %s, environment %v", config.Created, config.Config.Env)
	}
	return config
}

func TestReuseTagsAnUnchangedServiceAgain(t *testing.T) {
	needsDocker(t)
	address := startDebianRegistry(t)
	dir := write(t, map[string]string{"Dockerfile": "FROM scratch\nARG GIT_SHA\nENV RELEASE=$GIT_SHA\nCOPY app /app\n", "app": "program"}, 0)
	git := func(args ...string) string {
		cmd := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=t", "-c", "user.email=t@example.org"}, args...)...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	git("init", "--quiet")
	commit := func() string {
		git("add", "-A")
		git("commit", "--quiet", "--allow-empty", "--message", time.Now().String())
		tag := git("rev-parse", "HEAD")
		t.Cleanup(func() { forget(t, tag) })
		return tag
	}
	publish := func(tag, previous string) Ref {
		refs, err := Publish(context.Background(), Options{
			Services: []Service{{Name: "a", Context: dir, Image: address + "/a", Previous: previous}},
			Tag:      tag, Created: commitTime, Reuse: true, Logins: logins(address),
		})
		if err != nil {
			t.Fatal(err)
		}
		return refs[0]
	}
	first := publish(commit(), "")
	second := commit()
	if again := publish(second, first.Ref); !again.Reused || again.Bytes > 5000 || again.Ref != strings.Replace(first.Ref, strings.Split(strings.Split(first.Ref, "/a:")[1], "@")[0], second, 1) {
		t.Errorf("nothing changed: %+v, first %+v", again, first)
	}
	os.WriteFile(dir+"/app", []byte("another program"), 0o600)
	if dirty := publish(second, first.Ref); dirty.Reused {
		t.Errorf("a folder that differs from the commit was taken as unchanged: %+v", dirty)
	}
	if changed := publish(commit(), first.Ref); changed.Reused || !changed.Pushed {
		t.Errorf("changed: %+v", changed)
	}
}
