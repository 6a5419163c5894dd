package main

import (
	"context"

	"gitops/.dagger/internal/dagger"
)

// Configure waits for the host and runs the playbook on it.
//
// It needs with-host, and returns what changed.
//
// +cache="never"
func (m *Gitops) Configure(
	ctx context.Context,
	// Repository with the folder ansible.
	// +defaultPath="/"
	// +ignore=["**/.git", "**/node_modules", "**/.terraform"]
	source *dagger.Directory,
	// Tags of the playbook to run.
	// +optional
	tags []string,
	// YAML file of variables for the playbook, secrets among them.
	// +optional
	extraVars *dagger.Secret,
	// Only tell what would change.
	// +optional
	check bool,
) (string, error) {
	c, args, err := m.onHost(m.ansible(source, "configure"), "configure")
	if err != nil {
		return "", err
	}
	if check {
		args = append(args, "--check")
	}
	c, args = m.playbook(c, args, tags, extraVars)
	return effect(c, args...).Stdout(ctx)
}

// collections is where Ansible's container has the collections of requirements.yml.
const collections = "/gitops/collections"

// ansible returns Ansible's image with source, for a stage, and with the collections
// of the playbook: a layer that differs with requirements.yml and the gitops command.
func (m *Gitops) ansible(source *dagger.Directory, stage string) *dagger.Container {
	dir := either(m.Layout.Ansible, "ansible")
	installed := m.container(m.AnsibleImage, "collections").
		WithDirectory(dir, source.Directory(dir), dagger.ContainerWithDirectoryOpts{Include: []string{"requirements.yml"}}).
		WithExec([]string{"gitops", "collections", "--ansible-dir", dir, "--out", collections}).
		Directory(collections)
	return m.on(m.AnsibleImage, source, stage).
		WithDirectory(collections, installed).
		// Before those that the image has.
		WithEnvVariable("ANSIBLE_COLLECTIONS_PATH", collections+":~/.ansible/collections:/usr/share/ansible/collections")
}

// playbook adds what the playbook is told.
func (m *Gitops) playbook(c *dagger.Container, args, tags []string, extraVars *dagger.Secret) (*dagger.Container, []string) {
	args = concat(args, m.Layout.playbook(), repeated("--tags", tags))
	if extraVars == nil {
		return c, args
	}
	return c.WithMountedSecret("/gitops/extra-vars.yml", extraVars), append(args, "--extra-vars-file", "/gitops/extra-vars.yml")
}

// Provision applies the reviewed plan, then configures the host.
//
// The host is the one that Terraform puts out; the login key is that of with-host.
//
// +cache="never"
func (m *Gitops) Provision(
	ctx context.Context,
	// Repository with the folders terraform and ansible.
	// +defaultPath="/"
	// +ignore=["**/.git", "**/node_modules", "**/.terraform"]
	source *dagger.Directory,
	// Fingerprint that was reviewed, instead of looking it up on GitHub.
	// +optional
	reviewed string,
	// Full SHA of the merged commit, by which the pull request is found.
	// +optional
	commit string,
	// Apply although nobody reviewed the plan.
	// +optional
	acceptUnreviewed bool,
	// Tags of the playbook to run.
	// +optional
	tags []string,
	// YAML file of variables for the playbook, secrets among them.
	// +optional
	extraVars *dagger.Secret,
) (string, error) {
	if m.Host == nil {
		return "", errNoHost
	}
	applied, err := m.Apply(ctx, source, reviewed, commit, acceptUnreviewed)
	if err != nil {
		return "", err
	}
	// The playbook runs in another image than Terraform.
	c := m.ansible(source, "configure").
		WithSecretVariable("SSH_PRIVATE_KEY", m.Host.SSHKey).
		WithNewFile("/gitops/applied.json", applied)
	c, args := m.playbook(c, concat([]string{"provision", "--applied", "/gitops/applied.json"}, optional("--host-wait", m.Host.Wait)), tags, extraVars)
	return effect(c, args...).Stdout(ctx)
}
