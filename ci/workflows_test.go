package ci

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"gitops/ci/lab/daggermodule"
)

// workflow is what the tests look at of a workflow file.
type workflow struct {
	On          any
	Permissions map[string]string
	Jobs        map[string]struct {
		Environment string
		Permissions map[string]string
		Steps       []step
	}
}

type step struct {
	Uses string
	Env  map[string]string
	With map[string]string
}

func workflows(t *testing.T) map[string]workflow {
	t.Helper()
	paths, err := filepath.Glob("../.github/workflows/*.yml")
	if err != nil || len(paths) == 0 {
		t.Fatal("no workflows", err)
	}
	all := map[string]workflow{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var w workflow
		if err := yaml.Unmarshal(text, &w); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		all[filepath.Base(path)] = w
	}
	return all
}

// Every action is pinned by its commit, with the version that a person reads.
func TestActionsArePinned(t *testing.T) {
	pinned := regexp.MustCompile(`uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)
	actions := 0
	for name := range workflows(t) {
		content, err := os.ReadFile(filepath.Join("../.github/workflows", name))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(content)) {
			if line = strings.TrimSpace(line); !strings.HasPrefix(strings.TrimPrefix(line, "- "), "uses: ") {
				continue
			}
			if actions++; !pinned.MatchString(line) {
				t.Errorf("%s: %s", name, line)
			}
		}
	}
	if actions == 0 {
		t.Error("no workflow uses an action")
	}
}

// calls yields each call of dagger with the environment of its step.
func calls(t *testing.T) map[string]map[string]string {
	t.Helper()
	all := map[string]map[string]string{}
	for _, w := range workflows(t) {
		for _, job := range w.Jobs {
			for _, step := range job.Steps {
				if strings.HasPrefix(step.Uses, "dagger/dagger-for-github@") {
					all[step.With["call"]] = step.Env
				}
			}
		}
	}
	return all
}

// The action pastes the call into a script of bash: an expression in it would become
// part of that script.
func TestCallsAreOneLineWithoutExpressions(t *testing.T) {
	functions, err := daggermodule.Read("../.dagger")
	if err != nil {
		t.Fatal(err)
	}
	for call := range calls(t) {
		if strings.Contains(call, "${{") || strings.Contains(call, "\n") {
			t.Errorf("%q has an expression or a second line", call)
		}
		if _, err := daggermodule.Parse(functions, strings.Fields(call), nil); err != nil {
			t.Errorf("dagger call %s: %v", call, err)
		}
	}
}

var variable = regexp.MustCompile(`\$\{?([A-Z][A-Z0-9_]+)|env://([A-Z0-9_]+)`)

// Every line of .env names an argument of the constructor, and every variable of a step
// gets to dagger by the call or by .env.
func TestLocalDefaults(t *testing.T) {
	text, err := os.ReadFile("../.env")
	if err != nil {
		t.Fatal(err)
	}
	functions, err := daggermodule.Read("../.dagger")
	if err != nil {
		t.Fatal(err)
	}
	var arguments []string
	for _, f := range functions {
		if f.Name == daggermodule.Constructor {
			for _, a := range f.Arguments {
				arguments = append(arguments, strings.ToUpper(strings.ReplaceAll(a.Name, "-", "")))
			}
		}
	}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, _ := strings.Cut(line, "=")
		if argument, ours := strings.CutPrefix(name, "GITOPS_"); !ours || !slices.Contains(arguments, argument) {
			t.Errorf(".env: %s names no argument of the constructor", name)
		}
		if !variable.MatchString(value) || strings.HasPrefix(value, "$") && !strings.HasSuffix(value, ":-}") {
			t.Errorf(".env: %s is neither env://NAME nor ${NAME:-}", line)
		}
	}
	for call, env := range calls(t) {
		for name := range maps.Keys(env) {
			if !regexp.MustCompile(`\b` + name + `\b`).MatchString(string(text) + call) {
				t.Errorf("%s: the step's %s gets nowhere", call, name)
			}
		}
	}
}

// Code of a pull request runs beside no token that can write, and a secret is that of an
// environment.
func TestPullRequestsGetNothingThatWrites(t *testing.T) {
	seen := 0
	for name, w := range workflows(t) {
		on, _ := w.On.(map[string]any)
		_, pull := on["pull_request"]
		_, target := on["pull_request_target"]
		if target {
			t.Errorf("%s: pull_request_target runs code of a pull request with the rights of the base", name)
		}
		for job, j := range w.Jobs {
			if usesSecrets(j.Steps) && j.Environment == "" {
				t.Errorf("%s: job %s uses secrets and has no environment", name, job)
			}
			if !pull {
				continue
			}
			seen++
			if j.Environment != "" && j.Environment != "plan" {
				t.Errorf("%s: job %s of a pull request is in the environment %s", name, job, j.Environment)
			}
			for permission, level := range j.Permissions {
				if level == "write" && permission != "id-token" {
					t.Errorf("%s: job %s of a pull request has %s: write", name, job, permission)
				}
			}
		}
	}
	if seen == 0 {
		t.Error("no workflow runs for a pull request")
	}
}

// usesSecrets leaves out Infracost's key, which only reads prices.
func usesSecrets(steps []step) bool {
	for _, step := range steps {
		for _, value := range slices.Concat(slices.Collect(maps.Values(step.Env)), slices.Collect(maps.Values(step.With))) {
			if strings.Contains(value, "secrets.") && !strings.Contains(value, "secrets.INFRACOST_API_KEY") {
				return true
			}
		}
	}
	return false
}
