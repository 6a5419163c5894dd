package main

import (
	"context"

	"gitops/.dagger/internal/dagger"
)

// Terraform is how Terraform is called.
type Terraform struct {
	// +private
	Backend []string
	// +private
	Workspace string
	// +private
	VarFiles []string
	// +private
	LockTimeout string
}

// WithTerraform says with which workspace and variables Terraform is called.
func (m *Gitops) WithTerraform(
	// Workspace to select.
	// +optional
	workspace string,
	// Files of variables, by their paths in the repository.
	// +optional
	varFiles []string,
	// How long to wait for the state's lock, such as 5m.
	// +optional
	lockTimeout string,
) *Gitops {
	m.Terraform.Workspace, m.Terraform.VarFiles, m.Terraform.LockTimeout = workspace, varFiles, lockTimeout
	return m
}

// WithBackendConfig adds a setting of the Terraform state's backend.
func (m *Gitops) WithBackendConfig(
	// Setting of the form key=value, such as bucket=my-state.
	setting string,
) *Gitops {
	m.Terraform.Backend = append(m.Terraform.Backend, setting)
	return m
}

// terraform returns the image of terraform with source, for a stage. Providers are
// large and stay in a cache; one stage at a time uses it, since Terraform does not
// lock it.
func (m *Gitops) terraform(ctx context.Context, source *dagger.Directory, stage string) (*dagger.Container, error) {
	const plugins = "/var/cache/terraform-plugins"
	c, err := m.on(ctx, m.TerraformImage, source, stage)
	if err != nil {
		return nil, err
	}
	return c.WithMountedCache(plugins, dag.CacheVolume("gitops-terraform-plugins"),
		dagger.ContainerWithMountedCacheOpts{Sharing: dagger.CacheSharingModeLocked}).
		WithEnvVariable("TF_PLUGIN_CACHE_DIR", plugins), nil
}

// terraformFlags returns the flags of a stage that runs Terraform.
func (m *Gitops) terraformFlags() []string {
	t := m.Terraform
	return concat(m.Layout.terraformDir(), optional("--workspace", t.Workspace), optional("--lock-timeout", t.LockTimeout),
		repeated("--var-file", t.VarFiles), repeated("--backend-config", t.Backend))
}
