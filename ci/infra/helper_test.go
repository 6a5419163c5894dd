package infra

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	tfjson "github.com/hashicorp/terraform-json"

	"gitops/ci/lab/golden"
)

func needTerraform(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("terraform"); err != nil {
		t.Skip("needs terraform")
	}
	// A configuration file that is not there only makes terraform warn, but on
	// every command.
	if file := os.Getenv("TF_CLI_CONFIG_FILE"); file != "" {
		if _, err := os.Stat(file); err != nil {
			t.Setenv("TF_CLI_CONFIG_FILE", "")
		}
	}
}

// write makes a directory with files, given as pairs of name and content.
func write(t *testing.T, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(files); i += 2 {
		path := filepath.Join(dir, files[i])
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(files[i+1]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// names returns the paths of everything in dir, relative to it.
func names(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if relative, _ := filepath.Rel(dir, path); relative != "." {
			all = append(all, relative)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func readPlan(t *testing.T, name string) *tfjson.Plan {
	t.Helper()
	var plan tfjson.Plan
	plan.UseJSONNumber(true)
	if err := json.Unmarshal(read(t, name), &plan); err != nil {
		t.Fatal(err)
	}
	return &plan
}

// record writes value to testdata when golden files are updated. The files in the
// repository are from Terraform 1.11.4 and its AWS provider 5.100.0.
func record(t *testing.T, name string, value any) {
	t.Helper()
	if !golden.Updating() {
		return
	}
	data, ok := value.([]byte)
	if !ok {
		var out bytes.Buffer
		encoder := json.NewEncoder(&out)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", " ")
		if err := encoder.Encode(value); err != nil {
			t.Fatal(err)
		}
		data = out.Bytes()
	}
	if err := os.WriteFile(filepath.Join("testdata", name), data, 0o644); err != nil {
		t.Fatal(err)
	}
}
