package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"gitops/.dagger/internal/dagger"
)

// NamedSecret is a secret under the name of the environment variable that holds it.
type NamedSecret struct {
	// +private
	Name string
	// +private
	Value *dagger.Secret
	// +private
	Stages []string
	// Optional leaves it out where it has no value.
	// +private
	Optional bool
}

// Variable is an environment variable of every stage.
type Variable struct {
	// +private
	Name string
	// +private
	Value string
}

// terraformStages are the stages that run Terraform.
var terraformStages = []string{"plan", "apply", "outputs", "drift"}

// WithSecret adds a secret as an environment variable of the stages that use it.
//
// Such as TF_VAR_ssh_host_private_key. Stages that are not named do not see it.
func (m *Gitops) WithSecret(
	// Name of the environment variable.
	name string,
	value *dagger.Secret,
	// Stages that see it: validate, plan, cost, review, apply, outputs, collections,
	// configure, publish, release, bump, deploy, rollback, status, unlock, drift. By default those
	// that run Terraform: plan, apply, outputs, drift. Provision is apply and configure.
	// +optional
	stages []string,
) *Gitops {
	if len(stages) == 0 {
		stages = terraformStages
	}
	m.Secrets = slices.DeleteFunc(m.Secrets, func(s *NamedSecret) bool { return s.Name == name && s.Optional })
	m.Secrets = append(m.Secrets, &NamedSecret{Name: name, Value: value, Stages: stages})
	return m
}

// withDefault adds a secret of the stages that run Terraform, which may have no value.
func (m *Gitops) withDefault(name string, value *dagger.Secret) *Gitops {
	if value != nil {
		m.Secrets = append(m.Secrets, &NamedSecret{Name: name, Value: value, Stages: terraformStages, Optional: true})
	}
	return m
}

// WithVariable adds an environment variable to every stage.
//
// Such as TF_VAR_region. Its value is no secret.
func (m *Gitops) WithVariable(
	// Name of the environment variable.
	name string,
	value string,
) *Gitops {
	m.Variables = append(m.Variables, &Variable{Name: name, Value: value})
	return m
}

// environment returns c with the variables and with the secrets of a stage. Its tool
// gets them too, also those that it would not get by their names.
func (m *Gitops) environment(ctx context.Context, c *dagger.Container, stage string) (*dagger.Container, error) {
	var public, secrets []string
	for _, v := range m.Variables {
		c, public = c.WithEnvVariable(v.Name, v.Value), append(public, v.Name)
	}
	for _, s := range m.Secrets {
		used := slices.Contains(s.Stages, stage)
		if used && s.Optional {
			var err error
			if used, err = exists(ctx, s.Value); err != nil {
				return nil, fmt.Errorf("reading the secret %s: %w", s.Name, err)
			}
		}
		if used {
			c, secrets = c.WithSecretVariable(s.Name, s.Value), append(secrets, s.Name)
		}
	}
	names := strings.Join(slices.Concat(public, secrets), ",")
	switch {
	case names == "":
		return c, nil
	case slices.Contains(terraformStages, stage):
		c = c.WithEnvVariable("GITOPS_TERRAFORM_ENV", names)
	case stage == "configure":
		c = c.WithEnvVariable("GITOPS_ANSIBLE_ENV", names)
	}
	// The command takes the values of secrets out of all that it prints and writes,
	// whatever their names are, and leaves the others in.
	return c.WithEnvVariable("GITOPS_SECRETS", strings.Join(secrets, ",")).
		WithEnvVariable("GITOPS_PUBLIC", strings.Join(public, ",")), nil
}
