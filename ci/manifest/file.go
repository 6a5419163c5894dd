package manifest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"gitops/ci/progress"
)

// BumpFile is Bump on the file at path, which EditFiles writes.
func BumpFile(ctx context.Context, path string, images map[string]string, o Options) ([]Change, error) {
	if o.File == "" {
		o.File = path
	}
	return EditFiles(ctx, []string{path}, func(texts [][]byte) ([][]byte, []Change, error) {
		text, changes, err := Bump(texts[0], images, o)
		return [][]byte{text}, changes, err
	})
}

// Edit makes new texts of those of some files, and says what it changed.
type Edit func(texts [][]byte) ([][]byte, []Change, error)

// EditFiles gives the files at paths the texts that edit makes of theirs. A file is
// written only when its text changed, in one step, and keeps its mode and owner; a
// symbolic link stays one. Several that run at once take turns: they name the same
// file first. When ctx ends before edit does, no file is written.
func EditFiles(ctx context.Context, paths []string, edit Edit) ([]Change, error) {
	unlock, err := lockFolder(paths[0])
	if err != nil {
		return nil, err
	}
	defer unlock()
	var texts [][]byte
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, progress.Invalid("reading manifest: %w: give the path of a file that can be read", err)
		}
		texts = append(texts, text)
	}
	type result struct {
		texts   [][]byte
		changes []Change
	}
	edited, err := progress.Await(ctx, "reading "+paths[0], func() (r result, err error) {
		r.texts, r.changes, err = edit(texts)
		return r, err
	})
	if err != nil {
		return nil, err
	}
	for i, path := range paths {
		if bytes.Equal(texts[i], edited.texts[i]) {
			continue
		}
		if err := replaceFile(path, edited.texts[i]); err != nil {
			return nil, fmt.Errorf("writing %s, it is as it was: %w", path, err)
		}
	}
	return edited.changes, nil
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
