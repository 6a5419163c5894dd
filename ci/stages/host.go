package stages

import (
	"context"
	"os"
	"strings"
	"time"

	"gitops/ci/host"
	"gitops/ci/infra"
	"gitops/ci/progress"
	"gitops/ci/secret"
)

// DefaultHostWait is how long a stage waits for a host: a new EC2 instance boots
// and runs cloud-init in one to three minutes.
const DefaultHostWait = 5 * time.Minute

// HostOptions say how a stage reaches the host: by Terraform's outputs, or by an
// address with its host key.
type HostOptions struct {
	// Outputs is a file with Terraform's outputs as JSON: static_ip, ssh_user and
	// ssh_host_public_key.
	Outputs string `json:"outputs,omitempty"`
	// Address, HostKey and User name the host instead of Outputs. HostKey is a line
	// such as "ssh-ed25519 AAAA…".
	Address string `json:"address,omitempty"`
	HostKey string `json:"host_key,omitempty"`
	User    string `json:"user,omitempty"`
	// Key is the private key that logs in, in PEM.
	Key secret.Value `json:"-"`
	// Wait is how long to wait until the host is ready.
	Wait time.Duration `json:"wait,omitempty"`
}

func (h HostOptions) isNamed() bool { return h.Outputs != "" || h.Address != "" }

// resolve returns the host as Terraform's outputs describe one.
func (h HostOptions) resolve() (infra.Outputs, error) {
	if (h.Outputs == "") == (h.Address == "") {
		return infra.Outputs{}, progress.Invalid("the host is named by --outputs FILE, by --host with --host-key, or by host.address and host.key in gitops.yml: give one of them")
	}
	if h.Address != "" {
		if h.HostKey == "" {
			return infra.Outputs{}, progress.Invalid("--host needs --host-key: nothing connects to a host whose key is not known")
		}
		return infra.Outputs{StaticIP: h.Address, SSHUser: h.User, SSHHostPublicKey: h.HostKey}, nil
	}
	data, err := os.ReadFile(h.Outputs)
	if err != nil {
		return infra.Outputs{}, progress.Invalid("reading Terraform's outputs: %w", err)
	}
	outputs, err := infra.ParseOutputs(data)
	if err != nil {
		return infra.Outputs{}, progress.Invalid("%s: %w", h.Outputs, err)
	}
	return outputs, nil
}

// config returns what it takes to log in to the host.
func (h HostOptions) config() (host.Config, error) {
	outputs, err := h.resolve()
	if err != nil {
		return host.Config{}, err
	}
	return h.login(outputs)
}

// login returns what it takes to log in to the host that outputs describe.
func (h HostOptions) login(outputs infra.Outputs) (host.Config, error) {
	known, err := outputs.KnownHosts()
	if err != nil {
		return host.Config{}, progress.Invalid("%w", err)
	}
	if err := h.checkKey(); err != nil {
		return host.Config{}, err
	}
	key := secret.New(strings.TrimRight(h.Key.Reveal(), "\n") + "\n")
	return host.Config{Address: outputs.Address(), User: outputs.SSHUser, Key: key, KnownHosts: known, Timeout: h.Wait}, nil
}

func (h HostOptions) checkKey() error {
	if h.Key.Empty() {
		return progress.Invalid("logging in to the host needs SSH_PRIVATE_KEY in the environment or --ssh-key-file")
	}
	return nil
}

// onHost waits for the host, logs in and runs do.
func onHost[R any](ctx context.Context, h HostOptions, out Output, do func(*host.Client) (R, error)) (R, error) {
	var none R
	config, err := h.config()
	if err != nil {
		return none, err
	}
	client, err := host.Wait(ctx, config, host.Needs{Docker: true}, out.Progress)
	if err != nil {
		return none, err
	}
	defer client.Close()
	return do(client)
}
