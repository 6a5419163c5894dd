package main

import (
	"context"
	"time"

	"gitops/.dagger/internal/dagger"
)

// workdir is where a stage finds the repository.
const workdir = "/work"

// binary returns a command of the repository, built without cgo so that it runs in
// any image.
func (m *Gitops) binary(name string) *dagger.File {
	return dag.Container().
		From(m.GoImage).
		WithMountedCache("/var/cache/go-mod", dag.CacheVolume("gitops-go-mod")).
		WithMountedCache("/var/cache/go-build", dag.CacheVolume("gitops-go-build")).
		WithEnvVariable("GOMODCACHE", "/var/cache/go-mod").
		WithEnvVariable("GOCACHE", "/var/cache/go-build").
		WithDirectory("/src", m.Tool, dagger.ContainerWithDirectoryOpts{
			Include: []string{"go.mod", "go.sum", "ci/**"}, Exclude: []string{"ci/**/*_test.go", "ci/**/testdata"},
		}).
		WithWorkdir("/src").
		WithEnvVariable("CGO_ENABLED", "0").
		WithExec([]string{"go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", "/out/" + name, "./ci/cmd/" + name}).
		File("/out/" + name)
}

// container returns image with the gitops command and what a stage uses.
func (m *Gitops) container(ctx context.Context, image, stage string) (*dagger.Container, error) {
	c := m.trust(m.plain(image)).WithFile("/usr/local/bin/gitops", m.binary("gitops"), dagger.ContainerWithFileOpts{Permissions: 0o755})
	return m.environment(ctx, c, stage)
}

// plain returns image with the services, without the gitops command.
func (m *Gitops) plain(image string) *dagger.Container {
	c := dag.Container().
		From(image).
		// By number: an image without a list of users has no root.
		WithUser("0:0").
		WithoutEntrypoint().
		WithWorkdir(workdir)
	for _, b := range m.Bindings {
		c = c.WithServiceBinding(b.Alias, b.Service)
	}
	return c
}

// on returns image with source in its working directory, for a stage.
func (m *Gitops) on(ctx context.Context, image string, source *dagger.Directory, stage string) (*dagger.Container, error) {
	c, err := m.container(ctx, image, stage)
	if err != nil {
		return nil, err
	}
	return c.WithDirectory(workdir, source), nil
}

// effect runs gitops with args for its effect on the world. The engine would
// answer a repeated exec from its layer cache, so this one never looks the same.
func effect(c *dagger.Container, args ...string) *dagger.Container {
	return c.
		WithEnvVariable("GITOPS_CALL", now()).
		WithExec(append([]string{"gitops", "--json"}, args...))
}

// optional returns a flag with its value, or nothing when the value is empty.
func optional(flag, value string) []string {
	if value == "" {
		return nil
	}
	return []string{flag, value}
}

// repeated returns a flag once for each value.
func repeated(flag string, values []string) []string {
	var flags []string
	for _, value := range values {
		flags = append(flags, flag, value)
	}
	return flags
}

// given returns a flag, or nothing.
func given(flag string, yes bool) []string {
	if !yes {
		return nil
	}
	return []string{flag}
}

// either returns what was asked for, or fallback when it is empty.
func either(asked, fallback string) string {
	if asked != "" {
		return asked
	}
	return fallback
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
