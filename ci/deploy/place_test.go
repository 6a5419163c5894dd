package deploy_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gitops/ci/deploy"
)

// A manifest in a folder of the repository names files beside it and above it: an
// earlier release finds its own again.
func TestRollbackFindsFilesOfAFolder(t *testing.T) {
	l := newLab(t)
	root := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		name = filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("app/values.env", "PASSWORD=planted")
	write("app/token.txt", "planted")
	write("app/compose.yml", strings.ReplaceAll(l.manifest(image("v1")), "    restart: always\n", "    restart: always\n    volumes: [\"./conf/a.txt:/a.txt:ro\", \"../shared/b.txt:/b.txt:ro\", \".:/all:ro\"]\n    secrets: [token]\n")+"secrets: {token: {file: token.txt}}\n")
	sources := func() string {
		t.Helper()
		return run(t, exec.Command("sh", "-ec", `docker inspect --format '{{range .Mounts}}{{println .Source}}{{end}}' "$1" | sort`, "mounts", l.containers("web")))
	}
	options := func(commit, text string) deploy.Options {
		write("app/conf/a.txt", text)
		write("shared/b.txt", text)
		o := l.options(commit, "")
		o.Source.Root, o.Source.Manifests, o.Source.Withheld = root, []string{"app/compose.yml"}, []string{"app/values.env"}
		return o
	}
	l.deploy(options(commitA, "first"))
	first := sources()
	if second := l.deploy(options(commitB, "second")); actions(second) != "db unchanged, web rolled" || sources() == first {
		t.Fatalf("changed files: %s, mounts %s", actions(second), sources())
	}
	if _, err := deploy.Rollback(context.Background(), l.client, deploy.RollbackOptions{Options: l.options("", "")}); err != nil {
		t.Fatal(err)
	}
	if got := sources(); got != first {
		t.Errorf("after the rollback it mounts\n%s\nand at first\n%s", got, first)
	}
	for file := range strings.FieldsSeq(first) {
		if info, err := os.Stat(file); err == nil && info.IsDir() { // the folder of the manifest
			for _, withheld := range []string{"values.env", "token.txt"} {
				if _, err := os.Stat(filepath.Join(file, withheld)); !os.IsNotExist(err) {
					t.Errorf("%s travelled with the folder: %v", withheld, err)
				}
			}
			file = filepath.Join(file, "conf/a.txt")
		}
		want := "first"
		if filepath.Base(file) == "token.txt" {
			want = "planted"
		}
		if text, err := os.ReadFile(file); err != nil || string(text) != want {
			t.Errorf("%s has %q, %v", file, text, err)
		}
	}
}
