package ci

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// platforms is for how many platforms the AWS provider's release has packages, and so
// how many zip checksums a lock file from the registry has.
const platforms = 15

var (
	providerBlock = regexp.MustCompile(`(?s)provider "([^"]+)" \{.*?\n\}`)
	checksum      = regexp.MustCompile(`"(h1|zh):([^"]+)"`)
)

// A lock file that knows one platform alone fails on every other. The checksum "h1"
// is compared with the provider itself wherever a test initialises these folders.
func TestLockFilesKnowEveryPlatform(t *testing.T) {
	files := append(glob(t, "../terraform/.terraform.lock.hcl"), glob(t, "../terraform/*/.terraform.lock.hcl")...)
	if len(files) != 2 {
		t.Fatalf("lock files: %v", files)
	}
	for _, file := range files {
		blocks := providerBlock.FindAllString(readFile(t, file), -1)
		if len(blocks) == 0 {
			t.Errorf("%s has no provider", file)
		}
		for _, block := range blocks {
			var sums []string
			for _, found := range checksum.FindAllStringSubmatch(block, -1) {
				sums = append(sums, found[1]+":"+found[2])
			}
			h1 := slices.ContainsFunc(sums, func(sum string) bool { return strings.HasPrefix(sum, "h1:") })
			if !h1 || len(slices.Compact(sums)) < platforms+1 || !slices.IsSorted(sums) {
				t.Errorf("%s needs h1 and %d zh checksums, sorted: terraform providers lock -platform=… writes them. It has %v", file, platforms, sums)
			}
		}
	}
}

// Both roots take the provider's versions from one lock.
func TestBothRootsLockTheSameProvider(t *testing.T) {
	if readFile(t, "../terraform/.terraform.lock.hcl") != readFile(t, "../terraform/bootstrap/.terraform.lock.hcl") {
		t.Error("terraform/.terraform.lock.hcl and terraform/bootstrap/.terraform.lock.hcl differ")
	}
}

// stateKey finds the name of a state in text of any language.
var stateKey = regexp.MustCompile(`[\w./-]+\.tfstate\b`)

// Who plans with another key plans a second server.
func TestTheStateHasOneName(t *testing.T) {
	const key = "gitops.tfstate"
	pages := slices.Concat(glob(t, "../docs/*.md"), glob(t, "../README.md"), glob(t, "../.github/workflows/*.yml"),
		glob(t, "../terraform/*.hcl"), glob(t, "../terraform/bootstrap/variables.tf"))
	found := map[string]bool{}
	for _, page := range pages {
		for _, name := range stateKey.FindAllString(readFile(t, page), -1) {
			found[page] = true
			// bootstrap's own state stays in its folder.
			if name != key && name != "terraform/bootstrap/terraform.tfstate" {
				t.Errorf("%s has the state %s, not %s", page, name, key)
			}
		}
	}
	for _, page := range []string{"../terraform/backend.example.hcl", "../terraform/bootstrap/variables.tf", "../docs/aws.md"} {
		if !found[page] {
			t.Errorf("%s does not name the state", page)
		}
	}
	if named := settings(t).Terraform.Backend["key"]; named != "" && named != key {
		t.Errorf("gitops.yml has the state %s, not %s", named, key)
	}
}

// gitopsYML is the part of gitops.yml that Terraform's folders repeat.
type gitopsYML struct {
	Terraform struct {
		Backend map[string]string `yaml:"backend"`
	} `yaml:"terraform"`
}

// settings reads gitops.yml; without the file, everything is empty.
func settings(t *testing.T) (s gitopsYML) {
	t.Helper()
	data, err := os.ReadFile("../gitops.yml")
	if errors.Is(err, fs.ErrNotExist) {
		return s
	}
	if err == nil {
		err = yaml.Unmarshal(data, &s)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no files %s: %v", pattern, err)
	}
	return files
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
