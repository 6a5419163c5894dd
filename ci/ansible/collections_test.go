package ansible_test

import (
	"errors"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gitops/ci/ansible"
	"gitops/ci/lab/galaxytest"
	"gitops/ci/progress"
)

// greet is a module of a collection.
const greet = `#!/usr/bin/python
from ansible.module_utils.basic import AnsibleModule
AnsibleModule(argument_spec={}).exit_json(changed=True, greeting="hello")
`

// galaxy serves the collections sample.tools 1.2.3, which has a module, and
// sample.base 0.4.0, on which it depends. Ansible asks it, and nothing is installed yet.
func galaxy(t *testing.T) *httptest.Server {
	t.Helper()
	needAnsible(t)
	published := t.TempDir()
	write(t, filepath.Join(published, "sample/tools/plugins/modules/greet.py"), greet)
	write(t, filepath.Join(published, "sample/tools/MANIFEST.json"),
		`{"collection_info": {"namespace": "sample", "name": "tools", "version": "1.2.3", "dependencies": {"sample.base": ">=0.4.0"}}, "format": 1}`)
	write(t, filepath.Join(published, "sample/base/README.md"), "base\n")
	write(t, filepath.Join(published, "sample/base/MANIFEST.json"),
		`{"collection_info": {"namespace": "sample", "name": "base", "version": "0.4.0", "dependencies": {}}, "format": 1}`)
	handler, err := galaxytest.New(published)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	t.Setenv("ANSIBLE_GALAXY_SERVER", server.URL)
	t.Setenv("ANSIBLE_COLLECTIONS_PATH", "")
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	return server
}

// playbook returns a folder with a playbook that needs the collection, and with
// requirements.
func playbook(t *testing.T, requirements string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "site.yml"), "- hosts: all\n  gather_facts: false\n  tasks:\n    - name: Greet\n      sample.tools.greet:\n")
	write(t, filepath.Join(dir, "requirements.yml"), requirements)
	return dir
}

const pinned = `collections:
  - name: sample.tools
    version: 1.2.3
  - name: sample.base
    version: 0.4.0
`

func TestThePlaybookFindsItsCollections(t *testing.T) {
	o := prepare(t, "")
	server := galaxy(t)
	o.Dir = playbook(t, pinned)
	recap, err := ansible.Run(t.Context(), o)
	if err != nil || recap.Hosts["web"].Changed != 1 {
		t.Fatalf("%+v, %v, want the collection's module to run", recap, err)
	}
	if entries, err := os.ReadDir(o.Dir); err != nil || len(entries) != 2 {
		t.Errorf("the playbook's folder has %v, %v; want nothing new", entries, err)
	}
	server.Close()
	if err := ansible.SyntaxCheck(t.Context(), o.Dir, "site.yml"); err != nil {
		t.Errorf("with the collections of the run before, and no server: %v", err)
	}
	nothingLeft(t)
}

func TestInstalledCollectionsAreNotAskedFor(t *testing.T) {
	server := galaxy(t)
	dir, out := playbook(t, pinned), t.TempDir()
	found, err := ansible.InstallCollections(t.Context(), dir, out, t.Output())
	if want := map[string]string{"sample.base": "0.4.0", "sample.tools": "1.2.3"}; err != nil || !maps.Equal(found, want) {
		t.Fatalf("installed %v, %v, want %v", found, err, want)
	}
	server.Close()
	t.Setenv("ANSIBLE_COLLECTIONS_PATH", out)
	if err := ansible.SyntaxCheck(t.Context(), dir, "site.yml"); err != nil {
		t.Error(err)
	}
	// As by hand, where Ansible looks by default.
	t.Setenv("ANSIBLE_COLLECTIONS_PATH", "")
	home := filepath.Join(os.Getenv("HOME"), ".ansible/collections")
	if err := errors.Join(os.MkdirAll(filepath.Dir(home), 0o755), os.Symlink(out, home)); err != nil {
		t.Fatal(err)
	}
	if err := ansible.SyntaxCheck(t.Context(), dir, "site.yml"); err != nil {
		t.Error(err)
	}
	write(t, filepath.Join(dir, "requirements.yml"), strings.ReplaceAll(pinned, "1.2.3", "1.2.4"))
	if err := ansible.SyntaxCheck(t.Context(), dir, "site.yml"); !errors.Is(err, ansible.ErrNoCollections) {
		t.Errorf("with another version than the required one: %v", err)
	}
}

func TestCollectionsThatAreNotAvailable(t *testing.T) {
	galaxy(t)
	for name, c := range map[string]struct {
		requirements, server string
		says                 []string
	}{
		"no server":   {pinned, "http://127.0.0.1:1", []string{"requirements.yml", "127.0.0.1:1", "ANSIBLE_GALAXY_SERVER", "ANSIBLE_COLLECTIONS_PATH"}},
		"no version":  {strings.ReplaceAll(pinned, "1.2.3", "9.0.0"), "", []string{"sample.tools:9.0.0"}},
		"no such one": {"collections: [sample.other]\n", "", []string{"sample.other"}},
	} {
		t.Run(name, func(t *testing.T) {
			if c.server != "" {
				t.Setenv("ANSIBLE_GALAXY_SERVER", c.server)
			}
			dir := playbook(t, c.requirements)
			err := ansible.SyntaxCheck(t.Context(), dir, "site.yml")
			if !errors.Is(err, ansible.ErrNoCollections) || progress.ExitCode(err) != progress.ExitFailed {
				t.Fatalf("got %v", err)
			}
			for _, says := range c.says {
				if !strings.Contains(err.Error(), says) {
					t.Errorf("no %q in: %v", says, err)
				}
			}
			if left, err := filepath.Glob(filepath.Join(os.Getenv("XDG_CACHE_HOME"), "gitops/collections/*")); err != nil || len(left) > 0 {
				t.Errorf("%v are left, %v", left, err)
			}
		})
	}
}

func TestRequirementsWithoutCollections(t *testing.T) {
	galaxy(t).Close()
	for name, requirements := range map[string]string{
		"empty": "", "old form": "- src: geerlingguy.docker\n", "roles": "roles:\n  - name: geerlingguy.docker\n", "no list": "collections:\n",
	} {
		t.Run(name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out")
			found, err := ansible.InstallCollections(t.Context(), playbook(t, requirements), out, nil)
			if err != nil || len(found) > 0 {
				t.Errorf("%v, %v", found, err)
			}
			if _, err := os.Stat(out); err != nil {
				t.Errorf("the folder is missing: %v", err)
			}
		})
	}
	if _, err := ansible.InstallCollections(t.Context(), playbook(t, "collections: {a: b}\n"), t.TempDir(), nil); progress.ExitCode(err) != progress.ExitInvalid {
		t.Errorf("a file that cannot be read: %v", err)
	}
}
