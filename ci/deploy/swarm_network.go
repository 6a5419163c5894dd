package deploy

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"gitops/ci/progress"
)

// addNetworks adds the networks of a service to it and to the stack.
func (s *stacker) addNetworks(c types.ServiceConfig, service map[string]any, known *swarmService) error {
	all := map[string]any{}
	for key, n := range c.Networks {
		entry := map[string]any{}
		if n != nil && len(n.Aliases) > 0 {
			entry["aliases"] = n.Aliases
		}
		if n != nil && len(n.DriverOpts) > 0 {
			entry["driver_opts"] = map[string]string(n.DriverOpts)
		}
		all[key] = entry
		s.addNetwork(key, s.manifest.Project.Networks[key], known)
	}
	if c.NetworkMode == "host" {
		all["host"], s.networks["host"] = map[string]any{}, map[string]any{"external": true, "name": "host"}
	}
	if len(all) > 0 {
		service["networks"] = all
	}
	return nil
}

// addNetwork adds a network to the stack.
func (s *stacker) addNetwork(key string, n types.NetworkConfig, known *swarmService) {
	if n.External {
		name := cmp.Or(n.Name, key)
		s.networks[key] = map[string]any{"external": true, "name": name}
		s.out.networks = append(s.out.networks, name)
		return
	}
	name := n.Name
	if name == "" || name == s.manifest.Project.Name+"_"+key {
		name = s.project + "_" + key
	}
	network := map[string]any{"name": name, "driver": "overlay", "attachable": true}
	if n.Driver != "" && n.Driver != "overlay" {
		known.notes = append(known.notes, "network "+key+" is an overlay network, not "+n.Driver)
	} else if len(n.DriverOpts) > 0 {
		network["driver_opts"] = map[string]string(n.DriverOpts)
	}
	if n.Internal {
		network["internal"] = true
	}
	if len(n.Labels) > 0 {
		network["labels"] = map[string]string(n.Labels)
	}
	if pools := poolsOf(n); len(pools) > 0 {
		network["ipam"] = map[string]any{"config": pools}
	}
	s.networks[key] = network
}

// poolsOf returns the subnets of a network.
func poolsOf(n types.NetworkConfig) (pools []any) {
	for _, pool := range n.Ipam.Config {
		if pool != nil && pool.Subnet != "" {
			pools = append(pools, map[string]any{"subnet": pool.Subnet})
		}
	}
	return pools
}

// addPorts adds the published ports of a service. In Swarm a port is open on all nodes,
// unless its mode is host.
func (s *stacker) addPorts(c types.ServiceConfig, service map[string]any, known *swarmService) error {
	var ports []any
	for _, port := range c.Ports {
		entry := map[string]any{"target": port.Target}
		if port.Published != "" {
			published, err := strconv.Atoi(port.Published)
			if err != nil {
				return progress.Invalid("service %q publishes ports %s, and Swarm takes one port each: write them one by one", c.Name, port.Published)
			}
			entry["published"] = published
		}
		if port.Protocol != "" {
			entry["protocol"] = port.Protocol
		}
		if port.Mode != "" {
			entry["mode"] = port.Mode
		}
		if port.HostIP != "" {
			known.notes = append(known.notes, "port "+port.Published+" is open on every address of a node: Swarm ignores "+port.HostIP)
		}
		ports = append(ports, entry)
	}
	if len(ports) > 0 {
		service["ports"] = ports
	}
	return nil
}

// swarmLabels returns the labels of a service's containers, and those of the service:
// Traefik reads those in a swarm.
func swarmLabels(c types.ServiceConfig, name string, known *swarmService) (own, routed map[string]string) {
	own, routed = map[string]string{}, map[string]string{}
	for key, value := range c.Labels {
		if !strings.HasPrefix(strings.ToLower(key), "traefik.") {
			own[key] = value
			continue
		}
		if rest, found := strings.CutPrefix(strings.ToLower(key), "traefik.docker."); found {
			key = "traefik.swarm." + rest
		}
		if t, ok := traefikKey(key); ok && (referenceKind(t) != "" || refersToMiddlewares(t)) {
			value = strings.ReplaceAll(value, "@docker", "@swarm")
		}
		routed[key] = value
	}
	if c.Deploy != nil {
		maps.Copy(routed, c.Deploy.Labels)
	}
	names := namesIn(routed)
	if len(names["http routers"]) == 0 {
		return own, routed
	}
	addPort(c, names["http services"], routed, known)
	retryElsewhere(name, names["http routers"], routed)
	return own, routed
}

func refersToMiddlewares(t label) bool {
	rest := strings.ToLower(t.rest)
	return t.kind == "routers" && rest == "middlewares" || t.kind == "middlewares" && rest == "chain.middlewares" || rest == "loadbalancer.serverstransport"
}

// addPort says on which port a service listens: in a swarm Traefik does not find that.
func addPort(c types.ServiceConfig, services []string, routed map[string]string, known *swarmService) {
	if len(services) == 0 {
		services = []string{c.Name}
	}
	for _, service := range services {
		key := label{"http", "services", service, "loadbalancer.server.port"}.String()
		if hasKey(routed, key) {
			continue
		}
		if port := listensOn(c); port != "" && len(services) == 1 {
			routed[key] = port
			continue
		}
		known.notes = append(known.notes, "Traefik sends it no request without the label "+key)
	}
}

// listensOn returns the lowest port that the manifest names, as Traefik takes it of a
// container.
func listensOn(c types.ServiceConfig) string {
	var ports []int
	for _, exposed := range c.Expose {
		port, protocol, _ := strings.Cut(exposed, "/")
		if n, err := strconv.Atoi(port); err == nil && protocol != "udp" {
			ports = append(ports, n)
		}
	}
	for _, port := range c.Ports {
		if port.Protocol != "udp" {
			ports = append(ports, int(port.Target))
		}
	}
	if len(ports) == 0 {
		return ""
	}
	return strconv.Itoa(slices.Min(ports))
}

// retries is how many servers Traefik tries: it hears of a task that stopped only when it
// asks the swarm again.
const retries = "4"

// retryElsewhere has Traefik try another task when one does not take the connection. It repeats
// no request that a task may have seen.
func retryElsewhere(name string, routers []string, routed map[string]string) {
	middleware := "gitops-retry-" + name
	routed[label{"http", "middlewares", middleware, "retry.attempts"}.String()] = retries
	for _, router := range routers {
		key, before := label{"http", "routers", router, "middlewares"}.String(), ""
		for other, value := range routed {
			if strings.EqualFold(other, key) && value != "" {
				key, before = other, value+","
			}
		}
		routed[key] = before + middleware
	}
}
