package ansible_test

import (
	"path/filepath"
	"testing"

	"gitops/ci/ansible"
	"gitops/ci/lab/envtest"
)

func TestAnsibleGetsWhatItNeeds(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "site.yml"), "")
	o := ansible.Options{Dir: dir, Playbook: "site.yml", Inventory: write(t, filepath.Join(dir, "hosts"), ""), KnownHosts: []byte("host ssh-ed25519 AAAA\n")}
	for name, c := range map[string]struct {
		run  func() error
		want []string
	}{
		"run":          {func() error { _, err := ansible.Run(t.Context(), o); return err }, nil},
		"syntax check": {func() error { return ansible.SyntaxCheck(t.Context(), dir, "site.yml") }, nil},
		"roles of a user": {func() error {
			theirs := o
			theirs.Pass = []string{"NPM_TOKEN"}
			_, err := ansible.Run(t.Context(), theirs)
			return err
		}, []string{"NPM_TOKEN"}},
	} {
		t.Run(name, func(t *testing.T) {
			tool := envtest.New(t, "ansible-playbook", "")
			if c.run() == nil {
				t.Error("the program in Ansible's place fails, and this does not")
			}
			tool.Got(t, append(c.want, "GRAFANA_ADMIN_PASSWORD")...)
		})
	}
}

// ansible-galaxy gets no secret of a role.
func TestAnsibleGalaxyGetsWhatItNeeds(t *testing.T) {
	needAnsible(t)
	dir := playbook(t, pinned)
	tool := envtest.New(t, "ansible-galaxy", "")
	if _, err := ansible.InstallCollections(t.Context(), dir, t.TempDir(), nil); err == nil {
		t.Error("the program in Ansible's place fails, and this does not")
	}
	tool.Got(t)
}
