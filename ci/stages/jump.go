package stages

import (
	"cmp"
	"slices"
	"strings"

	"gitops/ci/host"
	"gitops/ci/progress"
)

// maxJumps ends a ProxyJump that leads back to itself.
const maxJumps = 8

// jump returns the last of the hosts that the connection to target goes through, or
// nil when it goes straight there. Jump wins over the SSH configuration.
func (h HostOptions) jump(alias host.Alias, target host.Config) (*host.Config, error) {
	names := h.Jump
	if len(names) == 0 {
		names = alias.Jumps
	}
	if len(h.JumpHostKeys) > len(h.Jump) {
		return nil, progress.Invalid("--jump-host-key has more keys than --jump has hosts: they are in the same order")
	}
	names, err := h.before(slices.Clone(names))
	if err != nil {
		return nil, err
	}
	var last *host.Config
	for i, name := range names {
		hop, err := h.hop(name, target)
		if err == nil && i < len(h.JumpHostKeys) {
			err = give(&hop, h.JumpHostKeys[i])
		}
		if err != nil {
			return nil, err
		}
		hop.Jump, last = last, &hop
	}
	return last, nil
}

// give makes key the only one that is known of a host.
func give(hop *host.Config, key string) error {
	line, err := host.KnownHostsLine(hop.Address, key)
	hop.KnownHosts, hop.HostKeyAlias = []byte(line+"\n"), ""
	return err
}

// before puts those hosts before names that the first of them needs by the SSH
// configuration. Where Jump names them, they are all.
func (h HostOptions) before(names []string) ([]string, error) {
	for len(names) > 0 && len(h.Jump) == 0 {
		_, name := splitUser(names[0])
		name, _ = splitPort(name)
		first, err := h.alias(name)
		if err != nil {
			return nil, err
		}
		if len(first.Jumps) == 0 {
			break
		}
		if names = append(slices.Clone(first.Jumps), names...); len(names) > maxJumps {
			return nil, progress.Invalid("%s: ProxyJump goes through more than %d hosts, or back to one of them", h.SSHConfig, maxJumps)
		}
	}
	return names, nil
}

// hop returns how to log in to one host on the way to target.
func (h HostOptions) hop(name string, target host.Config) (host.Config, error) {
	user, address := splitUser(name)
	short, port := splitPort(address)
	alias, err := h.alias(short)
	if err != nil {
		return host.Config{}, err
	}
	c := host.Config{Address: alias.Address, User: cmp.Or(user, alias.User, target.User)}
	if port != 0 {
		real, _ := splitPort(alias.Address)
		c.Address = joinPort(real, port)
	}
	if c.KnownHosts, c.HostKeyAlias, err = h.known(alias); err != nil {
		return host.Config{}, err
	}
	c.Key, c.Certificate = target.Key, target.Certificate
	if alias.KeyFile != "" {
		h.Certificate = alias.CertificateFile
		c.Key, c.Certificate, err = h.identity(alias.KeyFile)
	}
	return c, err
}

// splitUser returns the parts of user@address.
func splitUser(name string) (user, address string) {
	if user, address, found := strings.Cut(name, "@"); found {
		return user, address
	}
	return "", name
}
