package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"gitops/ci/images"
)

// base says how to build the stand-in of one repository's images where no
// registry can be reached.
type base struct {
	dir string // in files
	// plan says what the image for a version is built from; the version is the
	// tag up to its first "-" and without its "v". It does nothing slow.
	plan func(ctx context.Context, m *maker, version string) (plan, error)
	dpkg string // Debian package whose version tells what the image holds
}

// plan is what a base image is built from besides its folder.
type plan struct {
	key   string // what fetch returns differs with it
	holds string // what the image really holds, unless a Debian package says
	// fetch makes the rest of the build context; it may be slow.
	fetch func(ctx context.Context) (map[string]string, error)
}

var (
	traefik = goProgram{
		folder:     "traefik",
		module:     "github.com/traefik/traefik/v3",
		pkg:        "github.com/traefik/traefik/v3/cmd/traefik",
		setVersion: "github.com/traefik/traefik/v3/pkg/version.Version",
	}
	loki = goProgram{
		folder:     "loki",
		module:     "github.com/grafana/loki/v3",
		pkg:        "github.com/grafana/loki/v3/cmd/loki",
		setVersion: "github.com/grafana/loki/v3/pkg/util/build.Version",
	}
	promtail = goProgram{
		folder:     "loki",
		module:     "github.com/grafana/loki/v3",
		pkg:        "github.com/grafana/loki/v3/clients/cmd/promtail",
		setVersion: "github.com/grafana/loki/v3/pkg/util/build.Version",
	}
	syft = goProgram{
		folder:     "syft",
		module:     "github.com/anchore/syft",
		pkg:        "github.com/anchore/syft/cmd/syft",
		setVersion: "main.version",
	}
	cosign = goProgram{
		folder:     "cosign",
		module:     "github.com/sigstore/cosign/v2",
		pkg:        "github.com/sigstore/cosign/v2/cmd/cosign",
		setVersion: "sigs.k8s.io/release-utils/version.gitVersion",
		saysV:      true,
	}
)

// bases has the base of each repository, named as on Docker Hub.
var bases = map[string]base{
	"debian":                      {dir: "debian", plan: planDebian, dpkg: "base-files"},
	"golang":                      {dir: "golang", plan: planGo},
	"node":                        {dir: "node", plan: planNode},
	"nginxinc/nginx-unprivileged": {dir: "nginx-unprivileged", dpkg: "nginx-light"},
	"postgres":                    {dir: "postgres", dpkg: "postgresql-17"},
	"alpine/git":                  {dir: "git", dpkg: "git"},
	"prom/prometheus":             {dir: "prometheus", dpkg: "prometheus"},
	"prom/node-exporter":          {dir: "node-exporter", dpkg: "prometheus-node-exporter"},
	"hashicorp/terraform":         {dir: "terraform", plan: planTerraform},
	repository(images.Ansible):    {dir: "ansible", dpkg: "ansible-core"},
	"traefik":                     {dir: "traefik", plan: compiled("traefik", traefik)},
	"grafana/loki":                {dir: "loki", plan: compiled("loki", loki)},
	"grafana/promtail":            {dir: "promtail", plan: compiled("promtail", promtail)},
	repository(images.Syft):       {dir: "syft", plan: compiled("syft", syft)},
	repository(images.Cosign):     {dir: "cosign", plan: compiled("cosign", cosign)},
}

// planDebian knows the suite by the tag: debian:13.6-slim is trixie, and
// debian:forky-20260803-slim is forky.
func planDebian(_ context.Context, m *maker, version string) (plan, error) {
	name := suite
	if version == forky {
		name = forky
	}
	system, err := newRootFS(name)
	return plan{key: system.key(), fetch: func(ctx context.Context) (map[string]string, error) {
		archive, err := m.debian(ctx, system)
		return map[string]string{"rootfs.tar": archive}, err
	}}, err
}

func planGo(_ context.Context, m *maker, version string) (plan, error) {
	return plan{
		key:   version,
		holds: "Go " + version + ", the official toolchain from the Go module proxy, without a C compiler",
		fetch: func(ctx context.Context) (map[string]string, error) {
			dir, err := m.goToolchain(ctx, version)
			return map[string]string{"go": dir}, err
		},
	}, nil
}

func planNode(_ context.Context, m *maker, version string) (plan, error) {
	packages := map[string]string{"node": "node-linux-" + nodeArch() + "@" + version, "npm": "npm@" + npmRelease}
	return plan{
		key:   key(packages["node"], packages["npm"]),
		holds: "Node.js " + version + ", the official program from an npm package, on Debian",
		fetch: func(ctx context.Context) (map[string]string, error) {
			dir, err := m.npmPackages(ctx, packages)
			return map[string]string{"node": filepath.Join(dir, "node"), "npm": filepath.Join(dir, "npm")}, err
		},
	}, nil
}

// nodeArch returns Node.js's name of this machine's architecture.
func nodeArch() string {
	if runtime.GOARCH == "amd64" {
		return "x64"
	}
	return runtime.GOARCH
}

func planTerraform(ctx context.Context, _ *maker, version string) (plan, error) {
	mirror, err := providerMirror()
	if err != nil {
		return plan{}, err
	}
	// The published module lacks its own folders that it replaces modules with,
	// so that it cannot be compiled.
	program := installedTerraform(ctx, version)
	if program == "" {
		return plan{}, errNoTerraform
	}
	return plan{
		key:   key(version, program, mirror),
		holds: "Terraform " + version + ", the program on this machine, with its AWS provider",
		fetch: func(context.Context) (map[string]string, error) {
			return map[string]string{"terraform": program, "plugins": mirror}, nil
		},
	}, nil
}

// compiled plans an image around a program from a Go module whose version is the
// image's tag.
func compiled(name string, program goProgram) func(context.Context, *maker, string) (plan, error) {
	return func(_ context.Context, m *maker, version string) (plan, error) {
		program := program
		program.version = "v" + version
		return plan{
			key:   program.key(),
			holds: name + " " + program.version + ", compiled from its Go module",
			fetch: func(ctx context.Context) (map[string]string, error) {
				path, err := m.compile(ctx, program)
				return map[string]string{name: path}, err
			},
		}, nil
	}
}

// repository returns the repository of ref as bases has it: without tag, digest
// and the parts that Docker Hub's names may leave out.
func repository(ref string) string {
	ref, _, _ = strings.Cut(ref, "@")
	if colon := strings.LastIndex(ref, ":"); colon > strings.LastIndex(ref, "/") {
		ref = ref[:colon]
	}
	ref = strings.TrimPrefix(ref, "docker.io/")
	return strings.TrimPrefix(ref, "library/")
}

// version returns the version that the tag of ref names: 1.26.8 for
// golang:1.26.8-trixie.
func version(ref string) string {
	ref, _, _ = strings.Cut(ref, "@")
	tag := ref[strings.LastIndex(ref, ":")+1:]
	tag, _, _ = strings.Cut(tag, "-")
	return strings.TrimPrefix(tag, "v")
}

// recipe returns how to build ref, and what the image will hold unless a Debian
// package is to say. The image stands on the Debian image debianID.
func (b base) recipe(ctx context.Context, m *maker, ref, debianID string) (recipe, string, error) {
	r := recipe{dir: "bases/" + b.dir, args: map[string]string{}, key: debianID}
	if b.dir != "debian" {
		r.args["DEBIAN"] = images.Debian
	}
	if b.plan == nil {
		return r, "", nil
	}
	p, err := b.plan(ctx, m, version(ref))
	if err != nil {
		return r, "", fmt.Errorf("making a stand-in for %s: %w", ref, err)
	}
	r.key, r.fetch = key(debianID, p.key), p.fetch
	return r, p.holds, nil
}

// packageVersion returns what Debian's package database in the image says. The
// answer is kept: an image never changes.
func (d *Docker) packageVersion(ctx context.Context, c *cache, imageID, name string) (string, error) {
	path, err := c.file(ctx, "holds-"+name, key(imageID), func(path string) error {
		format := "${Package} ${Version}"
		if name == "base-files" {
			format = "Debian's base-files ${Version}"
		}
		said, err := d.do(ctx, "run", "--rm", "--network", "none", "--entrypoint", "dpkg-query", imageID, "-Wf", format, name)
		if err != nil {
			return err
		}
		return os.WriteFile(path, []byte(said+", from Debian's packages"), 0o644)
	})
	if err != nil {
		return "", err
	}
	content, err := os.ReadFile(path)
	return string(content), err
}
