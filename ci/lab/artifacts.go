package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sync/semaphore"

	"gitops/ci/program"
	"gitops/ci/progress"
)

// maker makes the parts of base images on this machine: from Debian packages,
// Go modules and what is installed.
type maker struct {
	docker   *Docker
	cache    *cache
	progress *progress.Progress
	// compiling admits one compiler at a time: each uses every core.
	compiling *semaphore.Weighted
}

func newMaker(d *Docker, c *cache) *maker {
	return &maker{docker: d, cache: c, progress: d.progress, compiling: semaphore.NewWeighted(1)}
}

// suite is the Debian release that base images are made of.
const suite = "trixie"

// rootFS is a Debian root file system to make: the arguments of mmdebstrap
// without the archive's name.
type rootFS struct {
	args        []string
	authorities string // the certificates copied in
}

// newRootFS returns a minimal Debian that trusts the certificate authorities
// that were added to this machine.
func newRootFS() (rootFS, error) {
	paths, content, err := addedAuthorities()
	args := []string{
		"--quiet", "--variant=minbase", "--include=ca-certificates",
		"--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*",
		"--dpkgopt=path-exclude=/usr/share/locale/*",
		// Images keep no packages that were only needed once.
		`--customize-hook=echo 'APT::Keep-Downloaded-Packages "false";' >"$1/etc/apt/apt.conf.d/docker-clean"`,
	}
	for _, path := range paths {
		args = append(args, "--customize-hook=copy-in "+path+" /usr/local/share/ca-certificates")
	}
	return rootFS{append(args, `--customize-hook=chroot "$1" update-ca-certificates`, suite), content}, err
}

func (r rootFS) key() string { return key(append(r.args, r.authorities)...) }

// debian returns a tar archive of the root file system.
func (m *maker) debian(ctx context.Context, system rootFS) (string, error) {
	return m.cache.file(ctx, "debian-"+suite, system.key(), func(path string) (err error) {
		if err := install(ctx, m.progress, map[string]string{"mmdebstrap": "mmdebstrap"}); err != nil {
			return err
		}
		end := m.progress.Start("making a Debian root file system from Debian packages")
		defer func() { end(err) }()
		// mmdebstrap tells the format by the name.
		archive := path + ".tar"
		defer os.Remove(archive)
		if err := run(ctx, nil, "", "mmdebstrap", append(system.args, archive)...); err != nil {
			return err
		}
		return os.Rename(archive, path)
	})
}

// addedAuthorities returns the certificates that were added to Debian's own
// store on this machine, and their content.
func addedAuthorities() (paths []string, content string, err error) {
	paths, _ = filepath.Glob("/usr/local/share/ca-certificates/*.crt")
	for _, path := range paths {
		certificate, err := os.ReadFile(path)
		if err != nil {
			return nil, "", fmt.Errorf("reading certificate authority: %w", err)
		}
		content += string(certificate)
	}
	return paths, content, nil
}

// goProgram is a program that is compiled from a published Go module.
type goProgram struct {
	module, version, pkg string
	setVersion           string // variable of the package that says the version
	saysV                bool   // it says the version with its "v"
}

// flags returns the linker's flags.
func (g goProgram) flags() string {
	said := g.version
	if !g.saysV {
		said = strings.TrimPrefix(said, "v")
	}
	flags := "-s -w"
	if g.setVersion != "" {
		flags += " -X " + g.setVersion + "=" + said
	}
	return flags
}

func (g goProgram) key() string { return key(g.module, g.version, g.pkg, g.flags(), runtime.GOARCH) }

// compile returns the program, compiled without C.
func (m *maker) compile(ctx context.Context, program goProgram) (string, error) {
	name := path.Base(program.pkg)
	return m.cache.file(ctx, name+"-"+program.version, program.key(), func(target string) (err error) {
		if err := m.compiling.Acquire(ctx, 1); err != nil {
			return err
		}
		defer m.compiling.Release(1)
		end := m.progress.Start("compiling " + name + " " + program.version + " from its Go module, once")
		defer func() { end(err) }()
		work, err := os.MkdirTemp("", "gitops-lab-*")
		if err != nil {
			return fmt.Errorf("compiling %s: %w", name, err)
		}
		defer os.RemoveAll(work)
		if err := wrapModule(ctx, work, program); err != nil {
			return err
		}
		return run(ctx, []string{"CGO_ENABLED=0", "GOFLAGS=-mod=mod", "GOWORK=off"}, work,
			"nice", "-n", "10", "go", "build", "-trimpath", "-ldflags", program.flags(), "-o", target, program.pkg)
	})
}

// goMod is what go mod edit -json prints, as far as it is needed here.
type goMod struct {
	Go      string
	Replace []replacement
	Exclude []moduleVersion
}

type replacement struct{ Old, New moduleVersion }

type moduleVersion struct{ Path, Version string }

// wrapper returns the go.mod of a module that requires the program's and repeats
// its replacements: Go heeds those of the main module only.
func (mod goMod) wrapper(program goProgram) string {
	var text strings.Builder
	fmt.Fprintf(&text, "module wrapper\n\ngo %s\n\nrequire %s %s\n", mod.Go, program.module, program.version)
	for _, r := range mod.Replace {
		// A folder inside the module is not published with it; its own module is.
		if r.New.Version != "" {
			fmt.Fprintf(&text, "replace %s => %s %s\n", strings.TrimSpace(r.Old.Path+" "+r.Old.Version), r.New.Path, r.New.Version)
		}
	}
	for _, e := range mod.Exclude {
		fmt.Fprintf(&text, "exclude %s %s\n", e.Path, e.Version)
	}
	return text.String()
}

// wrapModule writes a module in dir that the program can be built from.
func wrapModule(ctx context.Context, dir string, program goProgram) error {
	source, err := downloadModule(ctx, program.module, program.version)
	if err != nil {
		return err
	}
	output, err := capture(ctx, dir, "go", "mod", "edit", "-json", filepath.Join(source, "go.mod"))
	if err != nil {
		return err
	}
	var mod goMod
	if err := json.Unmarshal([]byte(output), &mod); err != nil {
		return fmt.Errorf("reading go.mod of %s: %w", program.module, err)
	}
	sums, err := os.ReadFile(filepath.Join(source, "go.sum"))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "go.sum"), sums, 0o644)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "go.mod"), []byte(mod.wrapper(program)), 0o644)
	}
	if err != nil {
		return fmt.Errorf("compiling %s: %w", program.module, err)
	}
	return nil
}

// downloadModule returns the folder of the module in Go's module cache.
func downloadModule(ctx context.Context, module, version string) (string, error) {
	dir, err := os.MkdirTemp("", "gitops-lab-*")
	if err != nil {
		return "", fmt.Errorf("downloading %s: %w", module, err)
	}
	defer os.RemoveAll(dir)
	// Outside any module, so that nobody's go.mod has a say.
	output, err := capture(ctx, dir, "go", "mod", "download", "-json", module+"@"+version)
	var found struct{ Dir, Error string }
	if decodeErr := json.Unmarshal([]byte(output), &found); decodeErr == nil && found.Error != "" {
		return "", fmt.Errorf("downloading %s: %s", module, found.Error)
	}
	if err != nil {
		return "", err
	}
	if found.Dir == "" {
		return "", fmt.Errorf("downloading %s@%s: go did not say where it put it", module, version)
	}
	return found.Dir, nil
}

// goToolchain returns the folder of the official Go toolchain of version, such
// as 1.26.8.
func (m *maker) goToolchain(ctx context.Context, version string) (dir string, err error) {
	end := m.progress.Start("fetching the Go " + version + " toolchain from the Go module proxy")
	defer func() { end(err) }()
	return downloadModule(ctx, "golang.org/toolchain", fmt.Sprintf("v0.0.1-go%s.linux-%s", version, runtime.GOARCH))
}

// installedTerraform returns the Terraform program on this machine if it is of
// that version, else nothing.
func installedTerraform(ctx context.Context, version string) string {
	path, err := program.Find("terraform")
	if err != nil {
		return ""
	}
	output, _ := capture(ctx, "", path, "version", "-json")
	var found struct {
		Version string `json:"terraform_version"`
	}
	if json.Unmarshal([]byte(output), &found) != nil || found.Version != version {
		return ""
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return ""
	}
	return path
}

// PluginMirrorVariable is the environment variable that names a folder with
// Terraform providers, laid out as Terraform's own mirror folders are.
const PluginMirrorVariable = "TF_PLUGIN_MIRROR"

// errNoProvider says that a Terraform provider is nowhere on this machine.
var errNoProvider = errors.New("no Terraform provider for AWS on this machine and no registry to get it from: " +
	"unpack it under /usr/local/share/terraform/plugins or name its mirror folder in " + PluginMirrorVariable)

// providerMirror returns the folder that holds registry.terraform.io with the
// AWS provider.
func providerMirror() (string, error) {
	roots := []string{os.Getenv(PluginMirrorVariable), "/usr/local/share/terraform/plugins", "/usr/share/terraform/plugins"}
	if home, err := os.UserHomeDir(); err == nil {
		roots = append(roots, filepath.Join(home, ".terraform.d/plugins"), filepath.Join(home, ".local/share/terraform/plugins"))
	}
	optional, _ := filepath.Glob("/opt/*/registry.terraform.io")
	for _, path := range optional {
		roots = append(roots, filepath.Dir(path))
	}
	for _, root := range roots {
		found, _ := filepath.Glob(filepath.Join(root, "registry.terraform.io/hashicorp/aws/*"))
		if root != "" && len(found) > 0 {
			return root, nil
		}
	}
	return "", errNoProvider
}

// run runs a program; its last words are in the error.
func run(ctx context.Context, env []string, dir, name string, args ...string) error {
	_, err := program.Run(ctx, program.Command{Name: name, Args: args, Dir: dir, Pass: everything, Env: env, Merge: true})
	return err
}

// capture runs a program and returns its standard output, also beside an error.
func capture(ctx context.Context, dir, name string, args ...string) (string, error) {
	out, err := program.Run(ctx, program.Command{Name: name, Args: args, Dir: dir, Pass: everything})
	return string(out.Stdout), err
}
