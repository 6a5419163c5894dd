package main

import (
	"context"
	"fmt"

	"gitops/.dagger/internal/dagger"
)

// Configure waits for the host and runs the playbook on it.
//
// It needs with-host, and returns what changed.
//
// +cache="never"
func (m *Gitops) Configure(
	ctx context.Context,
	// Repository with the folder ansible; the caller's by default.
	// +optional
	// +ignore=["**/.git", "**/node_modules", "**/.terraform"]
	source *dagger.Directory,
	// The caller's repository, which the engine fills in.
	// +optional
	workspace *dagger.Workspace,
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
	source, err := repository(source, workspace)
	if err != nil {
		return "", err
	}
	c, err := m.ansible(ctx, source, "configure")
	if err != nil {
		return "", err
	}
	c, args, err := m.onHost(ctx, c, concat([]string{"configure"}, given("--check", check))...)
	if err != nil {
		return "", err
	}
	c, args, err = m.playbook(ctx, c, args, tags, extraVars)
	if err != nil {
		return "", err
	}
	return effect(c, args...).Stdout(ctx)
}

// collections is where Ansible's container has the collections of requirements.yml.
const collections = "/gitops/collections"

// ansible returns Ansible's image with source, for a stage, and with the collections
// of the playbook: a layer that differs with requirements.yml and the gitops command.
func (m *Gitops) ansible(ctx context.Context, source *dagger.Directory, stage string) (*dagger.Container, error) {
	installer, err := m.container(ctx, m.AnsibleImage, "collections")
	if err != nil {
		return nil, err
	}
	if installer, err = fromSource(ctx, installer, source); err != nil {
		return nil, err
	}
	requirements := dagger.ContainerWithDirectoryOpts{Include: []string{"**/requirements.yml"}}
	installed := installer.WithDirectory(workdir, source, requirements).
		WithExec(concat([]string{"gitops", "collections", "--out", collections}, optional("--ansible-dir", m.Layout.Ansible))).
		Directory(collections)
	c, err := m.on(ctx, m.AnsibleImage, source, stage)
	if err != nil {
		return nil, err
	}
	return c.WithDirectory(collections, installed).
		// Before those that the image has.
		WithEnvVariable("ANSIBLE_COLLECTIONS_PATH", collections+":~/.ansible/collections:/usr/share/ansible/collections"), nil
}

// playbook adds what the playbook is told.
func (m *Gitops) playbook(ctx context.Context, c *dagger.Container, args, tags []string, extraVars *dagger.Secret) (*dagger.Container, []string, error) {
	args = concat(args, m.Layout.playbook(), repeated("--tags", tags))
	extraVars, err := orDefault(ctx, extraVars, m.Defaults.ExtraVars)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the playbook's variables: %w", err)
	}
	if extraVars == nil {
		return c, args, nil
	}
	return c.WithMountedSecret("/gitops/extra-vars.yml", extraVars), append(args, "--extra-vars-file", "/gitops/extra-vars.yml"), nil
}

// Provision applies the reviewed plan, then configures the host.
//
// The host is the one that Terraform puts out; the login key is that of with-host.
//
// +cache="never"
func (m *Gitops) Provision(
	ctx context.Context,
	// Repository with the folders terraform and ansible; the caller's by default.
	// +optional
	// +ignore=["**/.git", "**/node_modules", "**/.terraform"]
	source *dagger.Directory,
	// The caller's repository, which the engine fills in.
	// +optional
	workspace *dagger.Workspace,
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
	source, err := repository(source, workspace)
	if err != nil {
		return "", err
	}
	// The playbook runs in another image than Terraform. A missing key is an error before
	// anything is applied.
	c, err := m.ansible(ctx, source, "configure")
	if err != nil {
		return "", err
	}
	c, login, err := m.Host.login(ctx, c)
	if err != nil {
		return "", err
	}
	c, args, err := m.playbook(ctx, c, concat([]string{"provision", "--applied", "/gitops/applied.json"}, login), tags, extraVars)
	if err != nil {
		return "", err
	}
	applied, err := m.Apply(ctx, source, nil, reviewed, commit, acceptUnreviewed)
	if err != nil {
		return "", err
	}
	return effect(c.WithNewFile("/gitops/applied.json", applied), args...).Stdout(ctx)
}
