package main

import (
	"errors"

	"gitops/.dagger/internal/dagger"
)

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
	// +private
	Wait string
	// +private
	Dir string
	// +private
	Project string
}

// WithHost says how to log in to the server, and where releases are there.
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
	// How long to wait until the host is ready, such as 10m.
	// +optional
	wait string,
	// Folder of the releases on the host; deploy in the login's home by default.
	// +optional
	dir string,
	// Compose project; the base name of the folder by default.
	// +optional
	project string,
) *Gitops {
	m.Host = &Host{SSHKey: sshKey, Outputs: outputs, Address: address, HostKey: hostKey, User: user, Wait: wait, Dir: dir, Project: project}
	return m
}

var errNoHost = errors.New("this stage logs in to the host: call with-host first")

// onHost returns a container that can log in to the host, and the arguments of a
// stage that does.
func (m *Gitops) onHost(c *dagger.Container, args ...string) (*dagger.Container, []string, error) {
	h := m.Host
	if h == nil {
		return nil, nil, errNoHost
	}
	c = c.WithSecretVariable("SSH_PRIVATE_KEY", h.SSHKey)
	args = concat(args, optional("--host-wait", h.Wait))
	if h.Outputs != nil {
		return c.WithFile("/gitops/outputs.json", h.Outputs), append(args, "--outputs", "/gitops/outputs.json"), nil
	}
	return c, append(args, "--host", h.Address, "--host-key", h.HostKey, "--ssh-user", h.User), nil
}

// place returns the flags that say where releases are on the host.
func (h *Host) place() []string {
	return concat(optional("--deploy-dir", h.Dir), optional("--project", h.Project))
}
