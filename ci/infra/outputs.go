package infra

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strconv"

	"github.com/hashicorp/terraform-exec/tfexec"
	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"

	"gitops/ci/secret"
)

// Outputs are Terraform's outputs, and what they say about the host that later stages
// need. A root module without a host has outputs too: Missing says what it lacks.
type Outputs struct {
	StaticIP         string          // the host's address
	SSHPort          int             // where its sshd listens; 22 when Terraform does not put it out
	SSHUser          string          // who logs in
	SSHHostPublicKey string          // the host's key in OpenSSH format
	Hosts            []Outputs       // the output hosts, when there are several servers; empty when Terraform does not put it out
	Platform         string          // what images for the host are built for; empty when Terraform does not put it out
	Raw              json.RawMessage // all outputs as `terraform output -json` prints them, sensitive values masked

	missing error
}

// Missing says why the outputs name no host; nil where they do.
func (o Outputs) Missing() error { return o.missing }

// Outputs reads the outputs from the state, whether or not they name a host.
func (w *Workspace) Outputs(ctx context.Context) (Outputs, error) {
	var all map[string]tfexec.OutputMeta
	err := w.tf.run(ctx, "reading the outputs", w.progress, func() (err error) {
		all, err = w.tf.Output(ctx)
		return err
	})
	if err != nil {
		return Outputs{}, err
	}
	raw, err := json.Marshal(all)
	if err != nil {
		return Outputs{}, fmt.Errorf("reading the outputs: %w", err)
	}
	outputs, err := readOutputs(raw)
	if outputs.missing != nil {
		// Nobody may take half a host for one.
		outputs = Outputs{Raw: outputs.Raw, Platform: outputs.Platform, missing: outputs.missing}
	}
	return outputs, err
}

// ParseOutputs reads what `terraform output -json` prints, or the Raw of
// earlier Outputs. They must name a host.
func ParseOutputs(data []byte) (Outputs, error) {
	o, err := readOutputs(data)
	if err == nil {
		err = o.missing
	}
	if err != nil {
		return Outputs{}, err
	}
	return o, nil
}

func readOutputs(data []byte) (Outputs, error) {
	var all map[string]tfexec.OutputMeta
	if err := json.Unmarshal(data, &all); err != nil {
		return Outputs{}, fmt.Errorf("reading the outputs: %w: expected what terraform output -json prints", err)
	}
	var o Outputs
	o.missing = o.parseHost(all)
	// Only to warn by: a value that is no text counts as none.
	_ = json.Unmarshal(all["platform"].Value, &o.Platform)
	raw, err := json.MarshalIndent(maskedOutputs(all), "", "  ")
	if err != nil {
		return Outputs{}, fmt.Errorf("reading the outputs: %w", err)
	}
	o.Raw = raw
	return o, nil
}

// parseHost reads what the outputs say about the host.
func (o *Outputs) parseHost(all map[string]tfexec.OutputMeta) error {
	if err := o.parseHosts(all); err != nil {
		return err
	}
	for name, target := range map[string]*string{
		"static_ip": &o.StaticIP, "ssh_user": &o.SSHUser, "ssh_host_public_key": &o.SSHHostPublicKey,
	} {
		if _, set := all[name]; !set && len(o.Hosts) > 0 {
			continue
		}
		if err := json.Unmarshal(all[name].Value, target); err != nil || *target == "" {
			return fmt.Errorf("reading the outputs: %s is missing or not a text: declare it in outputs.tf and apply", name)
		}
	}
	o.SSHPort = cmp.Or(o.SSHPort, defaultPort)
	if port, set := all["ssh_port"]; set {
		if err := json.Unmarshal(port.Value, &o.SSHPort); err != nil || o.SSHPort < 1 || o.SSHPort > 65535 {
			return fmt.Errorf("reading the outputs: ssh_port is %s, and must be a port number", port.Value)
		}
	}
	return o.check()
}

const defaultPort = 22

// parseHosts reads the output hosts: a list of objects with address, user, port and
// host_public_key. The first of them is the host of stages that need one, where the
// outputs name no other.
func (o *Outputs) parseHosts(all map[string]tfexec.OutputMeta) error {
	output, set := all["hosts"]
	if !set {
		return nil
	}
	var hosts []struct {
		Address       string `json:"address"`
		User          string `json:"user"`
		Port          int    `json:"port"`
		HostPublicKey string `json:"host_public_key"`
	}
	if err := json.Unmarshal(output.Value, &hosts); err != nil || len(hosts) == 0 {
		if _, one := all["static_ip"]; one {
			return nil // an output of that name that is about something else
		}
		return fmt.Errorf("reading the outputs: hosts is not a list of objects with address, user and host_public_key: change it in outputs.tf and apply")
	}
	for i, h := range hosts {
		one := Outputs{StaticIP: h.Address, SSHUser: h.User, SSHPort: cmp.Or(h.Port, defaultPort), SSHHostPublicKey: h.HostPublicKey}
		if err := one.check(); err != nil {
			return fmt.Errorf("hosts[%d]: %w", i, err)
		}
		o.Hosts = append(o.Hosts, one)
	}
	first := o.Hosts[0]
	o.StaticIP, o.SSHUser, o.SSHPort, o.SSHHostPublicKey = first.StaticIP, first.SSHUser, first.SSHPort, first.SSHHostPublicKey
	return nil
}

func maskedOutputs(all map[string]tfexec.OutputMeta) map[string]tfexec.OutputMeta {
	safe := make(map[string]tfexec.OutputMeta, len(all))
	for name, output := range all {
		if output.Sensitive {
			output.Value, _ = json.Marshal(secret.Redacted)
		}
		safe[name] = output
	}
	return safe
}

var userName = regexp.MustCompile(`^[a-z_][a-z0-9_-]{0,31}$`)

// check makes sure that the values can go into known_hosts and an inventory.
func (o Outputs) check() error {
	if _, err := netip.ParseAddr(o.StaticIP); err != nil {
		return fmt.Errorf("reading the outputs: static_ip: %w", err)
	}
	if !userName.MatchString(o.SSHUser) {
		return fmt.Errorf("reading the outputs: ssh_user: %q is not a user name", o.SSHUser)
	}
	_, err := o.hostKey()
	return err
}

func (o Outputs) hostKey() (ssh.PublicKey, error) {
	key, _, _, rest, err := ssh.ParseAuthorizedKey([]byte(o.SSHHostPublicKey))
	if err != nil {
		return nil, fmt.Errorf("reading the outputs: ssh_host_public_key: %w", err)
	}
	if len(bytes.TrimSpace(rest)) > 0 {
		return nil, fmt.Errorf("reading the outputs: ssh_host_public_key: more than one line")
	}
	return key, nil
}

// Address returns the host's address, with its port when that is not 22.
func (o Outputs) Address() string {
	if o.SSHPort == 0 || o.SSHPort == 22 {
		return o.StaticIP
	}
	return net.JoinHostPort(o.StaticIP, strconv.Itoa(o.SSHPort))
}

// KnownHosts returns the known_hosts file that makes the host known before the
// first connection.
func (o Outputs) KnownHosts() ([]byte, error) {
	key, err := o.hostKey()
	if err != nil {
		return nil, err
	}
	return []byte(knownhosts.Line([]string{o.Address()}, key) + "\n"), nil
}
