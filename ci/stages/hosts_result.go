package stages

import "encoding/json"

// HostAddress names one of several hosts, as the fields of HostOptions do.
type HostAddress struct {
	Address string `json:"address"`
	HostKey string `json:"host_key,omitempty"`
	User    string `json:"user,omitempty"`
}

// NotTried is how a host stands where nothing was done, because of another host or
// because the run was cancelled.
const NotTried = "not tried"

// standing is a result that says in a word how its host stands, and whether the stage
// got so far that there is something to tell.
type standing interface {
	standing() (outcome string, told bool)
}

// HostResult is how one of several hosts stands.
type HostResult[R any] struct {
	// Host is the address that the options name.
	Host string `json:"host"`
	// Outcome is that of the host's result, or NotTried.
	Outcome string `json:"outcome"`
	Error   string `json:"error,omitempty"`
	Result  *R     `json:"result,omitempty"`
}

// HostsResult is the result of a stage on one host or on several. As JSON it is the
// result of the one host, or an object with an outcome and the list of hosts.
type HostsResult[R any] struct {
	// One is the result of the one host.
	One R
	// Hosts has the results of several hosts, in the order of the options.
	Hosts []HostResult[R]
	// Outcome is "done" when all hosts are, else "failed".
	Outcome string
}

// MarshalJSON implements json.Marshaler.
func (r HostsResult[R]) MarshalJSON() ([]byte, error) {
	if r.Hosts == nil {
		return json.Marshal(r.One)
	}
	return json.Marshal(struct {
		Outcome string          `json:"outcome"`
		Hosts   []HostResult[R] `json:"hosts"`
	}{r.Outcome, r.Hosts})
}

// HostsOptions say how a stage goes from host to host.
type HostsOptions struct {
	// Parallel is how many hosts are worked on at a time, once the first is done; 1
	// when it is 0.
	Parallel int `json:"parallel,omitempty"`
	// KeepGoing works on the other hosts too when one fails, and begins with all.
	KeepGoing bool `json:"keep_going,omitempty"`
}
