package ci

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every skip that continuous integration may have is a pattern with a reason.
func TestSkipsHaveReasons(t *testing.T) {
	content, err := os.ReadFile("../.ci/skips")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(content)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		pattern, reason, _ := strings.Cut(line, " # ")
		if len(strings.Fields(reason)) < 3 {
			t.Errorf("no reason: %s", line)
		}
		if _, err := regexp.CompilePOSIX(pattern); err != nil || !strings.HasPrefix(pattern, "^") {
			t.Errorf("%s: a pattern begins with ^ and is an extended regular expression: %v", line, err)
		}
	}
}

// The report names each skip with its reason, and how long each package took.
func TestReport(t *testing.T) {
	dir := t.TempDir()
	source := `package sample

import "testing"

func TestSkipped(t *testing.T) {
	t.Log("before")
	t.Run("part", func(t *testing.T) { t.Skip("needs \"quotes\" and: colons") })
}

func TestPasses(t *testing.T) {}
`
	os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module example.com/sample\n"), 0o644)
	os.WriteFile(filepath.Join(dir, "sample_test.go"), []byte(source), 0o644)
	run := exec.CommandContext(t.Context(), "go", "test", "-json", "./...")
	run.Dir = dir
	events, err := run.Output()
	if err != nil {
		t.Fatal(err)
	}
	files := []string{filepath.Join(dir, "events.json"), filepath.Join(dir, "other.log")}
	os.WriteFile(files[0], events, 0o644)
	os.WriteFile(files[1], []byte("some words\nSKIP: the playbook: needs yamllint\n"), 0o644)
	output, err := exec.CommandContext(t.Context(), "../.ci/report", files...).Output()
	want := regexp.MustCompile("^skip\texample.com/sample TestSkipped/part: needs \"quotes\" and: colons\n" +
		"slow\t[0-9.]+\texample.com/sample\nskip\tthe playbook: needs yamllint\n$")
	if err != nil || !want.Match(output) {
		t.Errorf("%v\n%s", err, output)
	}
}

// In CI a skip is a failure unless .ci/skips allows it; elsewhere it is named.
func TestSkipsFailInCI(t *testing.T) {
	dir := t.TempDir()
	os.Mkdir(filepath.Join(dir, ".ci"), 0o755)
	for _, name := range []string{"test", "report"} {
		script, err := os.ReadFile("../.ci/" + name)
		if err != nil {
			t.Fatal(err)
		}
		os.WriteFile(filepath.Join(dir, ".ci", name), script, 0o755)
	}
	os.WriteFile(filepath.Join(dir, "Makefile"), []byte("%:\n\t@echo 'SKIP: $@: needs a $(NEED)'\n"), 0o644)
	for _, test := range []struct {
		ci, skips, says string
		fails           bool
	}{
		{ci: "true", skips: "", says: "not allowed by .ci/skips", fails: true},
		{ci: "true", skips: "^lint: # one of them\n", says: "  test-go: needs a tool", fails: true},
		{ci: "true", skips: "# a comment\n\n^[a-z-]+: needs a tool # all\n", says: "every target passed"},
		{ci: "", skips: "", says: "8 needs a tool"},
	} {
		os.WriteFile(filepath.Join(dir, ".ci", "skips"), []byte(test.skips), 0o644)
		run := exec.CommandContext(t.Context(), filepath.Join(dir, ".ci", "test"), "rehearse-docker")
		run.Env = append(os.Environ(), "CI="+test.ci, "NEED=tool", "MAKEFLAGS=")
		output, err := run.CombinedOutput()
		if (err != nil) != test.fails || !strings.Contains(string(output), test.says) {
			t.Errorf("CI=%q with %q: %v\n%s", test.ci, test.skips, err, output)
		}
	}
}
