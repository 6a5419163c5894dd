package deploy

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Labels by which a container says which generation of its service it is.
const (
	// LabelGeneration is a number that grows with each container that a roll starts
	// beside older ones. Containers without it carry the manifest's own routers.
	LabelGeneration = "gitops.generation"
	// labelReplaces lists the routers of the older generations.
	labelReplaces = "gitops.replaces"
	// labelFiles is the hash of the files that the service's containers use.
	labelFiles = "gitops.files"
	// labelCheck is the port of the health check that a roll gave the container.
	labelCheck = "gitops.check"
)

// A generation's containers have Traefik routers named after it. When they are
// healthy Traefik sends them every new request, and the older ones finish what they
// have.
//
// The switch is a conflict that Traefik resolves: it drops a router that two
// containers define differently (pkg/provider/merge.go, deleteConflicts). So a new
// generation defines the older one's routers too, with a rule that no request
// meets. Both the new routers and the end of the old ones come with one
// configuration, and each router keeps the priority that the manifest gives it. A
// priority that grows with the generation would do too, until it outranks the routers
// of other services. If the new container gets unhealthy while the old one is still
// there, Traefik leaves it out, and the old routers are back.
type generation struct {
	number   int
	replaces []string // routers of older containers, as "http backend"
	check    string   // port of the health check that this roll adds
	// trial is nil where every request goes to the containers.
	trial *trial
}

// generationOf reads the labels of a container.
func generationOf(labels map[string]string) generation {
	number, _ := strconv.Atoi(labels[LabelGeneration])
	g := generation{number: number, check: labels[labelCheck]}
	if replaced := labels[labelReplaces]; replaced != "" {
		g.replaces = strings.Split(replaced, ",")
	}
	return g
}

// after returns the generation that follows containers with these labels.
func after(older []map[string]string) generation {
	next := generation{number: 1}
	routers := map[string]bool{}
	for _, labels := range older {
		next.number = max(next.number, generationOf(labels).number+1)
		for _, router := range liveRouters(labels) {
			routers[router] = true
		}
	}
	next.replaces = slices.Sorted(maps.Keys(routers))
	return next
}

// liveRouters returns the routers that lead to the container.
func liveRouters(labels map[string]string) (routers []string) {
	gone := generationOf(labels).replaces
	for key := range labels {
		t, ok := traefikKey(key)
		if ok && t.kind == "routers" && !strings.HasPrefix(t.name, markerPrefix) && !slices.Contains(gone, t.protocol+" "+t.name) {
			routers = append(routers, t.protocol+" "+t.name)
		}
	}
	slices.Sort(routers)
	return slices.Compact(routers)
}

// label is a key of Traefik's: traefik.<protocol>.<kind>.<name>.<rest>.
type label struct{ protocol, kind, name, rest string }

func (l label) String() string {
	return "traefik." + l.protocol + "." + l.kind + "." + l.name + "." + l.rest
}

var traefikForm = regexp.MustCompile(`(?i)^traefik\.(http|tcp|udp)\.(routers|services|middlewares|serverstransports)\.([^.]+)\.(.+)$`)

// traefikKey takes a label's key apart. Traefik reads keys without their case.
func traefikKey(key string) (label, bool) {
	found := traefikForm.FindStringSubmatch(key)
	if found == nil {
		return label{}, false
	}
	return label{strings.ToLower(found[1]), strings.ToLower(found[2]), found[3], found[4]}, true
}

// isRouted reports whether labels lead requests to a container: it has routers.
func isRouted(labels map[string]string) bool { return len(liveRouters(labels)) > 0 }

// markerPrefix begins the name of the router that answers once Traefik has a
// generation.
const markerPrefix = "gitops-"

// qualified names a service among those of all projects, which one Traefik may serve.
func qualified(service, project string) string { return service + "-" + project }

// marker is where Traefik answers 418 once it has the generation of a service: its
// service noop@internal does that.
func (g generation) marker(service string) string { return "/.gitops/" + g.rename(service) }

// rename returns what a name of the manifest is called in the generation.
func (g generation) rename(name string) string {
	if g.trial != nil {
		return fmt.Sprintf("%s-g%d-trial", name, g.number)
	}
	return fmt.Sprintf("%s-g%d", name, g.number)
}

// labels returns a service's labels in generation g. Generation 0 has those of the
// manifest. The service's name is qualified.
func (g generation) labels(service string, manifest map[string]string) map[string]string {
	own := maps.Clone(manifest)
	if own == nil {
		own = map[string]string{}
	}
	if g.check != "" {
		own[labelCheck] = g.check
	}
	if g.number == 0 {
		return own
	}
	w := rewriter{generation: g, service: service, names: namesIn(manifest)}
	out := map[string]string{LabelGeneration: strconv.Itoa(g.number)}
	for key, value := range own {
		newKey, newValue := w.rewrite(key, value)
		out[newKey] = newValue
	}
	w.connect(out)
	w.mark(out)
	w.replace(out)
	if g.trial != nil {
		w.restrict(out)
	}
	return out
}

// rewriter renames what labels of a service define for Traefik.
type rewriter struct {
	generation
	service string
	names   map[string][]string // by protocol and kind
}

// namesIn returns what labels define, by "http routers" and so on, sorted.
func namesIn(labels map[string]string) map[string][]string {
	names := map[string][]string{}
	for key := range labels {
		if t, ok := traefikKey(key); ok && !slices.Contains(names[t.protocol+" "+t.kind], t.name) {
			names[t.protocol+" "+t.kind] = append(names[t.protocol+" "+t.kind], t.name)
		}
	}
	for _, list := range names {
		slices.Sort(list)
	}
	return names
}

// rewrite renames a label's key, and the names in its value.
func (w rewriter) rewrite(key, value string) (newKey, newValue string) {
	t, ok := traefikKey(key)
	if !ok || t.protocol == "udp" {
		return key, value
	}
	t.name = w.rename(t.name)
	switch rest := strings.ToLower(t.rest); {
	case t.kind == "routers" && rest == "service", t.kind == "middlewares" && rest == "errors.service":
		value = w.reference(t.protocol, "services", value)
	case t.kind == "routers" && rest == "middlewares", t.kind == "middlewares" && rest == "chain.middlewares":
		var list []string
		for name := range strings.SplitSeq(value, ",") {
			list = append(list, w.reference(t.protocol, "middlewares", name))
		}
		value = strings.Join(list, ",")
	case t.kind == "services" && rest == "loadbalancer.serverstransport":
		value = w.reference(t.protocol, "serverstransports", value)
	}
	return t.String(), value
}

// reference renames what this service defines, and nothing that others do.
func (w rewriter) reference(protocol, kind, name string) string {
	name = strings.TrimSpace(name)
	bare := strings.TrimSuffix(name, "@docker")
	if slices.Contains(w.names[protocol+" "+kind], bare) {
		return w.rename(bare)
	}
	return name
}

// connect names the service of each router. Traefik finds it by itself where there is
// one alone, which is no longer so beside the routers that are added.
func (w rewriter) connect(labels map[string]string) {
	for _, protocol := range []string{"http", "tcp"} {
		routers, services := w.names[protocol+" routers"], w.names[protocol+" services"]
		if len(routers) == 0 || len(services) > 1 {
			continue
		}
		target := w.rename(w.service)
		if len(services) == 1 {
			target = w.rename(services[0])
		}
		used := false
		for _, router := range routers {
			key := label{protocol, "routers", w.rename(router), "service"}.String()
			if !hasKey(labels, key) {
				labels[key], used = target, true
			}
		}
		if used && len(services) == 0 {
			// The least that makes a service; Traefik finds the port.
			labels[label{protocol, "services", target, leastOf[protocol]}.String()] = defaultOf[protocol]
		}
	}
}

// Settings that make a service of Traefik's and change nothing: the defaults.
var (
	leastOf   = map[string]string{"http": "loadbalancer.passhostheader", "tcp": "loadbalancer.proxyprotocol"}
	defaultOf = map[string]string{"http": "true", "tcp": "false"}
)

// hasKey reports whether labels have the key, in whatever case.
func hasKey(labels map[string]string, key string) bool {
	for other := range labels {
		if strings.EqualFold(other, key) {
			return true
		}
	}
	return false
}

// mark adds the router that tells whether Traefik has this generation. It is on the
// entry points of the first router, and has its TLS.
func (w rewriter) mark(labels map[string]string) {
	routers := w.names["http routers"]
	if len(routers) == 0 {
		return
	}
	first, marker := w.rename(routers[0]), markerPrefix+w.rename(w.service)
	set := func(rest, value string) { labels[label{"http", "routers", marker, rest}.String()] = value }
	for key, value := range maps.Clone(labels) {
		t, ok := traefikKey(key)
		rest := strings.ToLower(t.rest)
		if ok && t.protocol == "http" && t.kind == "routers" && t.name == first &&
			(rest == "entrypoints" || rest == "tls" || rest == "tls.options") {
			set(t.rest, value)
		}
		if ok && t.protocol == "http" && t.kind == "routers" && t.name == first && strings.HasPrefix(rest, "tls.") && rest != "tls.options" {
			set("tls", "true") // no certificate is asked for the marker
		}
	}
	set("rule", "Path(`"+w.marker(w.service)+"`)")
	set("priority", "1000000")
	set("service", "noop@internal")
}

// replace defines the routers of older generations in another way.
func (w rewriter) replace(labels map[string]string) {
	if len(w.replaces) == 0 {
		return
	}
	labels[labelReplaces] = strings.Join(w.replaces, ",")
	for _, router := range w.replaces {
		protocol, name, _ := strings.Cut(router, " ")
		set := func(rest, value string) { labels[label{protocol, "routers", name, rest}.String()] = value }
		switch protocol {
		case "http":
			set("rule", "Path(`"+w.marker(w.service)+"/replaced`)")
			set("service", "noop@internal")
		case "tcp":
			// A rule of TCP's that meets nothing would make the entry point read TLS first.
			set("rule", "HostSNI(`*`)")
			set("entrypoints", "gitops-replaced")
		}
	}
}
