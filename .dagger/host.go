package main

import (
	"context"
	"errors"
	"fmt"

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
	Hosts []string
	// +private
	Certificate *dagger.File
	// +private
	KnownHosts *dagger.File
	// +private
	Jump []string
	// +private
	JumpHostKeys []string
	// +private
	Wait string
	// +private
	Engine string
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
	// +optional
	user string,
	// Hosts, instead of outputs and address: [USER@]ADDRESS[:PORT][=HOST-KEY] each. The
	// first is the canary of a deploy.
	// +optional
	hosts []string,
	// Certificate of the login key, such as id_ed25519-cert.pub.
	// +optional
	certificate *dagger.File,
	// Host keys in the format of known_hosts, for hosts without one here.
	// +optional
	knownHosts *dagger.File,
	// Hosts that the connection goes through, [USER@]HOST[:PORT], the first hop first.
	// +optional
	jump []string,
	// Public host keys of the jump hosts, in the same order.
	// +optional
	jumpHostKeys []string,
	// How long to wait until the host is ready, such as 10m.
	// +optional
	wait string,
	// Folder of the releases on the host; deploy in the login's home by default.
	// +optional
	dir string,
	// Compose project; the base name of the folder by default.
	// +optional
	project string,
	// What runs the manifest: compose, on the host alone, or swarm, of which the host is a
	// manager.
	// +optional
	engine string,
) *Gitops {
	m.Host = &Host{SSHKey: sshKey, Outputs: outputs, Address: address, HostKey: hostKey, User: user, Hosts: hosts,
		Certificate: certificate, KnownHosts: knownHosts, Jump: jump, JumpHostKeys: jumpHostKeys, Wait: wait, Dir: dir, Project: project, Engine: engine}
	return m
}

var errNoKey = errors.New("this stage logs in to the server and has no key: set the variable that GITOPS_SSHKEY of .env names, " +
	"or give --ssh-key, or call with-host")

// onHost returns a container that can log in to the host, and the arguments of a
// stage that does. Where the host is not named here, gitops.yml does.
func (m *Gitops) onHost(ctx context.Context, c *dagger.Container, args ...string) (*dagger.Container, []string, error) {
	h := m.Host
	c, login, err := h.login(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	args = concat(args, login)
	if h.Outputs != nil {
		return c.WithFile("/gitops/outputs.json", h.Outputs), append(args, "--outputs", "/gitops/outputs.json"), nil
	}
	return c, concat(args, optional("--host", h.Address), repeated("--host", h.Hosts), optional("--host-key", h.HostKey), optional("--ssh-user", h.User)), nil
}

// login returns c with the key that logs in, and the flags that say how.
func (h *Host) login(ctx context.Context, c *dagger.Container) (*dagger.Container, []string, error) {
	there, err := exists(ctx, h.SSHKey)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the login key: %w", err)
	}
	if !there {
		return nil, nil, errNoKey
	}
	c = c.WithSecretVariable("SSH_PRIVATE_KEY", h.SSHKey)
	args := concat(optional("--host-wait", h.Wait), repeated("--jump", h.Jump), repeated("--jump-host-key", h.JumpHostKeys))
	if h.Certificate != nil {
		c = c.WithFile("/gitops/login-cert.pub", h.Certificate)
		args = append(args, "--ssh-certificate-file", "/gitops/login-cert.pub")
	}
	if h.KnownHosts != nil {
		c = c.WithFile("/gitops/known_hosts", h.KnownHosts)
		args = append(args, "--known-hosts", "/gitops/known_hosts")
	}
	return c, args, nil
}

// place returns the flags that say where releases are on the host.
func (h *Host) place() []string {
	return concat(optional("--deploy-dir", h.Dir), optional("--project", h.Project), optional("--engine", h.Engine))
}
