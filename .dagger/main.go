// Gitops runs a small team's GitOps loop: Terraform, Ansible, images under the
// git SHA, a robot that writes them into the compose manifest, a deploy over SSH.
//
// Each stage of the loop is one function, and the finer steps that other
// modules want to reuse (plan, cost, apply, configure, publish, bump) are
// functions too. A stage runs the gitops command in the pinned official image of
// its tool; what a stage does is written in the package ci, and the same binary
// runs on a laptop.
//
// Settings come from gitops.yml in the caller's repository, credentials from the
// arguments of the constructor: an .env there names them once for a laptop and for
// GitHub Actions. The functions with-… are for other modules.
//
// The module does not manage Kubernetes, several clouds at once, or secrets
// stores: secrets come in as Dagger secrets.
package main

import (
	"strings"

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
	Defaults *Defaults
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

// Defaults are what functions use where their own arguments are not given.
type Defaults struct {
	// +private
	InfracostApiKey *dagger.Secret
	// +private
	GitToken *dagger.Secret
	// +private
	Variables *dagger.Secret
	// +private
	ExtraVars *dagger.Secret
	// +private
	Actor string
}

// New returns the loop with its credentials, all of them optional.
//
// A stage that needs one which is not there says so. An environment variable that is
// named as env:NAME and is not set, or is empty, counts as not given.
func New(
	// AWS credentials of the stages that run Terraform: static keys, or the temporary ones
	// of an assumed role.
	// +optional
	awsAccessKeyId *dagger.Secret,
	// +optional
	awsSecretAccessKey *dagger.Secret,
	// Token that belongs to temporary credentials.
	// +optional
	awsSessionToken *dagger.Secret,
	// Private host key of the server: Terraform's variable ssh_host_private_key.
	// +optional
	hostPrivateKey *dagger.Secret,
	// Key of Infracost's price service.
	// +optional
	infracostApiKey *dagger.Secret,
	// Private key that logs in to the server.
	// +optional
	sshKey *dagger.Secret,
	// Address of the server; host.address of gitops.yml by default.
	// +optional
	address string,
	// Public host key of the server; host.key of gitops.yml by default.
	// +optional
	hostKey string,
	// YAML file of variables for the playbook, secrets among them.
	// +optional
	extraVars *dagger.Secret,
	// NAME=value lines for the manifest's variables.
	// +optional
	variables *dagger.Secret,
	// Who deploys, for the lock and the receipt.
	// +optional
	actor string,
	// Registry of the images; with-registry adds others.
	// +default="docker.io"
	registryAddress string,
	// +optional
	registryUsername string,
	// Password or token of that user.
	// +optional
	registryPassword *dagger.Secret,
	// Private key of cosign that signs the images which are published.
	// +optional
	signingKey *dagger.Secret,
	// Password of the signing key.
	// +optional
	signingPassword *dagger.Secret,
	// Token with which the robot pushes over https.
	// +optional
	gitToken *dagger.Secret,
	// Token for comments and issues.
	// +optional
	githubToken *dagger.Secret,
	// Key that signs reviews: with it apply believes only those that were made with it.
	// +optional
	reviewKey *dagger.Secret,
	// Repository on GitHub, owner/name.
	// +optional
	githubRepo string,
	// Address of GitHub, such as https://github.com.
	// +optional
	githubServer string,
	// Root of GitHub's API, for an Enterprise Server.
	// +optional
	githubApi string,
	// GITHUB_WORKFLOW_REF, for the provenance of images.
	// +optional
	workflow string,
	// GITHUB_RUN_ID, for the provenance of images and for links to the run.
	// +optional
	run string,
	// GITHUB_RUN_ATTEMPT, for the provenance of images.
	// +optional
	attempt string,
	// Environment variables of every stage, NAME=value, as with-variable.
	// +optional
	environment []string,
	// Certificate authorities that stages trust beside the image's, as with-authority.
	// +optional
	authority *dagger.File,
	// Source of the gitops command; the module's own by default.
	// +optional
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
	if tool == nil {
		// Not a default path: under a toolchain that is the caller's repository.
		tool = dag.CurrentModule().Source().Directory("..")
	}
	m := &Gitops{
		Tool:           tool,
		Authority:      authority,
		Layout:         &Layout{},
		Terraform:      &Terraform{},
		Host:           &Host{SSHKey: sshKey, Address: address, HostKey: hostKey},
		Signing:        &Signing{Key: signingKey, Password: signingPassword},
		Github:         &Github{Repo: githubRepo, Token: githubToken, ReviewKey: reviewKey, Server: githubServer, Workflow: workflow, Run: run, Attempt: attempt},
		Registries:     []*Registry{{Address: registryAddress, Username: registryUsername, Password: registryPassword}},
		Defaults:       &Defaults{InfracostApiKey: infracostApiKey, GitToken: gitToken, Variables: variables, ExtraVars: extraVars, Actor: actor},
		TerraformImage: either(terraformImage, images.Terraform),
		InfracostImage: either(infracostImage, images.Infracost),
		AnsibleImage:   either(ansibleImage, images.Ansible),
		GitImage:       either(gitImage, images.Git),
		GoImage:        either(goImage, images.Go),
		CosignImage:    either(cosignImage, images.Cosign),
		SyftImage:      either(syftImage, images.Syft),
	}
	if githubApi != "" {
		environment = append(environment, "GITHUB_API_URL="+githubApi)
	}
	for _, variable := range environment {
		name, value, _ := strings.Cut(variable, "=")
		m = m.WithVariable(name, value)
	}
	return m.withDefault("AWS_ACCESS_KEY_ID", awsAccessKeyId).withDefault("AWS_SECRET_ACCESS_KEY", awsSecretAccessKey).
		withDefault("AWS_SESSION_TOKEN", awsSessionToken).withDefault("TF_VAR_ssh_host_private_key", hostPrivateKey)
}
