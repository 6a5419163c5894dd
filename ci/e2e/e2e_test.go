// Package e2e drives the Dagger module on a real engine, through Dagger's Go client.
package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"dagger.io/dagger"
	"github.com/dagger/querybuilder"

	"gitops/ci/images"
	"gitops/ci/lab/authority"
	"gitops/ci/lab/texttest"
	"gitops/ci/rehearsal/dockerlab"
	"gitops/ci/rehearsal/engine"
)

// commit is a SHA for the images of a test.
const commit = "0123456789abcdef0123456789abcdef01234567"

const composeFile = `services:
  hello: # says hello
    image: "registry.local:5000/team/hello:old" # kept
    build: {context: ./hello, dockerfile: ../hello.Dockerfile}
`

// connect returns a session with the module at path served.
func connect(t *testing.T, path string) (context.Context, *dagger.Client) {
	t.Helper()
	ctx := t.Context()
	if !dockerlab.DaggerReachable(ctx) {
		t.Skip("needs a Dagger engine")
	}
	client, err := engine.Connect(ctx, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if err := client.ModuleSource(filepath.Join(root, path)).AsModule().Serve(ctx); err != nil {
		t.Fatalf("loading the module: %v", err)
	}
	return ctx, client
}

func project(client *dagger.Client) *dagger.Directory {
	return client.Directory().
		WithNewFile("docker-compose.yml", composeFile).
		WithNewFile("hello.Dockerfile", "FROM scratch\nARG GIT_SHA\nLABEL sha=$GIT_SHA\nCOPY . /\n").
		// Docker's older builder writes into the file where the Dockerfile is outside.
		WithNewFile("hello/.dockerignore", ".dockerignore\n*.log\n").
		WithNewFile("hello/debug.log", "not for the image\n").
		WithNewFile("hello/hello.txt", "hello\n")
}

func registryService(client *dagger.Client) *dagger.Service {
	root, _ := filepath.Abs("../..")
	return client.Host().Directory(root + "/ci/lab/images/registry").DockerBuild().
		WithExposedPort(5000).
		AsService(dagger.ContainerAsServiceOpts{UseEntrypoint: true})
}

// TestConsumer installs the module in another one and calls publish and bump.
func TestConsumer(t *testing.T) {
	ctx, client := connect(t, "ci/e2e/consumer")
	service := registryService(client)
	var refs []string
	err := client.QueryBuilder().Select("consumer").Select("publish").Arg("source", project(client)).
		Arg("commit", commit).Arg("registry", service).Bind(&refs).Execute(ctx)
	if err != nil {
		t.Fatal(err)
	}
	prefix := "hello=registry.local:5000/team/hello:" + commit + "@sha256:"
	if len(refs) != 1 || !strings.HasPrefix(refs[0], prefix) {
		t.Fatalf("publish returned %q, want one ref that begins with %s", refs, prefix)
	}
	manifest := bumped(ctx, t, client.QueryBuilder().Select("consumer"), client, refs)
	want := texttest.Replace(t, composeFile, "registry.local:5000/team/hello:old", strings.TrimPrefix(refs[0], "hello="))
	if manifest != want {
		t.Errorf("bump returned\n%s\nwant\n%s", manifest, want)
	}
}

func bumped(ctx context.Context, t *testing.T, q *querybuilder.Selection, client *dagger.Client, refs []string) string {
	t.Helper()
	var manifest string
	err := q.Select("bump").Arg("manifest", project(client).File("docker-compose.yml")).Arg("images", refs).
		Select("contents").Bind(&manifest).Execute(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return manifest
}

// TestEffectsHappenEachTime reviews the same commit twice and counts at the GitHub
// double: the engine must not answer the second call from its cache. The
// configuration is broken, so a failed plan is told too.
func TestEffectsHappenEachTime(t *testing.T) {
	ctx, client := connect(t, ".")
	github := githubDouble(ctx, t, client)
	for range 2 {
		var out string
		err := client.QueryBuilder().Select("gitops").
			Select("withService").Arg("alias", "github.local").Arg("service", github).
			Select("withVariable").Arg("name", "GITHUB_API_URL").Arg("value", "https://github.local:8080/").
			Select("withAuthority").Arg("certificates", certificates(t, client)).
			Select("withGithub").Arg("repo", "example/loop").Arg("token", client.SetSecret("token", "lab-token")).
			Select("review").Arg("source", brokenTerraform(client)).Arg("pullRequest", 1).Arg("commit", commit).
			Bind(&out).Execute(ctx)
		var failed *dagger.ExecError
		if !errors.As(err, &failed) || failed.ExitCode != 1 {
			t.Fatalf("reviewing a configuration that cannot be planned: got %v, want exit 1", err)
		}
	}
	var state struct {
		Comments []struct{ Edits int }
	}
	if err := json.Unmarshal([]byte(labState(ctx, t, client, github)), &state); err != nil {
		t.Fatal(err)
	}
	if len(state.Comments) != 1 || state.Comments[0].Edits != 1 {
		t.Errorf("two reviews left %+v, want one comment edited once", state.Comments)
	}
}

func brokenTerraform(client *dagger.Client) *dagger.Directory {
	return client.Directory().WithNewFile("terraform/main.tf", "resource \"x\" {\n")
}

// githubDouble runs the GitHub double with one open pull request.
func githubDouble(ctx context.Context, t *testing.T, client *dagger.Client) *dagger.Service {
	t.Helper()
	service, err := standIn(t, client).Start(ctx)
	if err != nil {
		t.Fatal(err)
	}
	post(ctx, t, client, service, "/_lab/pulls", `{"number":1,"title":"t","head":"a","base":"b","head_sha":"`+commit+`"}`)
	return service
}

// labAuthority signs the certificates of the stand-ins.
var labAuthority = sync.OnceValues(authority.New)

// trusted returns the authority of the stand-ins.
func trusted(t *testing.T) *authority.Authority {
	t.Helper()
	a, err := labAuthority()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// certificates returns the authority of the stand-ins for with-authority.
func certificates(t *testing.T, client *dagger.Client) *dagger.File {
	t.Helper()
	return client.Directory().WithNewFile("authority.pem", trusted(t).PEM()).File("authority.pem")
}

// standIn is the stand-in for GitHub, which the rehearsal's command serves at
// github.local:8080.
func standIn(t *testing.T, client *dagger.Client) *dagger.Service {
	t.Helper()
	certificate, key, err := trusted(t).Issue("github.local")
	if err != nil {
		t.Fatal(err)
	}
	root, _ := filepath.Abs("../..")
	binary := client.Container().From(images.Go).
		WithDirectory("/src", client.Host().Directory(root, dagger.HostDirectoryOpts{Include: []string{"go.mod", "go.sum", "ci/**"}})).
		WithWorkdir("/src").WithEnvVariable("CGO_ENABLED", "0").
		WithExec([]string{"go", "build", "-o", "/rehearse", "./ci/cmd/rehearse"}).File("/rehearse")
	container := client.Host().Directory(root+"/ci/lab/images/git").DockerBuild().
		WithFile("/usr/local/bin/rehearse", binary).
		WithNewFile(authority.CertificateFile, certificate).
		WithMountedSecret(authority.KeyFile, client.SetSecret("tls-github", key.Reveal())).
		WithEnvVariable("GITHUB_TOKEN", "lab-token").
		WithEnvVariable("GIT_USERNAME", "robot").
		WithEnvVariable("GIT_PASSWORD", gitPassword).
		WithExposedPort(8080)
	return container.AsService(dagger.ContainerAsServiceOpts{Args: []string{"rehearse", "stand-in", "github",
		"--certificate", authority.CertificateFile, "--key", authority.KeyFile}})
}

func post(ctx context.Context, t *testing.T, client *dagger.Client, service *dagger.Service, path, body string) {
	t.Helper()
	curl(ctx, t, client, service, "--data", body, "https://github.local:8080"+path)
}

func labState(ctx context.Context, t *testing.T, client *dagger.Client, service *dagger.Service) string {
	t.Helper()
	return curl(ctx, t, client, service, "https://github.local:8080/_lab/state")
}

func curl(ctx context.Context, t *testing.T, client *dagger.Client, service *dagger.Service, args ...string) string {
	t.Helper()
	out, err := client.Container().From(images.Nginx).
		WithServiceBinding("github.local", service).
		WithFile("/authority.pem", certificates(t, client)).
		WithExec(append([]string{"curl", "--silent", "--fail", "--cacert", "/authority.pem"}, args...)).Stdout(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
