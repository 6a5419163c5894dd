package stages

import (
	"gitops/ci/infra"
	"gitops/ci/progress"
)

// Each returns the options of each host that h names.
func (h HostOptions) Each() ([]HostOptions, error) {
	if h.Outputs != "" && h.Address == "" {
		outputs, err := h.readAll()
		if err != nil || len(outputs.Hosts) < 2 {
			return []HostOptions{h}, err
		}
		return h.listed(outputs.Hosts), nil
	}
	first := h
	first.More = nil
	all := []HostOptions{first}
	for _, more := range h.More {
		one := first
		one.Address, one.HostKey, one.User = more.Address, more.HostKey, more.User
		all = append(all, one)
	}
	return all, distinct(all)
}

func (h HostOptions) listed(hosts []infra.Outputs) (all []HostOptions) {
	h.Outputs = ""
	for _, listed := range hosts {
		h.Address, h.User, h.HostKey = listed.Address(), listed.SSHUser, listed.SSHHostPublicKey
		all = append(all, h)
	}
	return all
}

// distinct refuses a host that is named twice: two deploys to it would wait for each
// other.
func distinct(all []HostOptions) error {
	seen := map[string]bool{}
	for _, h := range all {
		if seen[h.Address] {
			return progress.Invalid("host %s is named twice", h.Address)
		}
		seen[h.Address] = true
	}
	return nil
}
