package compose

import (
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"

	"gitops/ci/manifest"
	"gitops/ci/progress"
	"gitops/ci/secret"
)

// Source is what a deploy reads a manifest from.
type Source struct {
	// Root is the folder that no path may leave: the repository. It is a path of
	// this machine's system.
	Root string
	// Manifests are the compose files as after `docker compose -f`, at least one,
	// relative to Root. The folder of the first is the project directory.
	Manifests []string
	// Profiles are the active profiles, as after `docker compose --profile`.
	Profiles []string
	// Project is the name of the compose project. When empty, it is the manifest's
	// name, else that of the project directory.
	Project string
	// Env has the values of variables. No .env of the project directory is read: a
	// caller that wants it puts its values here.
	Env map[string]secret.Value
	// Data are the sources of bind mounts that hold data on the host and are no files
	// of the release: relative to the project directory, as the manifest has them.
	Data []string
	// Withheld are files below Root, relative to it, that no folder takes along: the values
	// of variables.
	Withheld []string
	// FilesElsewhere says that the files for containers are on the host already: they
	// are named and not looked for.
	FilesElsewhere bool
	// AnyValue gives a variable without a value one that fits most places, where
	// Load would refuse the manifest. It is for checks without a deploy. With
	// FilesElsewhere, environment files and label files are not read either.
	AnyValue bool
}

// onlyShape reports whether the source is read for its services and images alone.
func (s Source) onlyShape() bool { return s.AnyValue && s.FilesElsewhere }

// reading is a manifest that is being read.
type reading struct {
	Source
	root        string // Root, absolute and without symbolic links
	folder      string // project directory, relative to root, with slashes
	environment types.Mapping
	lacking     map[string]bool // variables without a value or a default
	composed    []*composeFile
	size        int64 // bytes of all compose files
	files       map[fileKey]*File
	data        map[string]*Data
	places      map[string]map[string]manifest.Scalar // what textsFor returned, by key
}

// begin checks the source's own settings.
func (s Source) begin() (*reading, error) {
	if len(s.Manifests) == 0 {
		return nil, progress.Invalid("no manifest: give the path of a compose file")
	}
	root, err := filepath.Abs(s.Root)
	if err == nil {
		root, err = filepath.EvalSymlinks(root)
	}
	if err != nil {
		return nil, progress.Invalid("finding the folder of the manifest: %w", err)
	}
	r := &reading{Source: s, root: root, lacking: map[string]bool{}, files: map[fileKey]*File{}, data: map[string]*Data{}, places: map[string]map[string]manifest.Scalar{}}
	r.folder = path.Dir(path.Clean(filepath.ToSlash(s.Manifests[0])))
	for name, value := range s.Env {
		if err := CheckVariable(name); err != nil {
			return nil, err
		}
		if strings.ContainsRune(value.Reveal(), 0) {
			return nil, progress.Invalid("variable %s has a NUL byte, which no environment can carry", name)
		}
	}
	r.environment = hostEnvironment(s.Env)
	r.environment[projectVariable] = r.projectName()
	return r, nil
}

// projectName returns the project's name, or the one by which Compose begins.
func (r *reading) projectName() string {
	if r.Project != "" {
		return r.Project
	}
	if name := loader.NormalizeProjectName(filepath.Base(r.onDisk(r.folder))); name != "" {
		return name
	}
	return "project"
}

// onDisk returns where a path below the root is on this machine.
func (r *reading) onDisk(name string) string { return filepath.Join(r.root, filepath.FromSlash(name)) }

// maxManifest bounds the compose files of a manifest in bytes, all together. It
// keeps a file that is no manifest from the parser, which takes minutes for 50 MB.
const maxManifest = 10 << 20

// readText returns the content of a compose file.
func (r *reading) readText(n named) ([]byte, error) {
	if info, err := r.stat(n.path); err == nil && info.Mode().IsRegular() {
		if r.size += info.Size(); r.size > maxManifest {
			return nil, progress.Invalid("%s: the manifest has more than %d MB: is it a compose file?", n.where, maxManifest>>20)
		}
	}
	folder, err := r.inspect(n)
	switch {
	case err != nil:
		return nil, err
	case folder:
		return nil, progress.Invalid("%s: %s is a folder: give a compose file", n.where, n.text)
	}
	text, err := os.ReadFile(r.onDisk(n.path))
	if err != nil {
		return nil, progress.Invalid("reading manifest %s: %w", n.path, withoutPath(err))
	}
	return text, nil
}
