package main

import (
	"time"

	"gitops/.dagger/internal/dagger"
)

// workdir is where a stage finds the repository.
const workdir = "/work"

// binary returns the gitops command, built without cgo so that it runs in any image.
func (m *Gitops) binary() *dagger.File {
	return dag.Container().
		From(m.GoImage).
		WithMountedCache("/var/cache/go-mod", dag.CacheVolume("gitops-go-mod")).
		WithMountedCache("/var/cache/go-build", dag.CacheVolume("gitops-go-build")).
		WithEnvVariable("GOMODCACHE", "/var/cache/go-mod").
		WithEnvVariable("GOCACHE", "/var/cache/go-build").
		WithMountedDirectory("/src", m.Tool).
		WithWorkdir("/src").
		WithEnvVariable("CGO_ENABLED", "0").
		WithExec([]string{"go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", "/out/gitops", "./ci"}).
		File("/out/gitops")
}

// container returns image with the gitops command and everything that stages share.
func (m *Gitops) container(image string) *dagger.Container {
	c := dag.Container().
		From(image).
		WithUser("root").
		WithoutEntrypoint().
		WithFile("/usr/local/bin/gitops", m.binary(), dagger.ContainerWithFileOpts{Permissions: 0o755}).
		WithWorkdir(workdir)
	for _, v := range m.Variables {
		c = c.WithEnvVariable(v.Name, v.Value)
	}
	for _, s := range m.Secrets {
		c = c.WithSecretVariable(s.Name, s.Value)
	}
	for _, b := range m.Bindings {
		c = c.WithServiceBinding(b.Alias, b.Service)
	}
	return c
}

// on returns image with source in its working directory.
func (m *Gitops) on(image string, source *dagger.Directory) *dagger.Container {
	return m.container(image).WithDirectory(workdir, source)
}

// terraform returns the image of terraform with source. Providers are large and
// stay in a cache; one stage at a time uses it, for Terraform does not lock it.
func (m *Gitops) terraform(source *dagger.Directory) *dagger.Container {
	const plugins = "/var/cache/terraform-plugins"
	return m.on(m.TerraformImage, source).
		WithMountedCache(plugins, dag.CacheVolume("gitops-terraform-plugins"),
			dagger.ContainerWithMountedCacheOpts{Sharing: dagger.CacheSharingModeLocked}).
		WithEnvVariable("TF_PLUGIN_CACHE_DIR", plugins)
}

// effect runs gitops with args for its effect on the world. The engine would
// answer a repeated exec from its layer cache, so this one never looks the same.
func effect(c *dagger.Container, args ...string) *dagger.Container {
	return c.
		WithEnvVariable("GITOPS_CALL", now()).
		WithExec(append([]string{"gitops", "--json"}, args...))
}

// backend returns the flags that say where Terraform's state is.
func (m *Gitops) backend() []string {
	var flags []string
	for _, setting := range m.Backend {
		flags = append(flags, "--backend-config", setting)
	}
	return flags
}

// optional returns a flag with its value, or nothing when the value is empty.
func optional(flag, value string) []string {
	if value == "" {
		return nil
	}
	return []string{flag, value}
}

// concat joins argument lists.
func concat(lists ...[]string) []string {
	var all []string
	for _, list := range lists {
		all = append(all, list...)
	}
	return all
}

// now is a value that no earlier call had.
func now() string { return time.Now().Format(time.RFC3339Nano) }
