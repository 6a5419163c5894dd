package stages

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"gitops/ci/host"
	"gitops/ci/infra"
	"gitops/ci/progress"
	"gitops/ci/secret"
)

// DefaultHostWait is how long a stage waits for a host: a new EC2 instance boots
// and runs cloud-init in one to three minutes.
const DefaultHostWait = 5 * time.Minute

// DefaultUser logs in where nothing else is said: the user of Ubuntu's images.
const DefaultUser = "ubuntu"

// HostOptions say how a stage reaches the host: by Terraform's outputs, or by an
// address with its host key.
type HostOptions struct {
	// Outputs is a file with Terraform's outputs as JSON: static_ip, ssh_user and
	// ssh_host_public_key, or hosts.
	Outputs string `json:"outputs,omitempty"`
	// Address, HostKey and User name the host instead of Outputs. HostKey is a line
	// such as "ssh-ed25519 AAAA…"; without it the host is looked up in KnownHosts.
	Address string `json:"address,omitempty"`
	HostKey string `json:"host_key,omitempty"`
	User    string `json:"user,omitempty"`
	// More are further hosts, for stages that work on several.
	More []HostAddress `json:"more,omitempty"`
	// KnownHosts is a file of host keys in the format of known_hosts.
	KnownHosts string `json:"known_hosts,omitempty"`
	// SSHConfig is a file in the format of ssh_config that may have Address as an alias.
	SSHConfig string `json:"ssh_config,omitempty"`
	// Jump are the hosts that the connection goes through in their order, each
	// user@host:port, and JumpHostKeys their host keys in the same order.
	Jump         []string `json:"jump,omitempty"`
	JumpHostKeys []string `json:"jump_host_keys,omitempty"`
	// Key is the private key that logs in, in PEM, and Certificate a file with its
	// certificate, if it has one.
	Key         secret.Value `json:"-"`
	Certificate string       `json:"certificate,omitempty"`
	// Agent logs in with the keys of the SSH agent of the environment where Key is empty.
	Agent bool `json:"agent,omitempty"`
	// Wait is how long to wait until the host is ready.
	Wait time.Duration `json:"wait,omitempty"`
}

func (h HostOptions) isNamed() bool { return h.Outputs != "" || h.Address != "" }

// resolve returns the host as Terraform's outputs describe one.
func (h HostOptions) resolve() (infra.Outputs, error) {
	if (h.Outputs == "") == (h.Address == "") {
		return infra.Outputs{}, progress.Invalid("the host is named by --outputs FILE, by --host with --host-key, or by host.address and host.key in gitops.yml: give one of them")
	}
	if len(h.More) > 0 {
		return infra.Outputs{}, progress.Invalid("this stage works on one host: name one, and run it once for each")
	}
	if h.Outputs != "" {
		return h.read()
	}
	if h.HostKey == "" && h.KnownHosts == "" && h.SSHConfig == "" {
		return infra.Outputs{}, progress.Invalid("--host needs --host-key or --known-hosts: nothing connects to a host whose key is not known")
	}
	if _, _, _, _, err := ssh.ParseAuthorizedKey([]byte(h.HostKey)); h.HostKey != "" && err != nil {
		return infra.Outputs{}, progress.Invalid("--host-key of %s is no public key: give it as in /etc/ssh/ssh_host_ed25519_key.pub of the host, \"ssh-ed25519 AAAA…\"", h.Address)
	}
	alias, err := h.alias(h.Address)
	if err != nil {
		return infra.Outputs{}, err
	}
	outputs := infra.Outputs{SSHUser: cmp.Or(h.User, alias.User, DefaultUser), SSHHostPublicKey: h.HostKey}
	outputs.StaticIP, outputs.SSHPort = splitPort(alias.Address)
	return outputs, nil
}

// read returns the one host of the outputs.
func (h HostOptions) read() (infra.Outputs, error) {
	outputs, err := h.readAll()
	if err == nil && len(outputs.Hosts) > 1 {
		err = progress.Invalid("%s: Terraform's output hosts has several, and this stage works on one: name one by --host", h.Outputs)
	}
	return outputs, err
}

func (h HostOptions) readAll() (infra.Outputs, error) {
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

// splitPort returns the parts of host:port. What has no port, or none that is a
// number, stays whole; the port is 0 then.
func splitPort(address string) (string, int) {
	name, text, err := net.SplitHostPort(address)
	port, badPort := strconv.ParseUint(text, 10, 16)
	if err != nil || badPort != nil {
		return address, 0
	}
	return name, int(port) // #nosec G115 -- of 16 bits
}

func joinPort(name string, port int) string {
	return net.JoinHostPort(strings.Trim(name, "[]"), strconv.Itoa(port))
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
	if err := outputs.Missing(); err != nil {
		return host.Config{}, err
	}
	alias, err := h.alias(cmp.Or(h.Address, outputs.StaticIP))
	if err != nil {
		return host.Config{}, err
	}
	c := host.Config{Address: outputs.Address(), User: outputs.SSHUser, Timeout: h.Wait}
	if outputs.SSHHostPublicKey != "" {
		if c.KnownHosts, err = outputs.KnownHosts(); err != nil {
			return host.Config{}, progress.Invalid("%w", err)
		}
	} else if c.KnownHosts, c.HostKeyAlias, err = h.known(alias); err != nil {
		return host.Config{}, err
	}
	if h.Key.Empty() && alias.KeyFile != "" {
		h.Certificate = cmp.Or(h.Certificate, alias.CertificateFile)
	} else {
		alias.KeyFile = ""
	}
	if c.Key, c.Certificate, err = h.identity(alias.KeyFile); err != nil {
		return host.Config{}, err
	}
	c.Jump, err = h.jump(alias, c)
	return c, err
}

// alias returns what the SSH configuration says about a name; without one the name
// is the address.
func (h HostOptions) alias(name string) (host.Alias, error) {
	if h.SSHConfig == "" {
		return host.Alias{Address: name}, nil
	}
	config, err := host.ReadSSHConfig(h.SSHConfig)
	if err != nil {
		return host.Alias{}, err
	}
	return config.Lookup(name)
}

// known returns the content of the known_hosts files, and the name that they have the
// host by where it is not its address.
func (h HostOptions) known(alias host.Alias) ([]byte, string, error) {
	var content []byte
	if h.KnownHosts != "" {
		var err error
		if content, err = os.ReadFile(h.KnownHosts); err != nil {
			return nil, "", progress.Invalid("reading the known host keys: %w", err)
		}
	}
	return bytes.Join([][]byte{content, alias.KnownHosts}, []byte("\n")), alias.HostKeyAlias, nil
}

// identity returns the key of a file, or Key without one, and its certificate. The
// key is empty where the agent has it.
func (h HostOptions) identity(file string) (key secret.Value, certificate []byte, err error) {
	if key = h.Key; file != "" {
		if key, err = secret.FromFile(file); err != nil {
			return key, nil, progress.Invalid("%w", err)
		}
	}
	if key.Empty() && !h.Agent {
		return key, nil, errNoKey
	}
	if !key.Empty() {
		key = secret.New(strings.TrimRight(key.Reveal(), "\n") + "\n")
	}
	if h.Certificate != "" {
		if certificate, err = os.ReadFile(h.Certificate); err != nil {
			return key, nil, progress.Invalid("reading the SSH certificate: %w", err)
		}
	}
	return key, certificate, nil
}

var errNoKey = progress.Invalid("logging in to the host needs SSH_PRIVATE_KEY in the environment, --ssh-key-file, or an SSH agent (SSH_AUTH_SOCK)")

// checkKey refuses options with which no login can work, before the host is known.
func (h HostOptions) checkKey() error {
	if h.Key.Empty() && !h.Agent && h.SSHConfig == "" {
		return errNoKey
	}
	return nil
}

// tell says what of the SSH configuration is not followed.
func (h HostOptions) tell(out Output) {
	alias, _ := h.alias(h.Address) // it was read before
	for _, ignored := range alias.Ignored {
		out.Progress.Say("%s", ignored)
	}
}

// onHost waits for the host, logs in and runs do.
func onHost[R any](ctx context.Context, h HostOptions, out Output, do func(*host.Client) (R, error)) (R, error) {
	var none R
	config, err := h.config()
	if err != nil {
		return none, err
	}
	h.tell(out)
	client, err := await(ctx, config, host.Needs{Docker: true}, out)
	if err != nil {
		return none, err
	}
	defer client.Close()
	return do(client)
}

// await waits for the host and logs in. A host that does not prove who it is, be it one
// on the way, is refused.
func await(ctx context.Context, c host.Config, n host.Needs, out Output) (*host.Client, error) {
	client, err := host.Wait(ctx, c, n, out.Progress)
	var key *host.KeyError
	if errors.As(err, &key) {
		err = progress.Refused("%w", err)
	}
	return client, err
}
