package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
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
		WithExec([]string{"go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", "/out/gitops", "./ci/cmd/gitops"}).
		File("/out/gitops")
}

// container returns image with the gitops command and everything that stages share.
func (m *Gitops) container(image string) *dagger.Container {
	c := dag.Container().
		From(image).
		// By number: an image without a list of users has no root.
		WithUser("0:0").
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

// withLogins returns c with the logins of the registries, for the gitops command
// and for what the engine pulls in this session.
func (m *Gitops) withLogins(ctx context.Context, c *dagger.Container) (*dagger.Container, error) {
	if len(m.Registries) == 0 {
		return c, nil
	}
	type login struct {
		Username string `json:"username"`
		Password string `json:"password"`
	}
	auths := map[string]login{}
	for _, r := range m.Registries {
		c = c.WithRegistryAuth(r.Address, r.Username, r.Password)
		password, err := r.Password.Plaintext(ctx)
		if err != nil {
			return nil, fmt.Errorf("reading the password of %s: %w", r.Address, err)
		}
		auths[r.Address] = login{r.Username, strings.TrimSpace(password)}
	}
	text, err := json.Marshal(map[string]any{"auths": auths})
	if err != nil {
		return nil, err
	}
	return c.WithSecretVariable("REGISTRY_AUTH", dag.SetSecret("gitops-registry-auth", string(text))), nil
}

// withSigning returns c with what images are signed with, and the flag for it.
func (m *Gitops) withSigning(c *dagger.Container) (*dagger.Container, []string) {
	switch {
	case m.Signing == nil:
		return c, nil
	case m.Signing.Key != nil:
		return c.WithSecretVariable("COSIGN_PRIVATE_KEY", m.Signing.Key).WithSecretVariable("COSIGN_PASSWORD", m.Signing.Password), nil
	case m.Signing.IdentityToken != nil:
		return c.WithSecretVariable("SIGSTORE_ID_TOKEN", m.Signing.IdentityToken), nil
	}
	return c.WithEnvVariable("ACTIONS_ID_TOKEN_REQUEST_URL", m.Signing.RequestURL).
		WithSecretVariable("ACTIONS_ID_TOKEN_REQUEST_TOKEN", m.Signing.RequestToken), []string{"--keyless"}
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
