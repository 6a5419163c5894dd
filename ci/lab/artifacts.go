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
	return &maker{docker: d, cache: c, progress: d.progress, compiling: oneCompiler()}
}

func oneCompiler() *semaphore.Weighted { return semaphore.NewWeighted(1) }

// suite is the Debian release that base images are made of; HostVariable names
// that of the host.
const suite = "trixie"

// rootFS is a Debian root file system to make: the arguments of mmdebstrap
// without the archive's name.
type rootFS struct {
	suite       string
	args        []string
	authorities string // the certificates copied in
}

// newRootFS returns a minimal Debian of a suite that trusts the certificate
// authorities that were added to this machine.
func newRootFS(suite string) (rootFS, error) {
	paths, content, err := addedAuthorities()
	args := []string{
		"--quiet", "--variant=minbase", "--include=ca-certificates",
		"--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*",
		"--dpkgopt=path-exclude=/usr/share/locale/*",
		// Images keep no packages that were only needed once.
		`--customize-hook=echo 'APT::Keep-Downloaded-Packages "false";' >"$1/etc/apt/apt.conf.d/docker-clean"`,
	}
	if suite == forky {
		args = append(args, "--aptopt="+anyRelease)
	}
	for _, path := range paths {
		args = append(args, "--customize-hook=copy-in "+path+" /usr/local/share/ca-certificates")
	}
	return rootFS{suite, append(args, `--customize-hook=chroot "$1" update-ca-certificates`, suite), content}, err
}

// forky is the suite that Debian has not released yet.
const forky = "forky"

// anyRelease lets apt use a mirror whose copy of Debian is some weeks old. A testing
// suite's index expires; its signature is still checked.
const anyRelease = `Acquire::Check-Valid-Until "false"`

func (r rootFS) key() string { return key(append(r.args, r.authorities)...) }

// debian returns a tar archive of the root file system.
func (m *maker) debian(ctx context.Context, system rootFS) (string, error) {
	return m.cache.file(ctx, "debian-"+system.suite, system.key(), func(path string) (err error) {
		if err := install(ctx, m.progress, map[string]string{"mmdebstrap": "mmdebstrap"}); err != nil {
			return err
		}
		end := m.progress.Start("making a root file system of Debian " + system.suite + " from Debian packages")
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

// goProgram is a program that is compiled from a module under ci/lab/programs,
// which pins it and everything that it is made of.
type goProgram struct {
	folder               string // below ci/lab/programs
	module, version, pkg string
	setVersion           string // variable of the package that says the version
	saysV                bool   // it says the version with its "v"
	// instead has the content of files that are compiled in place of the module's.
	instead map[string]string
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

// key leaves out what else the program's go.mod pins: that follows from the version.
func (g goProgram) key() string {
	inputs := []string{g.module, g.version, g.pkg, g.flags(), runtime.GOARCH}
	for _, path := range sortedKeys(g.instead) {
		inputs = append(inputs, path, g.instead[path])
	}
	return key(inputs...)
}

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
		dir, err := program.source(ctx)
		if err != nil {
			return fmt.Errorf("compiling %s: %w", name, err)
		}
		arguments := []string{"-n", "10", "go", "build", "-trimpath", "-ldflags", program.flags(), "-o", target}
		if len(program.instead) > 0 {
			modfile, err := program.changed(ctx, dir)
			if err != nil {
				return fmt.Errorf("compiling %s: %w", name, err)
			}
			defer os.RemoveAll(filepath.Dir(modfile))
			arguments = append(arguments, "-modfile", modfile)
		}
		return run(ctx, []string{"CGO_ENABLED=0", "GOFLAGS=-mod=readonly", "GOWORK=off"}, dir, "nice", append(arguments, program.pkg)...)
	})
}

// changed copies the module, puts the files of g.instead into it, and returns a copy of
// dir's go.mod that takes this module, in a new folder that the caller removes. Go lets
// nobody overlay the files of its module cache.
func (g goProgram) changed(ctx context.Context, dir string) (modfile string, err error) {
	module, err := downloadModule(ctx, g.module, g.version)
	if err != nil {
		return "", err
	}
	folder, err := os.MkdirTemp("", "gitops-lab-*")
	if err != nil {
		return "", err
	}
	copied := filepath.Join(folder, "module")
	if err = os.CopyFS(copied, os.DirFS(module)); err == nil {
		err = g.replaceFiles(copied)
	}
	for _, file := range []string{"go.mod", "go.sum"} {
		content, readErr := os.ReadFile(filepath.Join(dir, file))
		err = errors.Join(err, readErr, os.WriteFile(filepath.Join(folder, file), content, 0o600))
	}
	modfile = filepath.Join(folder, "go.mod")
	if err == nil {
		err = run(ctx, nil, folder, "go", "mod", "edit", "-replace", g.module+"="+copied, modfile)
	}
	if err != nil {
		err = errors.Join(err, os.RemoveAll(folder))
	}
	return modfile, err
}

// replaceFiles writes the files of g.instead over those in a copy of the module.
func (g goProgram) replaceFiles(copied string) error {
	for _, file := range sortedKeys(g.instead) {
		if err := os.WriteFile(filepath.Join(copied, file), []byte(g.instead[file]), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// source returns the folder with the go.mod that pins the program at its version.
func (g goProgram) source(ctx context.Context) (string, error) {
	lab, err := capture(ctx, "", "go", "list", "-f", "{{.Dir}}", "gitops/ci/lab")
	if err != nil {
		return "", fmt.Errorf("finding ci/lab/programs (run this inside the gitops repository): %w", err)
	}
	dir := filepath.Join(strings.TrimSpace(lab), "programs", g.folder)
	pinned, err := capture(ctx, dir, "go", "list", "-m", "-f", "{{.Version}}", g.module)
	if err != nil {
		return "", err
	}
	if pinned = strings.TrimSpace(pinned); pinned != g.version {
		return "", fmt.Errorf("%s/go.mod has version %s, and %s is wanted: run go get -C %[1]s -tool %[4]s@%[3]s", dir, pinned, g.version, g.pkg)
	}
	return dir, nil
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

// errNoTerraform says that Terraform is not on this machine in the version that
// its image has.
var errNoTerraform = errors.New("no Terraform of that version on this machine and no registry to get it from: " +
	"put its program on PATH")

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
