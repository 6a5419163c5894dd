package main

import (
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
	m.Secrets = append(m.Secrets, &NamedSecret{Name: name, Value: value, Stages: stages})
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
func (m *Gitops) environment(c *dagger.Container, stage string) *dagger.Container {
	var public, secrets []string
	for _, v := range m.Variables {
		c, public = c.WithEnvVariable(v.Name, v.Value), append(public, v.Name)
	}
	for _, s := range m.Secrets {
		if slices.Contains(s.Stages, stage) {
			c, secrets = c.WithSecretVariable(s.Name, s.Value), append(secrets, s.Name)
		}
	}
	names := strings.Join(slices.Concat(public, secrets), ",")
	switch {
	case names == "":
		return c
	case slices.Contains(terraformStages, stage):
		c = c.WithEnvVariable("GITOPS_TERRAFORM_ENV", names)
	case stage == "configure":
		c = c.WithEnvVariable("GITOPS_ANSIBLE_ENV", names)
	}
	// The command takes the values of secrets out of all that it prints and writes,
	// whatever their names are, and leaves the others in.
	return c.WithEnvVariable("GITOPS_SECRETS", strings.Join(secrets, ",")).
		WithEnvVariable("GITOPS_PUBLIC", strings.Join(public, ","))
}
