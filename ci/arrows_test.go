// Package ci holds the tests about the repository as a whole.
package ci

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// shared are the packages that every package may know.
var shared = []string{"images", "program", "progress", "retry", "secret", "terminal"}

// leaves do one thing each. They know the shared packages, and of each other only
// the arrows that docs/architecture.md explains.
var leaves = map[string][]string{
	"settings":   {},
	"ansible":    {"sshagent"},
	"attest":     {"registry"},
	"builds":     {},
	"compose":    {"builds", "manifest"},
	"cost":       {},
	"deploy":     {"compose", "host", "registry"},
	"dockerfile": {},
	"github":     {},
	"host":       {},
	"infra":      {},
	"manifest":   {},
	"publish":    {"attest", "builds", "dockerfile", "registry"},
	"registry":   {},
	"review":     {"cost"},
	"robot":      {"compose", "manifest", "sshagent"},
	"sshagent":   {},
}

// allowed returns what a package may import of the repository's packages, and whether
// it may import any leaf.
func allowed(name string) (packages []string, anyLeaf bool) {
	if arrows, ok := leaves[name]; ok {
		return slices.Concat(shared, arrows), false
	}
	switch top, _, _ := strings.Cut(name, "/"); {
	case slices.Contains(shared, name):
		return shared, false
	case name == "stages":
		return shared, true
	case name == "cmd/gitops":
		return append(shared, "stages"), true
	case name == "cmd/rehearse":
		return append(shared, "lab", "rehearsal"), false
	case top == "rehearsal":
		return append(shared, "lab", "rehearsal", "stages"), true
	case top == "lab", top == "bench", top == "e2e":
		return append(shared, "lab"), true
	}
	return nil, false
}

// TestArrows holds the table "Who may know whom" of docs/architecture.md.
func TestArrows(t *testing.T) {
	explained, err := os.ReadFile("../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, imports := range packages(t) {
		may, anyLeaf := allowed(name)
		if may == nil {
			t.Errorf("package %s has no place in docs/architecture.md", name)
		}
		for _, imported := range imports {
			_, leaf := leaves[imported]
			top, _, _ := strings.Cut(imported, "/")
			if !slices.Contains(may, imported) && !slices.Contains(may, top) && (!leaf || !anyLeaf) {
				t.Errorf("%s must not import %s", name, imported)
			}
			if slices.Contains(leaves[name], imported) && !strings.Contains(string(explained), "| `"+name+"` | `"+imported+"` |") {
				t.Errorf("docs/architecture.md does not explain the arrow from %s to %s", name, imported)
			}
		}
	}
}

// TestModuleStaysSmall holds that the Dagger module compiles none of the product's
// libraries: its first load takes as long as that of an empty module.
func TestModuleStaysSmall(t *testing.T) {
	may := []string{"builds", "images"}
	files := goFiles(t, "../.dagger")
	if len(files) == 0 {
		t.Fatal("the Dagger module has no files")
	}
	for _, file := range files {
		for _, imported := range own(t, file) {
			if !slices.Contains(may, imported) {
				t.Errorf("%s must not import ci/%s", file, imported)
			}
		}
	}
}

// packages returns the repository's packages below ci, each with those that it
// imports outside of its tests.
func packages(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	err := filepath.WalkDir(".", func(dir string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		_, module := os.Stat(filepath.Join(dir, "go.mod"))
		if entry.Name() == "testdata" || module == nil {
			return fs.SkipDir
		}
		for _, file := range goFiles(t, dir) {
			name := filepath.ToSlash(dir)
			all[name] = append(all[name], own(t, file)...)
		}
		return nil
	})
	if err != nil || len(all) < 20 {
		t.Fatalf("found %d packages: %v", len(all), err)
	}
	return all
}

// goFiles returns the Go files of a folder that are neither tests nor generated.
func goFiles(t *testing.T, dir string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(all, func(file string) bool {
		return strings.HasSuffix(file, "_test.go") || strings.HasSuffix(file, ".gen.go")
	})
}

// own returns the packages below ci that a file imports.
func own(t *testing.T, file string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	var imports []string
	for _, spec := range parsed.Imports {
		full, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		if name, ours := strings.CutPrefix(full, "gitops/ci/"); ours {
			imports = append(imports, path.Clean(name))
		}
	}
	return imports
}
