package publish

import (
	"bytes"
	"context"
	"fmt"
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

	"gitops/ci/attest"
	"gitops/ci/lab"
	"gitops/ci/lab/envtest"
	"gitops/ci/lab/labtest"
	"gitops/ci/lab/registrytest"
	"gitops/ci/progress"
	"gitops/ci/registry"
	"gitops/ci/secret"
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
		o := Options{Services: []Service{{Name: "a", Context: dir, Image: "r.local/a"}}, Tag: commit, Created: commitTime}
		change(&o)
		if _, err := Publish(context.Background(), o); progress.ExitCode(err) != progress.ExitInvalid || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v (exit %d), want exit 2 and %q", err, progress.ExitCode(err), says)
		}
	}
}

func TestBuildArgs(t *testing.T) {
	s := Service{Context: "app/backend", Target: "run", Args: map[string]string{"B": "2", "A": "1 x"}}
	for want, d := range map[string]*docker{
		"build|--iidfile|/id|--file|app/backend/Dockerfile|--target|run|--build-arg|A=1 x|--build-arg|B=2|--build-arg|GIT_SHA=" + commit + "|app/backend":                                          {tag: commit},
		"build|--iidfile|/id|--file|app/backend/Dockerfile|--platform|linux/arm64|--target|run|--no-cache|--pull|--build-arg|A=1 x|--build-arg|B=2|--build-arg|GIT_SHA=" + commit + "|app/backend": {tag: commit, rebuild: true},
	} {
		platform := ""
		if d.rebuild {
			platform = "linux/arm64"
		}
		if got := strings.Join(d.buildArgs(s, platform, "/id"), "|"); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
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

func dockerDo(t *testing.T, args ...string) string {
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
	dockerDo(t, "build", "--quiet", "--tag", base, dir)
	t.Cleanup(func() { exec.Command("docker", "image", "rm", "--force", base).Run() })
	return base
}

// forget removes what the engine built for a commit, so that it builds anew.
func forget(t *testing.T, tag string) {
	t.Helper()
	// Without --all only the last image of each build is listed; the ones that it
	// was made of go with it.
	ids := strings.Fields(dockerDo(t, "images", "--quiet", "--no-trunc", "--filter", "label=release="+tag))
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		dockerDo(t, "image", "rm", "--force", id)
	}
}

func TestPublishForReal(t *testing.T) {
	needsDocker(t)
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	address, base := registrytest.Debian(t, "registry-password"), uniqueBase(t)
	// A commit of the test's own, so that it finds only its own images.
	tag := fmt.Sprintf("%040x", time.Now().UnixNano())
	t.Cleanup(func() { forget(t, tag) })
	options := func(age time.Duration, address string) Options {
		backend := write(t, map[string]string{"Dockerfile": "FROM scratch AS other\nFROM scratch\nARG GIT_SHA\nLABEL release=$GIT_SHA\nENV RELEASE=$GIT_SHA\nCOPY app /app\n", "app": "program " + tag}, age)
		frontend := write(t, map[string]string{"Front.Dockerfile": "ARG BASE=none\nFROM ${BASE}\nARG GIT_SHA\nLABEL release=$GIT_SHA\nCOPY index.html /\nUSER 7\n", "index.html": "page " + tag}, age)
		return Options{
			Services: []Service{
				{Name: "backend", Context: backend, Image: address + "/team/backend"},
				{Name: "frontend", Context: frontend, Dockerfile: "Front.Dockerfile", Args: map[string]string{"BASE": base}, Image: address + "/team/frontend"},
			},
			Tag: tag, Created: commitTime, SourceURL: "https://git.local/app", Registry: registry.Options{Logins: logins(address)}, NoAttestations: true,
		}
	}
	refs, err := Publish(context.Background(), options(0, address))
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
	if len(front.RootFS.DiffIDs) != 2 || front.Config.User != "7" {
		t.Errorf("the frontend is not its base and a layer: %v, user %s", front.RootFS.DiffIDs, front.Config.User)
	}

	t.Run("same input, same digest", func(t *testing.T) {
		forget(t, tag)
		again, err := Publish(context.Background(), options(48*time.Hour, registrytest.Debian(t, "registry-password")))
		if err != nil {
			t.Fatal(err)
		}
		for i := range refs {
			if _, digest, _ := strings.Cut(refs[i].Ref, "@"); !strings.HasSuffix(again[i].Ref, digest) || !again[i].Pushed {
				t.Errorf("built again elsewhere: %+v, first %+v", again[i], refs[i])
			}
		}
	})
	t.Run("same input, another builder, same digest", func(t *testing.T) {
		o := options(0, registrytest.Debian(t, "registry-password"))
		if !buildKit(t) {
			t.Skip("needs a Docker CLI with BuildKit")
		}
		built, err := Publish(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		for i := range refs {
			if _, digest, _ := strings.Cut(refs[i].Ref, "@"); !strings.HasSuffix(built[i].Ref, digest) || built[i].Reused {
				t.Errorf("built by BuildKit: %+v, by the other builder %+v", built[i], refs[i])
			}
		}
	})
	t.Run("called again, nothing", func(t *testing.T) {
		again, err := Publish(context.Background(), options(0, address))
		if err != nil {
			t.Fatal(err)
		}
		for i := range refs {
			if again[i].Ref != refs[i].Ref || again[i].Pushed || !again[i].Reused || again[i].Bytes != 0 || again[i].BuildSeconds != 0 {
				t.Errorf("again: %+v, first %+v", again[i], refs[i])
			}
		}
	})
	t.Run("wrong password", func(t *testing.T) {
		o := options(0, address)
		os.WriteFile(o.Services[0].Context+"/app", []byte("changed"), 0o600)
		o.Registry.Logins[0].Password = secret.New("not-the-password")
		refs, err := Publish(context.Background(), o)
		if refs != nil || err == nil || !strings.Contains(err.Error(), "user name and password") || strings.Contains(err.Error(), "not-the-password") {
			t.Errorf("refs %v, error %v", refs, err)
		}
	})
	t.Run("a build that fails", func(t *testing.T) {
		o := options(0, address)
		o.Tag = strings.Repeat("a", 40)
		o.Services[1].Context = write(t, map[string]string{"Front.Dockerfile": "FROM scratch\nCOPY nowhere /\n"}, 0)
		var said bytes.Buffer
		o.Progress = progress.NewProgress(&said)
		refs, err := Publish(context.Background(), o)
		if refs != nil || err == nil || !strings.Contains(err.Error(), "building frontend") || !strings.Contains(err.Error(), "nowhere") || strings.Contains(said.String(), "push") {
			t.Errorf("refs %v, error %v\n%s", refs, err, said.String())
		}
	})
	left, err := os.ReadDir(temporary)
	left = slices.DeleteFunc(left, func(e os.DirEntry) bool { return strings.HasPrefix(e.Name(), "registrytest-") })
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
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

// buildKit sees to it that the Docker CLI in PATH builds with BuildKit, and reports
// whether there is one.
func buildKit(t *testing.T) bool {
	t.Helper()
	if exec.Command("docker", "buildx", "version").Run() == nil {
		return true
	}
	// The CLI that belongs to an older engine has it built in.
	t.Setenv("DOCKER_BUILDKIT", "1")
	out, err := exec.Command("/usr/bin/docker", "--version").Output()
	if err != nil || !strings.Contains(string(out), " 20.10.") {
		return false
	}
	t.Setenv("PATH", "/usr/bin"+string(os.PathListSeparator)+os.Getenv("PATH"))
	return true
}

// BuildKit builds for a platform that is not its own, as long as nothing has to run
// on it. An engine without it says so.
func TestPublishForSeveralPlatforms(t *testing.T) {
	needsDocker(t)
	address := registrytest.Debian(t, "registry-password")
	dir := write(t, map[string]string{"Dockerfile": "FROM scratch\nCOPY app /app\n", "app": t.Name()}, 0)
	o := Options{
		Services: []Service{{Name: "a", Context: dir, Image: address + "/a", Platforms: []string{"linux/amd64", "linux/arm64"}}},
		Tag:      commit, Created: commitTime, Registry: registry.Options{Logins: logins(address)}, NoAttestations: true,
	}
	t.Run("without BuildKit", func(t *testing.T) {
		t.Setenv("DOCKER_BUILDKIT", "0")
		if _, err := Publish(context.Background(), o); err == nil || !strings.Contains(err.Error(), "it takes BuildKit") {
			t.Errorf("got %v", err)
		}
	})
	if !buildKit(t) {
		t.Skip("needs a Docker CLI with BuildKit")
	}
	refs, err := Publish(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	parsed, _ := name.ParseReference(refs[0].Ref)
	index, err := remote.Index(parsed, remote.WithAuth(&authn.Basic{Username: "robot", Password: "registry-password"}))
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil || len(manifest.Manifests) != 2 || manifest.Manifests[0].Platform.Architecture != "amd64" || manifest.Manifests[1].Platform.Architecture != "arm64" {
		t.Errorf("got %+v, %v", manifest, err)
	}
}

// An image is released with all that is said of it; then nothing is left to do,
// until another key is asked for.
func TestPublishAttestsAndSigns(t *testing.T) {
	needsDocker(t)
	labtest.OnPath(t, lab.Syft, lab.Cosign)
	address, base := registrytest.Debian(t, "registry-password"), uniqueBase(t)
	tag := fmt.Sprintf("%040x", time.Now().UnixNano())
	t.Cleanup(func() { forget(t, tag) })
	dir := write(t, map[string]string{"Dockerfile": "ARG BASE=none\nFROM ${BASE}\nARG GIT_SHA\nLABEL release=$GIT_SHA\nCOPY package-lock.json /\n",
		"package-lock.json": `{"name": "app", "lockfileVersion": 3, "packages": {"": {"name": "app"}, "node_modules/left-pad": {"version": "1.3.0"}}}`}, 0)
	o := Options{
		Services: []Service{{Name: "a", Context: dir, Args: map[string]string{"BASE": base}, Image: address + "/team/app"}},
		Tag:      tag, Created: commitTime, SourceURL: "https://git.local/app", BuilderID: "urn:test", Registry: registry.Options{Logins: logins(address)},
	}
	publish := func(t *testing.T) Ref {
		t.Helper()
		refs, err := Publish(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		return refs[0]
	}
	first := publish(t)
	at, err := name.NewDigest(first.Ref)
	if err != nil {
		t.Fatal(err)
	}
	types, err := attest.Attached(t.Context(), registry.New(o.Registry), at)
	if err != nil || !slices.Equal(types, []string{attest.TypeProvenance, attest.TypeSBOM}) {
		t.Errorf("attached %v, %v", types, err)
	}
	t.Run("again", func(t *testing.T) {
		if again := publish(t); again.Ref != first.Ref || again.Bytes != 0 || !again.Reused {
			t.Errorf("%+v", again)
		}
	})
	t.Run("a password that is not the key's", func(t *testing.T) {
		o := o
		o.Signer = attest.Signer{Key: secret.New(newKey(t).private), Password: secret.New("wrong-password"), Logins: logins(address)}
		envtest.New(t, "docker", "") // it must not come to a build
		if _, err := Publish(t.Context(), o); err == nil || !strings.Contains(err.Error(), "password is not that of the key") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("signed", func(t *testing.T) {
		key := newKey(t)
		o.Signer = attest.Signer{Key: secret.New(key.private), Password: secret.New("key-password"), Logins: logins(address)}
		signed := publish(t)
		if signed.Ref != first.Ref || !signed.Signed || signed.Reused {
			t.Errorf("signed: %+v, first %+v", signed, first)
		}
		policy := attest.Policy{PublicKey: key.public, Logins: logins(address)}
		if err := attest.Verify(t.Context(), policy, []string{signed.Ref}); err != nil {
			t.Error(err)
		}
		if again := publish(t); again.Signed || !again.Reused || again.Bytes != 0 {
			t.Errorf("again: %+v", again)
		}
	})
}

// pair is a key as cosign makes it, with the password key-password.
type pair struct{ private, public string }

func newKey(t *testing.T) pair {
	t.Helper()
	cmd := exec.Command("cosign", "generate-key-pair")
	cmd.Dir, cmd.Env = t.TempDir(), append(os.Environ(), "COSIGN_PASSWORD=key-password")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	private, err := os.ReadFile(cmd.Dir + "/cosign.key")
	if err != nil {
		t.Fatal(err)
	}
	public, err := os.ReadFile(cmd.Dir + "/cosign.pub")
	if err != nil {
		t.Fatal(err)
	}
	return pair{string(private), string(public)}
}
