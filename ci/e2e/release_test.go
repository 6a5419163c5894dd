package e2e

import (
	"archive/tar"
	"context"
	"crypto/ed25519"
	"encoding/pem"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"dagger.io/dagger"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"golang.org/x/crypto/ssh"

	"gitops/ci/attest"
	"gitops/ci/lab/gitserver"
	"gitops/ci/lab/registrytest"
	"gitops/ci/publish"
	"gitops/ci/registry"
	"gitops/ci/secret"
)

// TestRelease releases one commit twice. The registry then has its image under the
// SHA, with what is said of it; the branch has one signed commit of the robot's on
// top; and the second time nothing changes.
func TestRelease(t *testing.T) {
	ctx, client := connect(t, ".")
	s := startServices(ctx, t, client)
	dev := newDeveloper(ctx, t, client, s.gitURL)
	key, public := newKey(t)
	first := s.release(ctx, t, dev.commit, key)
	if log := dev.git("log", "--format=%H %an", "origin/integration"); strings.Count(log, "\n") != 1 || !strings.HasSuffix(log, dev.commit+" dev") {
		t.Errorf("the branch is not the robot's commit on the developer's %s:\n%s", dev.commit, log)
	}
	dev.checkRobot(public)
	ref := dev.runningRef()
	s.checkImage(ctx, t, ref, dev.commit)
	t.Run("Docker builds the same", func(t *testing.T) { sameByDocker(ctx, t, dev, ref) })

	before := dev.git("rev-parse", "origin/integration")
	again := s.release(ctx, t, dev.commit, key)
	if after := dev.git("rev-parse", "origin/integration"); after != before || !strings.Contains(again, `"unchanged"`) {
		t.Errorf("released again: the branch went from %s to %s\nfirst %s\nagain %s", before, after, first, again)
	}
}

const (
	gitPassword = "git-password"
	repoURL     = "https://github.local:8080/example/app.git"
)

// services are a registry and a git server in a session, and where this process
// reaches them.
type services struct {
	client               *dagger.Client
	registry, git        *dagger.Service
	registryHost, gitURL string
}

func startServices(ctx context.Context, t *testing.T, client *dagger.Client) *services {
	t.Helper()
	s := &services{client: client, registry: registryService(client),
		git: standIn(t, client)}
	s.registryHost = tunnel(ctx, t, client, s.registry)
	s.gitURL = "https://" + tunnel(ctx, t, client, s.git)
	return s
}

// tunnel makes a service reachable for this process and returns where.
func tunnel(ctx context.Context, t *testing.T, client *dagger.Client, service *dagger.Service) string {
	t.Helper()
	tunnel, err := client.Host().Tunnel(service).Start(ctx)
	if err != nil {
		t.Fatal(err)
	}
	address, err := tunnel.Endpoint(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return address
}

func (s *services) release(ctx context.Context, t *testing.T, commit, key string) string {
	t.Helper()
	var out string
	err := s.client.QueryBuilder().Select("gitops").
		Select("withService").Arg("alias", "registry.local").Arg("service", s.registry).
		Select("withService").Arg("alias", "github.local").Arg("service", s.git).
		Select("withAuthority").Arg("certificates", certificates(t, s.client)).
		Select("withRobot").Arg("name", "Bump Bot").Arg("trailers", []string{"Acked-by: Nobody"}).Arg("signingKey", s.client.SetSecret("robot-key", key)).
		Select("release").Arg("source", project(s.client)).Arg("commit", commit).Arg("manifestPath", "docker-compose.yml").
		Arg("repo", repoURL).Arg("gitUsername", "robot").Arg("gitToken", s.client.SetSecret("git-password", gitPassword)).
		Bind(&out).Execute(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// checkImage looks for the image under the commit's tag, for what is said of it and
// for what its build did not see.
func (s *services) checkImage(ctx context.Context, t *testing.T, ref, commit string) {
	t.Helper()
	tag, digest, _ := strings.Cut(ref, "@")
	path, found := strings.CutPrefix(tag, "registry.local:5000/")
	if !found || !strings.HasSuffix(tag, ":"+commit) {
		t.Fatalf("the manifest runs %s", ref)
	}
	parsed, err := name.ParseReference(s.registryHost + "/" + path)
	if err != nil {
		t.Fatal(err)
	}
	image, err := remote.Image(parsed, remote.WithContext(ctx))
	if err != nil {
		t.Fatal(err)
	}
	if there, err := image.Digest(); err != nil || there.String() != digest {
		t.Errorf("the tag is on %s, %v; the manifest runs %s", there, err, digest)
	}
	if got := files(t, image); !slices.Equal(got, []string{"hello.txt"}) {
		t.Errorf("the image holds %v", got)
	}
	types, err := attest.Attached(ctx, registry.New(registry.Options{}), parsed.Context().Digest(digest))
	if err != nil || !slices.Equal(types, []string{attest.TypeProvenance, attest.TypeSBOM}) {
		t.Errorf("attached %v, %v", types, err)
	}
}

// files returns the files of the image's layers, sorted.
func files(t *testing.T, image v1.Image) (names []string) {
	t.Helper()
	layers, err := image.Layers()
	if err != nil {
		t.Fatal(err)
	}
	for _, layer := range layers {
		content, err := layer.Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		defer content.Close()
		for archive := tar.NewReader(content); ; {
			header, err := archive.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if header.Typeflag == tar.TypeReg {
				names = append(names, header.Name)
			}
		}
	}
	slices.Sort(names)
	return names
}

// developer is a clone of the repository on this machine.
type developer struct {
	t             *testing.T
	clone, commit string
	authority     string // file with the authority of the stand-ins
}

func newDeveloper(ctx context.Context, t *testing.T, client *dagger.Client, url string) *developer {
	t.Helper()
	d := &developer{t: t, clone: filepath.Join(t.TempDir(), "clone")}
	var err error
	if d.authority, err = trusted(t).WriteFile(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	if err := gitserver.CreateRemote(ctx, trusted(t).Client(), url, "example/app", "robot", secret.New(gitPassword)); err != nil {
		t.Fatal(err)
	}
	if _, err := project(client).Export(ctx, d.clone); err != nil {
		t.Fatal(err)
	}
	d.git("init", "--quiet", "--initial-branch=integration")
	d.git("add", "--all", "--force")
	d.git("commit", "--quiet", "--message=Start")
	d.git("remote", "add", "origin", strings.Replace(url, "https://", "https://robot:"+gitPassword+"@", 1)+"/example/app.git")
	d.git("push", "--quiet", "origin", "integration")
	d.commit = d.git("rev-parse", "HEAD")
	return d
}

// git runs git in the clone, which knows what the server has.
func (d *developer) git(args ...string) string {
	d.t.Helper()
	if args[0] == "log" || args[0] == "rev-parse" {
		d.git("fetch", "--quiet", "--all")
	}
	cmd := exec.Command("git", args...)
	cmd.Dir = d.clone
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "GIT_SSL_CAINFO="+d.authority,
		"GIT_AUTHOR_NAME=dev", "GIT_AUTHOR_EMAIL=dev@example.com", "GIT_COMMITTER_NAME=dev", "GIT_COMMITTER_EMAIL=dev@example.com")
	out, err := cmd.CombinedOutput()
	if err != nil {
		d.t.Fatalf("git %s: %v\n%s", args[0], err, out)
	}
	return strings.TrimSpace(string(out))
}

// checkRobot checks that the tip is as with-robot says: whose, with what in its
// message, and signed.
func (d *developer) checkRobot(public string) {
	d.t.Helper()
	message := d.git("log", "-1", "--format=%an%n%B", "origin/integration")
	if !strings.HasPrefix(message, "Bump Bot\n") || !strings.Contains(message, "Acked-by: Nobody") || !strings.Contains(message, "Built-From: "+d.commit) {
		d.t.Errorf("the robot's commit says:\n%s", message)
	}
	signers := filepath.Join(d.t.TempDir(), "signers")
	if err := os.WriteFile(signers, []byte("* "+public), 0o600); err != nil {
		d.t.Fatal(err)
	}
	d.git("-c", "gpg.ssh.allowedSignersFile="+signers, "verify-commit", "origin/integration")
}

// runningRef returns the ref in the manifest on the branch, which differs from the
// developer's in nothing else.
func (d *developer) runningRef() string {
	d.t.Helper()
	manifest := d.git("show", "origin/integration:docker-compose.yml") + "\n"
	head, tail, _ := strings.Cut(composeFile, "registry.local:5000/team/hello:old")
	if !strings.HasPrefix(manifest, head) || !strings.HasSuffix(manifest, tail) {
		d.t.Fatalf("the manifest changed in more than its image:\n%s", manifest)
	}
	return strings.TrimSuffix(strings.TrimPrefix(manifest, head), tail)
}

// sameByDocker publishes the developer's commit with a plain Docker engine, to another
// registry: the digest is that of ref.
func sameByDocker(ctx context.Context, t *testing.T, dev *developer, ref string) {
	if exec.Command("docker", "version").Run() != nil {
		t.Skip("needs a Docker engine")
	}
	when, err := time.Parse(time.RFC3339, dev.git("log", "-1", "--format=%cI", dev.commit))
	if err != nil {
		t.Fatal(err)
	}
	refs, err := publish.Publish(ctx, publish.Options{
		Services: []publish.Service{{
			Name: "hello", Context: filepath.Join(dev.clone, "hello"), Dockerfile: "../hello.Dockerfile", Args: map[string]string{"GIT_SHA": dev.commit},
			Image: registrytest.Start(t, true, nil) + "/team/hello",
		}},
		Tag: dev.commit, Created: when, SourceURL: repoURL, NoAttestations: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, digest, _ := strings.Cut(ref, "@"); !strings.HasSuffix(refs[0].Ref, digest) {
		t.Errorf("Docker built %s, Dagger %s", refs[0].Ref, ref)
	}
}

func newKey(t *testing.T) (private, public string) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(block)), string(ssh.MarshalAuthorizedKey(signer.PublicKey()))
}
