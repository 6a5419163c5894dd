package program_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// elsewhere are the packages that start programs by themselves, and why.
var elsewhere = map[string]string{
	"bench":            "times programs of the machine, as its user has them",
	"cmd/rehearse":     "lends its terminal to a developer's command, and draws with a developer's browser",
	"infra/error.go":   "terraform-exec starts Terraform and returns the library's error",
	"lab/dockerd.go":   "starts a daemon that outlives this process",
	"lab/gitserver":    "is a server: git is its CGI program",
	"lab/hosttest":     "is a server: sshd",
	"lab/registrytest": "is a server: docker-registry",
	"rehearsal":        "plays the developer and finds an engine",
}

// TestOnlyThisPackageRunsPrograms keeps os/exec out of the product's other packages.
func TestOnlyThisPackageRunsPrograms(t *testing.T) {
	used := map[string]bool{}
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		content, err := os.ReadFile(path)
		name := strings.TrimPrefix(filepath.ToSlash(path), "../")
		if err != nil || !bytes.Contains(content, []byte(`"os/exec"`)) || strings.HasPrefix(name, "program/") {
			return err
		}
		for place := range elsewhere {
			if name == place || strings.HasPrefix(name, place+"/") {
				used[place] = true
				return nil
			}
		}
		t.Errorf("%s starts programs by itself: use gitops/ci/program", name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for place := range elsewhere {
		if !used[place] {
			t.Errorf("%s starts no programs any more: take it off the list", place)
		}
	}
}
