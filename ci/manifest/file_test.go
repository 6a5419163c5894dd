package manifest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"gitops/ci/lab/texttest"
	"gitops/ci/progress"
)

const twoServices = "services:\n  backend:\n    image: owner/backend:old # keep\n  frontend:\n    image: owner/frontend:old\n"

func write(t *testing.T, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "compose.yml")
	if err := os.WriteFile(path, []byte(twoServices), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func inode(t *testing.T, path string) *syscall.Stat_t {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t)
}

func content(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestBumpFileKeepsModeAndOwner(t *testing.T) {
	for _, mode := range []os.FileMode{0o640, 0o444, 0o777} {
		path := write(t, mode)
		before := inode(t, path)
		if os.Getuid() == 0 {
			if err := os.Chown(path, 1234, 4321); err != nil {
				t.Fatal(err)
			}
			before = inode(t, path)
		}
		changes, err := BumpFile(t.Context(), path, map[string]string{"backend": "owner/backend:new"}, Options{})
		if err != nil || len(changes) != 1 {
			t.Fatal(changes, err)
		}
		if got, want := content(t, path), texttest.Replace(t, twoServices, "backend:old", "backend:new"); got != want {
			t.Errorf("got %q", got)
		}
		after := inode(t, path)
		if after.Mode != before.Mode || after.Uid != before.Uid || after.Gid != before.Gid {
			t.Errorf("mode and owner: %o %d:%d, before %o %d:%d", after.Mode, after.Uid, after.Gid, before.Mode, before.Uid, before.Gid)
		}
		if after.Ino == before.Ino {
			t.Error("written in place: a reader can see half a manifest")
		}
		alone(t, path)
	}
}

// alone checks that no temporary file is left beside path.
func alone(t *testing.T, path string) {
	t.Helper()
	files, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(files) != 1 {
		t.Errorf("files left: %v %v", files, err)
	}
}

func TestBumpFileLeavesUnchangedAndRefusedAlone(t *testing.T) {
	for _, ref := range []string{"owner/backend:old", "Not A Ref", "owner/backend:${X}"} {
		path := write(t, 0o644)
		before := inode(t, path)
		changes, err := BumpFile(t.Context(), path, map[string]string{"backend": ref}, Options{})
		if len(changes) != 0 || (err != nil) != (ref != "owner/backend:old") {
			t.Errorf("%s: %v %v", ref, changes, err)
		}
		if err != nil && (progress.ExitCode(err) != progress.ExitInvalid || !strings.Contains(err.Error(), path+":3:12: ")) {
			t.Errorf("%s: %v", ref, err)
		}
		after := inode(t, path)
		if after.Ino != before.Ino || after.Mtim != before.Mtim || content(t, path) != twoServices {
			t.Errorf("%s: the file was written", ref)
		}
		alone(t, path)
	}
}

func TestBumpFileFollowsLink(t *testing.T) {
	path := write(t, 0o644)
	link := filepath.Join(t.TempDir(), "link.yml")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if _, err := BumpFile(t.Context(), link, map[string]string{"frontend": "owner/frontend:new"}, Options{}); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is no link any more: %v %v", info.Mode(), err)
	}
	if !strings.Contains(content(t, path), "owner/frontend:new") {
		t.Error("the file behind the link was not bumped")
	}
}

func TestBumpFileThatCannotBeRead(t *testing.T) {
	folder := t.TempDir()
	for _, path := range []string{filepath.Join(folder, "none.yml"), filepath.Join(folder, "none", "compose.yml"), folder} {
		_, err := BumpFile(t.Context(), path, map[string]string{"a": "b"}, Options{})
		if progress.ExitCode(err) != progress.ExitInvalid || !strings.Contains(err.Error(), "give the path of a file") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// Bumps of one file at the same time lose nothing of each other.
func TestBumpFileTakesTurns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "compose.yml")
	var text strings.Builder
	text.WriteString("services:\n")
	const services = 20
	for i := range services {
		fmt.Fprintf(&text, "  s%d: {image: owner/app:old}\n", i)
	}
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for i := range services {
		group.Go(func() {
			if _, err := BumpFile(t.Context(), path, map[string]string{fmt.Sprintf("s%d", i): "owner/app:new"}, Options{}); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if got := strings.Count(content(t, path), "owner/app:new"); got != services {
		t.Errorf("%d of %d bumps are in the file:\n%s", got, services, content(t, path))
	}
	alone(t, path)
}
