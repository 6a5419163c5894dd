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
	"errors"

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
	Backend []string
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

// NamedSecret is a secret under the name of the environment variable that holds it.
type NamedSecret struct {
	// +private
	Name string
	// +private
	Value *dagger.Secret
}

// Variable is an environment variable of every stage.
type Variable struct {
	// +private
	Name string
	// +private
	Value string
}

// Binding is a service that every stage reaches under an alias.
type Binding struct {
	// +private
	Alias string
	// +private
	Service *dagger.Service
}

// Host is the server that Terraform made and SSH reaches.
type Host struct {
	// +private
	SSHKey *dagger.Secret
	// +private
	Outputs *dagger.File
	// +private
	Address string
	// +private
	HostKey string
	// +private
	User string
}

// Registry is where images are pushed to and pulled from.
type Registry struct {
	// +private
	Address string
	// +private
	Username string
	// +private
	Password *dagger.Secret
}

// Signing is what images are signed with: a key, or an identity.
type Signing struct {
	// +private
	Key *dagger.Secret
	// +private
	Password *dagger.Secret
	// +private
	IdentityToken *dagger.Secret
	// +private
	RequestURL string
	// +private
	RequestToken *dagger.Secret
}

// Github is the repository whose comments and issues the stages write.
type Github struct {
	// +private
	Repo string
	// +private
	Token *dagger.Secret
}

// New returns the loop. Every image can be replaced, for a mirror or a fork.
func New(
	// Source of the gitops command; the module's own by default.
	// +defaultPath="."
	// +ignore=["*", "!go.mod", "!go.sum", "!ci/**"]
	tool *dagger.Directory,
	// Image with terraform.
	// +optional
	terraformImage string,
	// Image with infracost.
	// +optional
	infracostImage string,
	// Image with ansible-playbook and the collections of ansible/requirements.yml.
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
		TerraformImage: either(terraformImage, images.Terraform),
		InfracostImage: either(infracostImage, images.Infracost),
		AnsibleImage:   either(ansibleImage, images.Ansible),
		GitImage:       either(gitImage, images.Git),
		GoImage:        either(goImage, images.Go),
		CosignImage:    either(cosignImage, images.Cosign),
		SyftImage:      either(syftImage, images.Syft),
	}
}

func either(given, fallback string) string {
	if given != "" {
		return given
	}
	return fallback
}

// WithAws adds AWS credentials for Terraform.
//
// They are static keys, or the temporary ones of an assumed role.
func (m *Gitops) WithAws(
	accessKeyId *dagger.Secret,
	secretAccessKey *dagger.Secret,
	// Token that belongs to temporary credentials.
	// +optional
	sessionToken *dagger.Secret,
	// Region, for the state's backend and the provider.
	// +optional
	region string,
) *Gitops {
	m = m.WithSecret("AWS_ACCESS_KEY_ID", accessKeyId).WithSecret("AWS_SECRET_ACCESS_KEY", secretAccessKey)
	if sessionToken != nil {
		m = m.WithSecret("AWS_SESSION_TOKEN", sessionToken)
	}
	if region != "" {
		m = m.WithVariable("AWS_REGION", region)
	}
	return m
}

// WithSecret adds a secret as an environment variable of every stage.
//
// Such as TF_VAR_ssh_host_private_key.
func (m *Gitops) WithSecret(
	// Name of the environment variable.
	name string,
	value *dagger.Secret,
) *Gitops {
	m.Secrets = append(m.Secrets, &NamedSecret{Name: name, Value: value})
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

// WithBackendConfig adds a setting of the Terraform state's backend.
func (m *Gitops) WithBackendConfig(
	// Setting of the form key=value, such as bucket=my-state.
	setting string,
) *Gitops {
	m.Backend = append(m.Backend, setting)
	return m
}

// WithService makes a service reachable by every stage.
//
// Such as a private registry or a stand-in.
func (m *Gitops) WithService(
	// Host name under which stages reach the service.
	alias string,
	service *dagger.Service,
) *Gitops {
	m.Bindings = append(m.Bindings, &Binding{Alias: alias, Service: service})
	return m
}

// WithHost says how to log in to the server.
//
// It is reached by Terraform's outputs, or by its address and host key: nothing
// connects to a host whose key is not known.
func (m *Gitops) WithHost(
	// Private key of the login.
	sshKey *dagger.Secret,
	// Terraform's outputs as JSON: static_ip, ssh_user, ssh_host_public_key.
	// +optional
	outputs *dagger.File,
	// Address, instead of outputs.
	// +optional
	address string,
	// Public host key such as "ssh-ed25519 AAAA…", instead of outputs.
	// +optional
	hostKey string,
	// Login, instead of outputs.
	// +default="ubuntu"
	user string,
) *Gitops {
	m.Host = &Host{SSHKey: sshKey, Outputs: outputs, Address: address, HostKey: hostKey, User: user}
	return m
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

// WithSigningKey signs the images that are published with a cosign key.
func (m *Gitops) WithSigningKey(
	// Private key, as cosign generate-key-pair makes it.
	key *dagger.Secret,
	// Password of the key.
	password *dagger.Secret,
) *Gitops {
	m.Signing = &Signing{Key: key, Password: password}
	return m
}

// WithSigningIdentity signs the images that are published without a key.
//
// Sigstore certifies the identity in a token, and its public log gets an entry
// with the name of each image. The token is given, or asked for when it is needed:
// by a workflow of GitHub Actions with the permission id-token: write.
func (m *Gitops) WithSigningIdentity(
	// OpenID Connect token for the audience sigstore. It lasts minutes.
	// +optional
	token *dagger.Secret,
	// ACTIONS_ID_TOKEN_REQUEST_URL of the workflow, instead of a token.
	// +optional
	requestUrl string,
	// ACTIONS_ID_TOKEN_REQUEST_TOKEN of the workflow.
	// +optional
	requestToken *dagger.Secret,
) (*Gitops, error) {
	if (token == nil) == (requestUrl == "" || requestToken == nil) {
		return nil, errors.New("an identity is a token, or where a workflow asks for one: give token, or request-url and request-token")
	}
	m.Signing = &Signing{IdentityToken: token, RequestURL: requestUrl, RequestToken: requestToken}
	return m, nil
}

// WithGithub says where reviews are written and drift is told.
func (m *Gitops) WithGithub(
	// Repository, owner/name.
	repo string,
	// Token with the permissions of the stage: pull-requests write for review,
	// pull-requests read for provision, issues write for drift.
	token *dagger.Secret,
) *Gitops {
	m.Github = &Github{Repo: repo, Token: token}
	return m
}
