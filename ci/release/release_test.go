// Package release tests what a release consists of.
package release

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"debug/elf"
	"debug/macho"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// TestRelease makes a release as the workflow does, except that it signs and
// publishes nothing, and checks every file of it.
func TestRelease(t *testing.T) {
	if testing.Short() {
		t.Skip("needs more time than -short gives")
	}
	release := exec.CommandContext(t.Context(), ".ci/release", "--snapshot")
	release.Dir = "../.."
	if output, err := release.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	archives, err := filepath.Glob("../../dist/*.tar.gz")
	if err != nil || len(archives) != 4 {
		t.Fatalf("archives %q, %v: want four", archives, err)
	}
	platforms := map[string]bool{}
	for _, archive := range archives {
		fields := strings.Split(strings.TrimSuffix(filepath.Base(archive), ".tar.gz"), "_")
		platform := strings.Join(fields[2:], "/")
		platforms[platform] = true
		t.Run(platform, func(t *testing.T) { checkArchive(t, archive, platform) })
	}
	for _, platform := range []string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64"} {
		if !platforms[platform] {
			t.Errorf("no archive for %s in %q", platform, archives)
		}
	}
	checkSums(t, archives)
}

func checkArchive(t *testing.T, archive, platform string) {
	dir := t.TempDir()
	names := unpack(t, archive, dir)
	if want := []string{"CHANGELOG.md", "LICENSE", "README.md", "gitops"}; !slices.Equal(names, want) {
		t.Errorf("%s has %q, want %q", archive, names, want)
	}
	binary := filepath.Join(dir, "gitops")
	checkFormat(t, binary, platform)
	checkMaterials(t, archive+".spdx.json")
	if platform == runtime.GOOS+"/"+runtime.GOARCH {
		output, err := exec.CommandContext(t.Context(), binary, "--version").Output()
		if err != nil || !strings.HasSuffix(string(output), "-snapshot\n") {
			t.Errorf("gitops --version: %q, %v", output, err)
		}
	}
}

// unpack unpacks the archive's files into dir and returns their names, sorted.
func unpack(t *testing.T, archive, dir string) (names []string) {
	t.Helper()
	file, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	compressed, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	for files := tar.NewReader(compressed); ; {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			slices.Sort(names)
			return names
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, header.Name)
		content, err := io.ReadAll(files)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, filepath.Base(header.Name)), content, header.FileInfo().Mode())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// checkFormat checks that the program is one for the platform, and needs no
// libraries on Linux.
func checkFormat(t *testing.T, binary, platform string) {
	t.Helper()
	machine := ""
	if program, err := elf.Open(binary); err == nil {
		defer program.Close()
		machine = map[elf.Machine]string{elf.EM_X86_64: "linux/amd64", elf.EM_AARCH64: "linux/arm64"}[program.Machine]
		if libraries, err := program.ImportedLibraries(); err != nil || len(libraries) != 0 {
			t.Errorf("libraries %q, %v", libraries, err)
		}
	} else if program, err := macho.Open(binary); err == nil {
		defer program.Close()
		machine = map[macho.Cpu]string{macho.CpuAmd64: "darwin/amd64", macho.CpuArm64: "darwin/arm64"}[program.Cpu]
	}
	if machine != platform {
		t.Errorf("the program is for %q", machine)
	}
}

// checkMaterials checks that the bill of materials is in SPDX and has a module
// that the program is made of.
func checkMaterials(t *testing.T, path string) {
	t.Helper()
	var document struct {
		SPDXVersion string
		Packages    []struct{ Name string }
	}
	content, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(content, &document)
	}
	if err != nil {
		t.Fatal(err)
	}
	named := slices.ContainsFunc(document.Packages, func(p struct{ Name string }) bool { return p.Name == "golang.org/x/crypto" })
	if !strings.HasPrefix(document.SPDXVersion, "SPDX-2.") || !named {
		t.Errorf("%s: version %q, %d packages, golang.org/x/crypto among them: %v", path, document.SPDXVersion, len(document.Packages), named)
	}
}

// checkSums checks that checksums.txt has the sum of every archive and bill of
// materials, and of nothing else.
func checkSums(t *testing.T, archives []string) {
	t.Helper()
	want := map[string]string{}
	for _, archive := range archives {
		for _, path := range []string{archive, archive + ".spdx.json"} {
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256(content)
			want[filepath.Base(path)] = hex.EncodeToString(sum[:])
		}
	}
	content, err := os.ReadFile("../../dist/checksums.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(content)) {
		sum, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		if want[name] != sum {
			t.Errorf("checksums.txt has %q for %s, want %q", sum, name, want[name])
		}
		delete(want, name)
	}
	if len(want) != 0 {
		t.Errorf("checksums.txt lacks %v", want)
	}
}

// A tag whose version the changelog does not have is refused before anything is
// built.
func TestReleaseNeedsNotes(t *testing.T) {
	dir := t.TempDir()
	script, err := os.ReadFile("../../.ci/release")
	if err != nil {
		t.Fatal(err)
	}
	os.Mkdir(dir+"/.ci", 0o755)
	os.WriteFile(dir+"/.ci/release", script, 0o755)
	os.WriteFile(dir+"/CHANGELOG.md", []byte("## [Unreleased]\n\n- a\n\n## [1.2.0]\n\n- b\n"), 0o644)
	for _, args := range [][]string{
		{"init", "--quiet"}, {"add", "."},
		{"-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "--quiet", "--message", "a"},
		{"tag", "v1.2.1"},
	} {
		git := exec.Command("git", args...)
		git.Dir = dir
		if output, err := git.CombinedOutput(); err != nil {
			t.Fatalf("git %q: %v\n%s", args, err, output)
		}
	}
	output, err := exec.Command(dir + "/.ci/release").CombinedOutput()
	if err == nil || !strings.Contains(string(output), `no section "## [1.2.1]"`) {
		t.Errorf("%v\n%s", err, output)
	}
}
