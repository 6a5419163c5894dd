package deploy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
)

// What a deploy does to a service.
const (
	// Keep: what runs is what the manifest says.
	Keep = "unchanged"
	// Roll: a new container starts beside the old one, which goes when it is drained.
	Roll = "rolls"
	// Recreate: the old container stops before the new one starts.
	Recreate = "recreated"
	// Create: the service has no container yet.
	Create = "created"
	// Start: its containers are there and do not run.
	Start = "started"
	// Update: in a swarm, its routes or replicas change, and its tasks stay.
	Update = "updated"
	// Remove: the manifest does not have the service any more.
	Remove = "removed"
	// Off: the manifest has the service with no replica. Only plans tell of it.
	Off = "not started"
)

// Action is what a deploy does to one service, and why.
type Action struct {
	Service string `json:"service"`
	// Action is unchanged, rolls, recreated, created, started, updated, removed or not
	// started.
	Action string `json:"action"`
	// Why is the reason for a gap: what keeps a service from having two containers. For
	// one without a container it is why it has none.
	Why string `json:"why,omitempty"`
	// Changes says what is not as it runs beside the image, for a service that rolls or is
	// recreated: names of variables, labels, keys and files, and no values.
	Changes []string `json:"changes,omitempty"`
	// Waits are the services that change first, by depends_on.
	Waits []string `json:"waits,omitempty"`
	// Switch says how requests move to the new container, for a service that rolls.
	Switch string `json:"switch,omitempty"`
	// Drain says how an old container ends, for a service that rolls or is recreated.
	Drain string `json:"drain,omitempty"`
	// Files are those that travel for the service, as the manifest names them.
	Files []string `json:"files,omitempty"`
	// Ignored are what the manifest says and a swarm does not do, and Notes what else is
	// other than on one host.
	Ignored []string `json:"ignored,omitempty"`
	Notes   []string `json:"notes,omitempty"`
	// Image is what it runs afterwards, Before what it runs now.
	Image  string `json:"image,omitempty"`
	Before string `json:"before,omitempty"`

	next   generation // of the containers that run afterwards
	old    []Service  // containers that go
	pin    string     // the image by the name that it has now, where only the tag moved
	forced bool       // its definition is the same, and its containers have to go
	scale  int        // containers that run beside each other, for one that rolls
	// unmarked is whether it has only TCP routers: no request over HTTP can tell
	// whether Traefik has them.
	unmarked bool
}

// switches reports whether Traefik moves requests from old containers to new ones.
func (a Action) switches() bool { return a.Action == Roll && a.Switch == SwitchTraefik }

// Switches of requests between containers.
const (
	SwitchTraefik = "Traefik: a router for each generation"
	SwitchShared  = "old and new share requests until the old one stops"
	SwitchNone    = "nothing routes to it by labels"
)

// single returns why a service cannot have two containers beside each other; empty
// when it can. The project is the manifest's, and running are its containers now.
func single(p *types.Project, s types.ServiceConfig, running []Service) string {
	order := ""
	if s.Deploy != nil && s.Deploy.UpdateConfig != nil {
		order = s.Deploy.UpdateConfig.Order
	}
	for _, reason := range []string{fixedName(s), sharedNamespace(p, s), fixedAddress(s), publishedPort(s)} {
		if reason != "" {
			return reason
		}
	}
	switch order {
	case "start-first":
		return ""
	case "stop-first":
		return "deploy.update_config.order is stop-first"
	}
	return heldVolume(s, running)
}

func fixedName(s types.ServiceConfig) string {
	if s.ContainerName == "" {
		return ""
	}
	return "container_name: " + s.ContainerName + " is for one container (leave it out, or give --rename)"
}

// publishedPort finds a port that the old and the new containers cannot both have. A
// range has to have one for each of them.
func publishedPort(s types.ServiceConfig) string {
	for _, port := range s.Ports {
		first, last, isRange := strings.Cut(port.Published, "-")
		from, _ := strconv.Atoi(first)
		to, _ := strconv.Atoi(last)
		switch {
		case port.Published == "" || port.Published == "0":
		case !isRange:
			return "it publishes port " + port.Published
		case to-from+1 < 2*scaleOf(s):
			return fmt.Sprintf("it publishes the ports %s, which are too few for its containers twice", port.Published)
		}
	}
	if s.NetworkMode == "host" {
		return "it is on the host's network"
	}
	return ""
}

// sharedNamespace finds services that live in a container of s, and the other way
// round: they come and go together.
func sharedNamespace(p *types.Project, s types.ServiceConfig) string {
	if in := namespaceOf(s); in != "" {
		return "it lives in a container of " + in
	}
	for _, name := range p.ServiceNames() {
		if other := p.Services[name]; namespaceOf(other) == s.Name || slices.ContainsFunc(other.VolumesFrom, func(from string) bool { return from == s.Name || strings.HasPrefix(from, s.Name+":") }) {
			return name + " lives in its container"
		}
	}
	return ""
}

// namespaceOf returns the service whose namespaces s uses.
func namespaceOf(s types.ServiceConfig) string {
	for _, mode := range []string{s.NetworkMode, s.Pid, s.Ipc} {
		if name, ok := strings.CutPrefix(mode, "service:"); ok {
			return name
		}
		if strings.HasPrefix(mode, "container:") {
			return mode
		}
	}
	return ""
}

func fixedAddress(s types.ServiceConfig) string {
	for name, network := range s.Networks {
		if network != nil && (network.Ipv4Address != "" || network.Ipv6Address != "" || network.MacAddress != "") {
			return "it has a fixed address in network " + name
		}
	}
	if s.MacAddress != "" {
		return "it has a fixed MAC address"
	}
	return ""
}

// heldVolume finds what two containers might write to at once. Volumes without a
// name are found on the containers: images declare them too, and a new container
// beside the old one would have others.
func heldVolume(s types.ServiceConfig, running []Service) string {
	const remedy = " may be for one container (deploy.update_config.order: start-first says that two may use it)"
	for _, v := range s.Volumes {
		switch {
		case v.ReadOnly, v.Type == types.VolumeTypeTmpfs, strings.HasSuffix(v.Source, ".sock"):
		case v.Type == types.VolumeTypeVolume && v.Source != "":
			return fmt.Sprintf("volume %s%s", v.Source, remedy)
		case v.Type == types.VolumeTypeBind:
			return fmt.Sprintf("folder %s%s", v.Source, remedy)
		}
	}
	for _, container := range running {
		if len(container.unnamed) > 0 {
			return fmt.Sprintf("the volume without a name at %s%s", container.unnamed[0], remedy)
		}
	}
	return ""
}

// borrowed finds a label of another service that names a Traefik service or
// middleware of this one: its name has to stay.
func borrowed(name string, labels map[string]map[string]string) string {
	own := namesIn(labels[name])
	for _, other := range sortedKeys(labels) {
		if other == name {
			continue
		}
		for key, value := range labels[other] {
			t, ok := traefikKey(key)
			if !ok {
				continue
			}
			kind := referenceKind(t)
			for reference := range strings.SplitSeq(value, ",") {
				reference = strings.TrimSuffix(strings.TrimSpace(reference), "@docker")
				if kind != "" && slices.Contains(own[t.protocol+" "+kind], reference) && !slices.Contains(namesIn(labels[other])[t.protocol+" "+kind], reference) {
					return fmt.Sprintf("%s uses its Traefik %s %s", other, strings.TrimSuffix(kind, "s"), reference)
				}
			}
		}
	}
	return ""
}

// referenceKind says what a label's value names: services, middlewares or nothing.
func referenceKind(t label) string {
	switch rest := strings.ToLower(t.rest); {
	case t.kind == "routers" && rest == "service", t.kind == "middlewares" && rest == "errors.service":
		return "services"
	case t.kind == "routers" && rest == "middlewares", t.kind == "middlewares" && rest == "chain.middlewares":
		return "middlewares"
	}
	return ""
}

// switchOf says how requests move to a new container of a service with these labels.
func switchOf(labels map[string]string, proxied bool) string {
	names := namesIn(labels)
	routers, complete := len(names["udp routers"]), true
	for _, protocol := range []string{"http", "tcp"} {
		routers += len(names[protocol+" routers"])
		for _, router := range names[protocol+" routers"] {
			complete = complete && hasKey(labels, label{protocol, "routers", router, "rule"}.String())
		}
	}
	switch {
	case routers > len(names["udp routers"]) && complete:
		return SwitchTraefik
	case routers > 0, proxied, strings.EqualFold(labels["traefik.enable"], "true"):
		return SwitchShared // UDP, Traefik's default rule, another proxy
	}
	return SwitchNone
}

// isProxied reports whether another proxy than Traefik finds the service: Caddy by
// its labels, nginx-proxy by VIRTUAL_HOST.
func isProxied(s types.ServiceConfig) bool {
	for key := range s.Labels {
		if key == "caddy" || strings.HasPrefix(key, "caddy_") {
			return true
		}
	}
	_, virtual := s.Environment["VIRTUAL_HOST"]
	return virtual
}
