package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"gitops/ci/progress"
	"gitops/ci/secret"
	"gitops/ci/stages"
)

// hostFlags are the flags that say how the host is reached, and the file of its key.
type hostFlags struct {
	stages.HostOptions
	keyFile  string
	hosts    []string
	hostKeys []string
}

func (h *hostFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&h.Outputs, "outputs", "", "file with Terraform's outputs as JSON; gives host, user and host key")
	flags.StringArrayVar(&h.hosts, "host", nil, "address of the host, instead of --outputs: [USER@]ADDRESS[:PORT][=HOST-KEY]\n(repeatable for deploy, rollback and status)")
	flags.StringVar(&h.User, "ssh-user", "", "login on the host, with --host (default: "+stages.DefaultUser+")")
	flags.StringArrayVar(&h.hostKeys, "host-key", nil, "public key of the host such as \"ssh-ed25519 AAAA…\", with --host (repeatable, in the order of the hosts)")
	h.addLogin(flags)
}

// addLogin adds the flags of a host that Terraform puts out.
func (h *hostFlags) addLogin(flags *pflag.FlagSet) {
	flags.StringVar(&h.keyFile, "ssh-key-file", "", "file with the private login key (default: SSH_PRIVATE_KEY in the environment, else the agent at SSH_AUTH_SOCK)")
	flags.StringVar(&h.Certificate, "ssh-certificate-file", "", "file with the certificate of the login key, such as id_ed25519-cert.pub")
	flags.StringVar(&h.KnownHosts, "known-hosts", "", "file of host keys in the format of known_hosts, for hosts and jump hosts without a key here")
	flags.StringVar(&h.SSHConfig, "ssh-config", "", "file in the format of ssh_config: hosts may be its aliases")
	flags.StringSliceVar(&h.Jump, "jump", nil, "host that the connection goes through, [USER@]HOST[:PORT] (repeatable, the first hop first)")
	flags.StringArrayVar(&h.JumpHostKeys, "jump-host-key", nil, "public key of a --jump (repeatable, in the order of the jump hosts)")
	flags.DurationVar(&h.Wait, "host-wait", stages.DefaultHostWait, "how long to wait until the host is ready")
}

// options returns the host with its login key.
func (h *hostFlags) options() (stages.HostOptions, error) {
	o, err := h.named()
	if err != nil {
		return o, err
	}
	o.Agent = os.Getenv("SSH_AUTH_SOCK") != ""
	o.Key = secret.FromEnv("SSH_PRIVATE_KEY")
	if h.keyFile == "" {
		return o, nil
	}
	if o.Key, err = secret.FromFile(h.keyFile); err != nil {
		return o, progress.Invalid("%w", err)
	}
	return o, nil
}

// named returns the options with the hosts that the flags name.
func (h *hostFlags) named() (stages.HostOptions, error) {
	o := h.HostOptions
	var all []stages.HostAddress
	keys := h.hostKeys
	for _, text := range h.hosts {
		one := h.parse(text)
		if one.HostKey == "" && len(keys) > 0 {
			one.HostKey, keys = keys[0], keys[1:]
		}
		all = append(all, one)
	}
	if len(keys) > 0 && len(all) > 0 {
		return o, progress.Invalid("--host-key is given more often than --host needs one: they are in the same order")
	}
	if len(all) > 0 {
		o.Address, o.HostKey, o.User = all[0].Address, all[0].HostKey, all[0].User
		o.More = all[1:]
	}
	return o, nil
}

// parse reads [USER@]ADDRESS[:PORT][=HOST-KEY].
func (h *hostFlags) parse(text string) stages.HostAddress {
	one := stages.HostAddress{Address: text, User: h.User}
	if address, key, found := strings.Cut(one.Address, "="); found {
		one.Address, one.HostKey = address, key
	}
	if user, address, found := strings.Cut(one.Address, "@"); found {
		one.User, one.Address = user, address
	}
	return one
}

// addParallel adds the flag for stages that work on several hosts.
func addParallel(flags *pflag.FlagSet, o *stages.HostsOptions) {
	flags.IntVar(&o.Parallel, "parallel", 1, "of several hosts, how many are worked on at a time; deploy and rollback begin with the first alone")
}

// hostsText returns the text of a result on one host or several.
func hostsText[R any](text func(R) string) func(stages.HostsResult[R]) string {
	return func(r stages.HostsResult[R]) string {
		if r.Hosts == nil {
			return text(r.One)
		}
		var lines []string
		for _, h := range r.Hosts {
			lines = append(lines, fmt.Sprintf("%s: %s", h.Host, h.Outcome))
			if h.Result != nil {
				lines = append(lines, "  "+strings.ReplaceAll(text(*h.Result), "\n", "\n  "))
			}
		}
		return strings.Join(lines, "\n")
	}
}
