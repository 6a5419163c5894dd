package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"gitops/.dagger/internal/dagger"
)

// Registry is where images are pushed to and pulled from.
type Registry struct {
	// +private
	Address string
	// +private
	Username string
	// +private
	Password *dagger.Secret
}

// WithRegistry adds the login of a registry that images go to or come from.
//
// Docker Hub, GHCR, ECR (user AWS, password of aws ecr get-login-password) and any
// other OCI registry; once for each.
func (m *Gitops) WithRegistry(
	username string,
	// Password or token of that user.
	password *dagger.Secret,
	// Host name of the registry, with its port if it has one.
	// +default="docker.io"
	address string,
) *Gitops {
	m.Registries = append(m.Registries, &Registry{Address: address, Username: username, Password: password})
	return m
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

// verifyPlainHTTP returns the flag for registries with a login that are among the
// services, which speak no TLS.
func (m *Gitops) verifyPlainHTTP() []string {
	for _, r := range m.Registries {
		if m.bound(r.Address) {
			return []string{"--verify-plain-http"}
		}
	}
	return nil
}
