// Gitops runs a small team's GitOps loop: Terraform, Ansible, images under the
// git SHA, a robot that writes them into the compose manifest, a deploy over SSH.
//
// Each stage of the loop is one function, and the finer steps that other
// modules want to reuse (plan, cost, apply, configure, publish, bump) are
// functions too. A stage runs the gitops command in the pinned official image of
// its tool; what a stage does is written in the package ci, and the same binary
// runs on a laptop.
//
// The module does not manage Kubernetes, several clouds at once, or secrets
// stores: secrets come in as Dagger secrets, by with-aws and with-secret.
package main

import (
	"gitops/.dagger/internal/dagger"
	"gitops/ci/images"
)

// Gitops is the loop with the credentials, services and images that its stages use.
type Gitops struct {
	// +private
	Tool *dagger.Directory
	// +private
	Secrets []*NamedSecret
	// +private
	Variables []*Variable
	// +private
	Bindings []*Binding
	// +private
	Authority *dagger.File
	// +private
	Layout *Layout
	// +private
	Terraform *Terraform
	// +private
	Host *Host
	// +private
	Registries []*Registry
	// +private
	Signing *Signing
	// +private
	Github *Github
	// +private
	Robot *Robot
	// +private
	TerraformImage string
	// +private
	InfracostImage string
	// +private
	AnsibleImage string
	// +private
	GitImage string
	// +private
	GoImage string
	// +private
	CosignImage string
	// +private
	SyftImage string
}

// New returns the loop. Every image can be replaced, for a mirror or a fork.
func New(
	// Source of the gitops command; the module's own by default.
	// +defaultPath="."
	// +ignore=["*", "!go.mod", "!go.sum", "!ci/**", "ci/**/*_test.go", "ci/**/testdata"]
	tool *dagger.Directory,
	// Image with terraform.
	// +optional
	terraformImage string,
	// Image with infracost.
	// +optional
	infracostImage string,
	// Image with ansible-playbook.
	// +optional
	ansibleImage string,
	// Image with git.
	// +optional
	gitImage string,
	// Image with go, which builds the gitops command.
	// +optional
	goImage string,
	// Image with cosign, which signs and verifies.
	// +optional
	cosignImage string,
	// Image with syft, which lists what is in an image.
	// +optional
	syftImage string,
) *Gitops {
	return &Gitops{
		Tool:           tool,
		Layout:         &Layout{},
		Terraform:      &Terraform{},
		TerraformImage: either(terraformImage, images.Terraform),
		InfracostImage: either(infracostImage, images.Infracost),
		AnsibleImage:   either(ansibleImage, images.Ansible),
		GitImage:       either(gitImage, images.Git),
		GoImage:        either(goImage, images.Go),
		CosignImage:    either(cosignImage, images.Cosign),
		SyftImage:      either(syftImage, images.Syft),
	}
}
