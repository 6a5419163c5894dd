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
	type login struct {
		Username string `json:"username"`
		Password string `json:"password"`
	}
	auths := map[string]login{}
	for _, r := range m.Registries {
		if there, err := r.hasLogin(ctx); !there {
			if err != nil {
				return nil, fmt.Errorf("reading the password of %s: %w", r.Address, err)
			}
			continue
		}
		c = c.WithRegistryAuth(r.Address, r.Username, r.Password)
		password, err := r.Password.Plaintext(ctx)
		if err != nil {
			return nil, fmt.Errorf("reading the password of %s: %w", r.Address, err)
		}
		auths[r.Address] = login{r.Username, strings.TrimSpace(password)}
	}
	if len(auths) == 0 {
		return c, nil
	}
	text, err := json.Marshal(map[string]any{"auths": auths})
	if err != nil {
		return nil, err
	}
	return c.WithSecretVariable("REGISTRY_AUTH", dag.SetSecret("gitops-registry-auth", string(text))), nil
}

// hasLogin reports whether there is a user with a password.
func (r *Registry) hasLogin(ctx context.Context) (bool, error) {
	if r.Username == "" {
		return false, nil
	}
	return exists(ctx, r.Password)
}
