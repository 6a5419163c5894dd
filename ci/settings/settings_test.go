package settings

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gitops/ci/progress"
)

func TestParse(t *testing.T) {
	const text = `# yaml-language-server: $schema=gitops.schema.json
x-note: mine
manifest: deploy/compose.yml
plain_http: [registry.local, other.local]
aws: &aws
  region: eu-central-1
terraform:
  backend:
    bucket: my-state
    key: gitops.tfstate
    use_path_style: true
deploy: {keep: 3, gate_timeout: 1m30s}
review: {require_cost: true}
ansible:
services:
  web:
    build: ./web
`
	s, err := Parse([]byte(text), "gitops.yml")
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string][]string{
		"manifest":            {"deploy/compose.yml"},
		"plain_http":          {"registry.local", "other.local"},
		"aws.region":          {"eu-central-1"},
		"terraform.backend":   {"bucket=my-state", "key=gitops.tfstate", "use_path_style=true"},
		"deploy.keep":         {"3"},
		"deploy.gate_timeout": {"1m30s"},
		"review.require_cost": {"true"},
		"terraform.dir":       nil,
		"services.web.build":  nil,
	} {
		if got := s.Values(path); !slices.Equal(got, want) {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
}

func TestParseMerges(t *testing.T) {
	const text = `x-all: &all {dir: infra, var_files: [a], backend: {bucket: b}}
x-more: &more {workspace: w, dir: other}
terraform:
  <<: [*all, *more]
  var_files: [c]
ansible: &ansible {dir: plays}
`
	s, err := Parse([]byte(text), "gitops.yml")
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string][]string{
		"terraform.dir": {"infra"}, "terraform.workspace": {"w"}, "terraform.var_files": {"c"}, "terraform.backend": {"bucket=b"}, "ansible.dir": {"plays"},
	} {
		if got := s.Values(path); !slices.Equal(got, want) {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
}

func TestParseMistakes(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"unknown key":       {"manifest: a\nterrafrom: {}\n", `gitops.yml:2:1: unknown key "terrafrom": did you mean "terraform"? There are ansible, aws`},
		"unknown key below": {"terraform:\n  dir: a\n  workspce: b\n", `gitops.yml:3:3: unknown key "workspce" in terraform: did you mean "workspace"? There are backend, branch`},
		"the first of two":  {"deploy:\n  keeep: 1\nhots: {}\n", `gitops.yml:2:3: unknown key "keeep" in deploy: did you mean "keep"?`},
		"type":              {"deploy: {keep: many}\n", "gitops.yml:1:16: deploy.keep: got string, want integer"},
		"range":             {"deploy: {keep: 0}\n", "gitops.yml:1:16: deploy.keep: minimum: got 0, want 1"},
		"duration":          {"terraform: {lock_timeout: 5}\n", "gitops.yml:1:27: terraform.lock_timeout: got number, want string"},
		"unit":              {"terraform: {lock_timeout: 5 minutes}\n", "gitops.yml:1:27: terraform.lock_timeout: '5 minutes' does not match pattern"},
		"list":              {"ansible:\n  tags: common\n", "gitops.yml:2:9: ansible.tags: got string, want array"},
		"item":              {"ansible:\n  tags: [common, {}]\n", "gitops.yml:2:18: ansible.tags.1: got object, want string"},
		"nested backend":    {"terraform: {backend: {assume_role: {role_arn: a}}}\n", "gitops.yml:1:36: terraform.backend.assume_role: got object, want boolean or number or string"},
		"number as key":     {"1: a\n", "gitops.yml:1:1: settings: a key or value is no text: put it in quotes"},
		"date":              {"ansible: {tags: [a, 2026-01-01]}\n", "gitops.yml:1:21: ansible.tags.1: a key or value is no text: put it in quotes"},
		"second document":   {"manifest: a\n---\nmanifest: b\n", "gitops.yml:2:1: there is a second document: write the settings into one"},
		"no mapping":        {"[a]\n", "gitops.yml:1:1: settings: got array, want object"},
		"no YAML":           {"a: [\n", "gitops.yml: yaml: line 1:"},
		"twice":             {"manifest: a\nmanifest: b\n", "gitops.yml: yaml: unmarshal errors:\n  line 2: mapping key \"manifest\" already defined at line 1"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse([]byte(test.text), "gitops.yml")
			if err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("got %v\nwant %s", err, test.want)
			}
			if progress.ExitCode(err) != progress.ExitInvalid {
				t.Errorf("exit code %d, want %d", progress.ExitCode(err), progress.ExitInvalid)
			}
		})
	}
}

func TestParseEmpty(t *testing.T) {
	for _, text := range []string{"", "# nothing\n", "---\n", "null\n"} {
		if _, err := Parse([]byte(text), "gitops.yml"); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestReadMissing(t *testing.T) {
	s, err := Read(filepath.Join(t.TempDir(), "gitops.yml"))
	if err != nil || s.Values("manifest") != nil {
		t.Errorf("a missing file says %v, %v", s, err)
	}
}

// JSON has no such numbers, and neither has the schema's reader.
func TestNumbersThatAreNone(t *testing.T) {
	for _, number := range []string{".inf", "-.inf", ".nan"} {
		if _, err := Parse([]byte("review:\n  policy:\n    max_cost: "+number+"\n"), "gitops.yml"); progress.ExitCode(err) != progress.ExitInvalid || !strings.Contains(err.Error(), "gitops.yml:3:15") {
			t.Errorf("%s: %v", number, err)
		}
	}
}
