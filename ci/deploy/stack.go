package deploy

import (
	"archive/tar"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"gitops/ci/compose"
	"gitops/ci/program"
	"gitops/ci/progress"
)

// overrideFile is written beside the manifest of a release: a compose file with the
// generations of its services and the places of their files. Whoever runs docker
// compose there by hand needs it too; State.Compose has the command.
const overrideFile = "gitops.override.yml"

// stack is the compose files that docker compose works on, on the host.
type stack struct {
	folder   string // project directory
	files    []string
	profiles []string
}

// function returns the shell function compose, which runs docker compose on the
// stack. A .env file of the host's is not read: git and the given variables are all
// there is.
func (s stack) function(project string) string {
	return "compose() { with_env timeout -k 10 \"$patience\" " + s.command(project) + " \"$@\"; }\n"
}

// command returns the words of docker compose that name the stack.
func (s stack) command(project string) string {
	words := []string{"docker", "compose", "--project-name", project, "--project-directory", s.folder, "--env-file", "/dev/null"}
	for _, file := range s.files {
		words = append(words, "--file", file)
	}
	for _, profile := range s.profiles {
		words = append(words, "--profile", profile)
	}
	return program.Quote(words...)
}

// layout says where the files that Compose reads are, in a release's folder.
type layout struct {
	// Folder is the project directory, Manifests are the compose files: both relative
	// to the release's folder.
	Folder    string   `json:"folder,omitempty"`
	Manifests []string `json:"manifests,omitempty"`
	Profiles  []string `json:"profiles,omitempty"`
	// Rename is whether container_name is dropped.
	Rename bool `json:"rename,omitempty"`
}

// layoutOf returns where the files of a manifest go, and the folder of the
// repository that becomes the release's: the deepest that has all of them.
func layoutOf(m *compose.Manifest, s compose.Source) (l layout, top string) {
	top = m.Folder
	for _, file := range m.Files {
		top = common(top, path.Dir(file.Path))
	}
	l = layout{Folder: within(top, m.Folder), Profiles: s.Profiles}
	if l.Folder == "." {
		l.Folder = ""
	}
	for _, manifest := range s.Manifests {
		l.Manifests = append(l.Manifests, within(top, path.Clean(filepath.ToSlash(manifest))))
	}
	return l, top
}

// within returns a path of the repository relative to the folder top, which has it.
func within(top, p string) string {
	switch top {
	case ".":
		return p
	case p:
		return "."
	}
	return strings.TrimPrefix(strings.TrimPrefix(p, top), "/")
}

// common returns the deepest folder that has both.
func common(a, b string) string {
	for a != "." && a != b && !strings.HasPrefix(b, a+"/") {
		a = path.Dir(a)
	}
	return a
}

// in returns the stack of a release in the folder.
func (l layout) in(folder string) stack {
	s := stack{folder: path.Join(folder, l.Folder), profiles: l.Profiles}
	for _, manifest := range l.Manifests {
		s.files = append(s.files, path.Join(folder, manifest))
	}
	return s
}

// with returns the stack with another compose file at its end.
func (s stack) with(file string) stack {
	s.files = append(slices.Clip(s.files), file)
	return s
}

// bundle is what a release takes to the host.
type bundle struct {
	layout layout
	// read is a tar archive of the files that Compose reads, sum the hash of those.
	read []byte
	sum  string
	// content are the files and folders that containers use, by use and path: in the
	// repository, and for a release of the host in its folder.
	content map[string]content
	// top is the folder of the repository that becomes the release's; empty for a release
	// of the host.
	top string
}

// within returns a path of the bundle's manifest as the release has it.
func (b bundle) within(p string) string { return within(cmp.Or(b.top, "."), p) }

// content is a file or folder that containers use. On the host it is in a folder that
// is named after its hash: one that does not change stays where it is, and so do the
// containers that use it.
type content struct {
	archive []byte
	sum     string
	base    string
	use     compose.Use
	parts   []part // the files in it
}

// place returns where the content is on the host.
func (c content) place(dir string) string { return path.Join(dir, "files", c.sum, c.base) }

// named returns an error of Compose about the bundle in a folder with the paths of the
// repository, which is where its user knows the files.
func (b bundle) named(err error, folder string) error {
	var script *scriptError
	if !errors.As(err, &script) {
		return err
	}
	prefix := ""
	if b.top != "." {
		prefix = b.top + "/"
	}
	text := strings.ReplaceAll(strings.ReplaceAll(script.text, folder+"/", prefix), folder, b.top)
	return &scriptError{text: text, exit: script.exit, cause: script.cause}
}

// pack reads the files of a manifest.
func pack(m *compose.Manifest, s compose.Source) (bundle, error) {
	l, top := layoutOf(m, s)
	b := bundle{layout: l, content: map[string]content{}, top: top}
	var read bytes.Buffer
	archive := tar.NewWriter(&read)
	sums := map[string]string{}
	kept := withheld(m, s)
	for _, file := range m.Files {
		full, err := filepath.EvalSymlinks(filepath.Join(s.Root, filepath.FromSlash(file.Path)))
		if err != nil {
			return b, progress.Invalid("%s: reading %s: %w", file.Where, file.Path, err)
		}
		if file.Use == compose.UseRead {
			name := b.within(file.Path)
			if sums[name] == "" {
				sums[name], err = addRead(archive, full, name)
			}
			if err != nil {
				return b, progress.Invalid("%s: reading %s: %w", file.Where, file.Path, err)
			}
			continue
		}
		c, err := packContent(full, file, kept)
		if err != nil {
			return b, progress.Invalid("%s: reading %s: %w", file.Where, file.Path, err)
		}
		b.content[string(file.Use)+" "+file.Path] = c
	}
	if err := archive.Close(); err != nil {
		return b, err
	}
	b.read, b.sum = read.Bytes(), sumFiles(sums)
	return b, nil
}

// addRead adds a file that Compose reads, and returns its hash. Nobody else on the
// host reads it.
func addRead(archive *tar.Writer, full, name string) (string, error) {
	content, err := os.ReadFile(full)
	if err != nil {
		return "", err
	}
	return sum(content), add(archive, full, name, 0o600)
}

// withheld are the files that a folder which has them does not take along: files of secrets,
// which have a place and a mode of their own on the host, and those of variables' values.
func withheld(m *compose.Manifest, s compose.Source) map[string]bool {
	all := map[string]bool{}
	for _, file := range s.Withheld {
		all[file] = true
	}
	for _, file := range m.Files {
		if file.Use == compose.UseSecret {
			all[file.Path] = true
		}
	}
	return all
}

func packContent(full string, file compose.File, withheld map[string]bool) (content, error) {
	c := content{base: path.Base(file.Path), use: file.Use}
	var out bytes.Buffer
	archive := tar.NewWriter(&out)
	mode := fs.FileMode(0)
	if file.Use == compose.UseSecret {
		mode = 0o600
	}
	err := filepath.WalkDir(full, func(p string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && entry.Name() == ".git" {
			return filepath.SkipDir
		}
		inside, err := filepath.Rel(full, p)
		if err != nil {
			return err
		}
		if inside != "." && withheld[path.Join(file.Path, filepath.ToSlash(inside))] {
			return nil
		}
		return add(archive, p, path.Join(c.base, filepath.ToSlash(inside)), mode)
	})
	if err == nil {
		err = archive.Close()
	}
	c.archive = out.Bytes()
	hash := sha256.Sum256(c.archive)
	c.sum = hex.EncodeToString(hash[:])
	if err == nil {
		c.parts, err = partsOf(c.archive, c.base)
	}
	return c, err
}

// add puts a file, a folder or a link into the archive. Times and owners are left
// out, so that equal files have equal hashes. A mode that is not 0 replaces the
// file's.
func add(archive *tar.Writer, full, name string, mode fs.FileMode) error {
	info, err := os.Lstat(full)
	if err != nil {
		return err
	}
	header := &tar.Header{Name: name, Mode: int64(info.Mode().Perm()), Typeflag: tar.TypeReg, Size: info.Size()}
	if mode != 0 {
		header.Mode = int64(mode)
	}
	switch {
	case info.IsDir():
		header.Typeflag, header.Size = tar.TypeDir, 0
		return archive.WriteHeader(header)
	case info.Mode()&fs.ModeSymlink != 0:
		header.Typeflag, header.Size = tar.TypeSymlink, 0
		if header.Linkname, err = os.Readlink(full); err != nil {
			return err
		}
		return archive.WriteHeader(header)
	}
	file, err := os.Open(full)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := archive.WriteHeader(header); err != nil {
		return err
	}
	_, err = io.Copy(archive, file)
	return err
}

// unpack returns the shell function unpack, which puts what Compose reads into the
// folder $1.
func (b bundle) unpack() string {
	return document("archive", b.read) + "unpack() { mkdir -p \"$1\"; archive | tar -xf - -C \"$1\"; }\n"
}

// filesOf returns the hash of what a service's containers use; empty when it uses
// nothing.
func (b bundle) filesOf(m *compose.Manifest, service string) (hash string, names []string) {
	var all []string
	for _, file := range m.Files {
		// A release of the host does not say what is data, which has no content.
		c, travels := b.content[string(file.Use)+" "+file.Path]
		if travels && slices.Contains(file.Services, service) {
			names = append(names, file.Path)
			all = append(all, b.within(file.Path)+" "+c.sum)
		}
	}
	if len(all) == 0 {
		return "", nil
	}
	slices.Sort(all)
	slices.Sort(names)
	return sum([]byte(strings.Join(all, "\n"))), slices.Compact(names)
}

// sumOf returns the hash of what Compose reads, as a release keeps it in the folder:
// that of the manifest where it is one file.
func sumOf(folder string) (string, error) {
	files := map[string]string{}
	err := filepath.WalkDir(folder, func(p string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || entry.Name() == overrideFile || entry.Name() == "release.json" {
			return err
		}
		content, err := os.ReadFile(p) //nolint:gosec // a folder that this process has just made
		if err != nil {
			return err
		}
		name, err := filepath.Rel(folder, p)
		files[filepath.ToSlash(name)] = sum(content)
		return err
	})
	return sumFiles(files), err
}

// sumFiles returns one hash for files with these hashes.
func sumFiles(files map[string]string) string {
	var all strings.Builder
	for _, name := range sortedKeys(files) {
		if len(files) == 1 {
			return files[name]
		}
		all.WriteString(name + " " + files[name] + "\n")
	}
	return sum([]byte(all.String()))
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
