package compose

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"gitops/ci/progress"
)

// Use says what a file of a manifest is for.
type Use string

// The uses of files.
const (
	UseRead   Use = "read"   // Compose itself reads it: manifest, include, extends, env_file, label_file
	UseBind   Use = "bind"   // a bind mount
	UseConfig Use = "config" // the file of a config
	UseSecret Use = "secret" // the file of a secret
)

// File is a file or folder of the repository that a manifest needs beside it.
type File struct {
	// Path is relative to the Source's Root, with slashes and clean.
	Path string
	// Use is what it is for. A path with several uses is listed once for each.
	Use Use
	// Services are those whose containers depend on it, sorted. Compose files have
	// none: what they say is in the Project.
	Services []string
	// Where is file:line:column of where the manifest names it; empty for the
	// manifests themselves.
	Where string
	// Writable is whether a container may write to it: a bind that is not read-only.
	Writable bool
	// Folder is whether it is a directory, with all that is in it.
	Folder bool
}

// Data is the source of bind mounts that hold data on the host: no file of the
// release.
type Data struct {
	// Path is relative to the Source's Root, with slashes and clean.
	Path string
	// Services are those that mount it, sorted.
	Services []string
	// Where is file:line:column of where the manifest names it.
	Where string
}

type fileKey struct {
	path string
	use  Use
}

// add notes a file that exists.
func (r *reading) add(f File, service string) {
	key := fileKey{f.Path, f.Use}
	known, ok := r.files[key]
	if !ok {
		known = &f
		r.files[key] = known
	}
	known.Writable = known.Writable || f.Writable
	known.Services = withName(known.Services, service)
}

// withName returns the sorted names with one more.
func withName(names []string, name string) []string {
	if at, found := slices.BinarySearch(names, name); !found && name != "" {
		names = slices.Insert(names, at, name)
	}
	return names
}

// maxFolder bounds what one bind mount brings along in bytes.
const maxFolder = 50 << 20

// inspect reports whether the path is a folder. A missing path is fs.ErrNotExist.
func (r *reading) inspect(n named) (folder bool, err error) {
	if isAbove(n.path) {
		return false, progress.Refused("%s: %s is above the repository, where a release has no files: move it into the repository", n.where, n.text)
	}
	info, err := r.stat(n.path)
	switch {
	case errors.Is(err, errLeaves):
		return false, progress.Refused("%s: %s is a symbolic link that leads out of the repository: put the file itself there", n.where, n.text)
	case errors.Is(err, fs.ErrNotExist):
		return false, err
	case err != nil:
		return false, unreadable(n, err)
	case info.IsDir():
		err := r.walk(n)
		if err != nil && progress.ExitCode(err) == progress.ExitFailed {
			err = unreadable(n, err)
		}
		return true, err
	case !info.Mode().IsRegular():
		return false, progress.Refused("%s: %s is neither a file nor a folder: no release can bring a socket or a device; for one of the host, write its absolute path", n.where, n.text)
	case info.Size() > maxFolder:
		return false, tooMuch(n)
	}
	return false, nil
}

func isAbove(name string) bool { return name == ".." || strings.HasPrefix(name, "../") }

var errLeaves = errors.New("it leads out of the repository")

// stat follows symbolic links, and returns errLeaves where they leave the root.
func (r *reading) stat(name string) (fs.FileInfo, error) {
	resolved, err := filepath.EvalSymlinks(r.onDisk(name))
	if err != nil {
		// A link to what is not on this machine leaves the repository as well.
		if target, readErr := os.Readlink(r.onDisk(name)); readErr == nil && filepath.IsAbs(target) {
			return nil, errLeaves
		}
		if errors.Is(err, syscall.ENOTDIR) { // something on the way is a file
			err = fs.ErrNotExist
		}
		return nil, err
	}
	if rel, err := filepath.Rel(r.root, resolved); err != nil || isAbove(filepath.ToSlash(rel)) {
		return nil, errLeaves
	}
	return os.Stat(resolved)
}

// walk checks all that is in a folder.
func (r *reading) walk(n named) error {
	var size int64
	return walkFolder(r.onDisk(n.path), func(inner string, info fs.FileInfo) error {
		inside := named{path: path.Join(n.path, inner), text: path.Join(n.text, inner), where: n.where}
		if info.Mode()&fs.ModeSymlink != 0 {
			return r.checkLink(inside)
		}
		if !info.Mode().IsRegular() {
			return progress.Refused("%s: %s has the socket or device %s, which no release can bring: take it out, or name the folder with --data %s", n.where, n.text, inner, n.text)
		}
		if size += info.Size(); size > maxFolder {
			return tooMuch(n)
		}
		return nil
	})
}

// walkFolder visits what is in a folder and no folder itself, in the order of the
// paths, which are relative to it and have slashes. Git's own folder is left out: it
// has no files of the application.
func walkFolder(folder string, visit func(inner string, info fs.FileInfo) error) error {
	top, err := filepath.EvalSymlinks(folder)
	if err != nil {
		return err
	}
	return filepath.WalkDir(top, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.Name() == ".git" && file != top {
			if entry.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		if entry.IsDir() {
			return nil
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		inner, err := filepath.Rel(top, file)
		if err != nil {
			return err
		}
		return visit(filepath.ToSlash(inner), info)
	})
}

// Contents returns the paths of the files and symbolic links in a folder, sorted and
// relative to the Source's Root; for a file its path. A link in a folder stays a link,
// as in the container that gets the folder. Git's own folder is left out.
func (m *Manifest) Contents(f File) (paths []string, err error) {
	if !f.Folder {
		return []string{f.Path}, nil
	}
	err = walkFolder(filepath.Join(m.root, filepath.FromSlash(f.Path)), func(inner string, _ fs.FileInfo) error {
		paths = append(paths, path.Join(f.Path, inner))
		return nil
	})
	return paths, err
}

// checkLink refuses a symbolic link in a folder that leaves the repository, and one
// that leads to a place of this machine.
func (r *reading) checkLink(n named) error {
	target, readErr := os.Readlink(r.onDisk(n.path))
	if _, err := r.stat(n.path); errors.Is(err, errLeaves) || readErr == nil && filepath.IsAbs(target) {
		return progress.Refused("%s: %s is a symbolic link that leads out of the repository: put the file itself there", n.where, n.text)
	}
	return nil
}

func unreadable(n named, err error) error {
	return progress.Invalid("%s: %s cannot be read: %w", n.where, n.text, withoutPath(err))
}

func tooMuch(n named) error {
	return progress.Refused("%s: %s has more than %d MiB: bake it into an image, or, where it is data that stays on the host, name it with --data %s", n.where, n.text, maxFolder>>20, n.text)
}

// withoutPath returns the cause of an error alone: its path is this machine's.
func withoutPath(err error) error {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		return pathError.Err
	}
	return err
}
