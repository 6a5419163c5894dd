package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"gitops/ci/progress"
)

// BumpFile is Bump on the file at path, which EditFiles writes.
func BumpFile(path string, images map[string]string, o Options) (changes []Change, err error) {
	if o.File == "" {
		o.File = path
	}
	err = EditFiles([]string{path}, func(texts [][]byte) ([][]byte, error) {
		text, found, err := Bump(texts[0], images, o)
		changes = found
		return [][]byte{text}, err
	})
	return changes, err
}

// EditFiles gives the files at paths the texts that edit makes of theirs. A file is
// written only when its text changed, in one step, and keeps its mode and owner; a
// symbolic link stays one. Several that run at once take turns: they name the same
// file first.
func EditFiles(paths []string, edit func(texts [][]byte) ([][]byte, error)) error {
	unlock, err := lockFolder(paths[0])
	if err != nil {
		return err
	}
	defer unlock()
	var texts [][]byte
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return progress.Invalid("reading manifest: %w: give the path of a file that can be read", err)
		}
		texts = append(texts, text)
	}
	edited, err := edit(texts)
	if err != nil {
		return err
	}
	for i, path := range paths {
		if bytes.Equal(texts[i], edited[i]) {
			continue
		}
		if err := replaceFile(path, edited[i]); err != nil {
			return fmt.Errorf("writing %s, it is as it was: %w", path, err)
		}
	}
	return nil
}

// lockFolder locks the folder of the file at path against other bumps: each bump
// replaces the file. Where there is no such folder, reading the file
// says so.
func lockFolder(path string) (unlock func(), err error) {
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		path = resolved
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return func() {}, nil //nolint:nilerr // the edit that follows says what is wrong with the folder
	}
	if err := syscall.Flock(int(folder.Fd()), syscall.LOCK_EX); err != nil {
		folder.Close()
		return nil, fmt.Errorf("locking the folder of %s: %w", path, err)
	}
	return func() { folder.Close() }, nil
}

// replaceFile gives the file at path new content in one step.
func replaceFile(path string, content []byte) error {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name()) // gone already when all went well
	if err := fill(temp, content, info); err != nil {
		return err
	}
	if err := os.Rename(temp.Name(), path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// fill writes content to temp and makes it look like the file that info is of.
func fill(temp *os.File, content []byte, info fs.FileInfo) error {
	_, err := temp.Write(content)
	if err == nil {
		err = keepOwner(temp, info)
	}
	if err == nil {
		err = temp.Chmod(info.Mode().Perm() | info.Mode()&(fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky))
	}
	if err == nil {
		err = temp.Sync()
	}
	return errors.Join(err, temp.Close())
}

// keepOwner gives temp the owner and group of info, where they differ.
func keepOwner(temp *os.File, info fs.FileInfo) error {
	want, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	var have syscall.Stat_t
	if err := syscall.Fstat(int(temp.Fd()), &have); err != nil {
		return err
	}
	if have.Uid == want.Uid && have.Gid == want.Gid {
		return nil
	}
	if err := temp.Chown(int(want.Uid), int(want.Gid)); err != nil {
		return fmt.Errorf("keeping owner %d:%d: %w: run as the file's owner", want.Uid, want.Gid, err)
	}
	return nil
}

// syncFolder makes a rename in folder last through a power cut.
func syncFolder(folder string) error {
	f, err := os.Open(folder)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
