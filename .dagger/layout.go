package main

// Layout is where the repository has what, when its gitops.yml does not say.
type Layout struct {
	// +private
	Terraform string
	// +private
	Ansible string
	// +private
	Playbook string
	// +private
	Manifest string
	// +private
	Workflows string
}

// WithLayout says where the repository has what, instead of its gitops.yml.
func (m *Gitops) WithLayout(
	// Folder of the Terraform configuration.
	// +optional
	terraform string,
	// Folder of the playbook.
	// +optional
	ansible string,
	// Playbook, relative to its folder.
	// +optional
	playbook string,
	// The compose manifest, for validate and drift; the other functions have an argument.
	// +optional
	manifest string,
	// Folder of the GitHub Actions workflows.
	// +optional
	workflows string,
) *Gitops {
	m.Layout = &Layout{Terraform: terraform, Ansible: ansible, Playbook: playbook, Manifest: manifest, Workflows: workflows}
	return m
}

// manifest returns the flag for the compose manifest.
func (l *Layout) manifest() []string { return optional("--manifest", l.Manifest) }

// terraformDir returns the flag for the folder of Terraform.
func (l *Layout) terraformDir() []string { return optional("--terraform-dir", l.Terraform) }

// playbook returns the flags for the playbook.
func (l *Layout) playbook() []string {
	return concat(optional("--ansible-dir", l.Ansible), optional("--playbook", l.Playbook))
}
