package deploy

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"gitops/ci/compose"
	"gitops/ci/progress"
)

// Labels that a stack gets: what the containers of a service were made from, and what
// the service says altogether. The first decides whether its tasks are replaced.
const (
	labelDefinition = "gitops.definition"
	labelService    = "gitops.service"
	labelPlace      = "gitops.place" // the manager and the folder that have the releases
	labelNamespace  = "com.docker.stack.namespace"
	labelStackImage = "com.docker.stack.image"
)

// swarmStack is a manifest as docker stack deploy reads it. It has the values of
// variables, and is in memory and on standard inputs alone.
type swarmStack struct {
	text     []byte // JSON
	services map[string]swarmService
	contents []swarmContent
	networks []string // outside the stack
	files    []string // names of its configs and secrets
}

// swarmService is what a stack says of a service.
type swarmService struct {
	image      string // as the stack names it
	definition string // hash of what its containers are made from
	whole      string // hash of all
	firstStart bool   // new tasks start before old ones stop
	why        string // they do not
	scale      int
	global     bool
	job        bool // others wait for its end, or Swarm does
	ends       bool // it may end, and is not started again then
	ignored    []string
	notes      []string
}

// swarmContent is a config or a secret whose content is in the manifest or in a
// variable.
type swarmContent struct{ kind, name, content string }

// stacker makes a stack of a manifest.
type stacker struct {
	manifest *compose.Manifest
	bundle   bundle
	project  string
	dir      string
	place    string
	// images are those of the target's release, running the services' now, as the swarm
	// names them: by tag and digest.
	images  []Image
	running map[string]string

	out      swarmStack
	networks map[string]any
	volumes  map[string]any
	configs  map[string]any
	secrets  map[string]any
}

// stack returns the manifest as a stack. What a swarm cannot do is progress.Invalid.
func (s stacker) stack() (swarmStack, error) {
	s.out.services = map[string]swarmService{}
	s.networks, s.volumes, s.configs, s.secrets = map[string]any{}, map[string]any{}, map[string]any{}, map[string]any{}
	services, version := map[string]any{}, "3.8"
	for _, name := range s.manifest.Starts() {
		service, known, err := s.service(s.manifest.Project.Services[name])
		if err != nil {
			return s.out, err
		}
		services[name], s.out.services[name] = service, known
		version = max3(version, s.manifest.Project.Services[name])
	}
	slices.Sort(s.out.networks)
	s.out.networks = slices.Compact(s.out.networks)
	file := map[string]any{"version": version, "services": services}
	for key, all := range map[string]map[string]any{"networks": s.networks, "volumes": s.volumes, "configs": s.configs, "secrets": s.secrets} {
		if len(all) > 0 {
			file[key] = all
		}
	}
	var err error
	s.out.text, err = json.Marshal(escaped(file))
	return s.out, err
}

// max3 returns the lowest version of the compose file's format that has what the service
// uses: older clients know no later ones.
func max3(version string, s types.ServiceConfig) string {
	needed := version
	switch {
	case s.OomScoreAdj != 0:
		needed = "3.13"
	case s.HealthCheck != nil && s.HealthCheck.StartInterval != nil:
		needed = "3.12"
	case s.PidsLimit > 0 || s.Deploy != nil && s.Deploy.Resources.Limits != nil && s.Deploy.Resources.Limits.Pids > 0:
		needed = "3.9"
	}
	if len(needed) > len(version) || len(needed) == len(version) && needed > version {
		return needed
	}
	return version
}

// passed are the keys of a service that a stack has under the same name and in the same
// form (docker/cli, cli/compose/schema/data/config_schema_v3.13.json).
var passed = strings.Fields(`cap_add cap_drop command dns dns_search entrypoint healthcheck hostname init isolation logging
	oom_score_adj read_only stdin_open stop_grace_period stop_signal sysctls tmpfs tty ulimits user working_dir`)

// resolved are keys that a stack has in another form, or that have done their work when
// the manifest was read.
var resolved = strings.Fields(`attach build configs cpus deploy develop env_file environment expose extends extra_hosts image label_file
	labels mem_limit mem_reservation networks pids_limit ports profiles pull_policy restart scale secrets volumes`)

// service returns a service of the stack, and what is to be known of it.
func (s *stacker) service(c types.ServiceConfig) (map[string]any, swarmService, error) {
	known := swarmService{scale: scaleOf(c), job: jobs(s.manifest.Project)[c.Name]}
	keys, err := keysAndValues(c)
	if err != nil {
		return nil, known, err
	}
	if err := refuseShared(c); err != nil {
		return nil, known, err
	}
	service := map[string]any{}
	for _, key := range passed {
		if value, ok := keys[key]; ok && value != nil {
			service[key] = value
		}
	}
	known.ignored = ignoredBySwarm(keys, c)
	if environment := environmentOf(c); len(environment) > 0 {
		service["environment"] = environment
	}
	if hosts := hostsOf(c); len(hosts) > 0 {
		service["extra_hosts"] = hosts
	}
	steps := []func(types.ServiceConfig, map[string]any, *swarmService) error{s.addNetworks, s.addPorts, s.addFiles, s.addVolumes}
	for _, step := range steps {
		if err := step(c, service, &known); err != nil {
			return nil, known, err
		}
	}
	return service, known, s.finish(c, service, &known)
}

// finish adds the labels, the image and how the service is deployed.
func (s *stacker) finish(c types.ServiceConfig, service map[string]any, known *swarmService) error {
	own, routed := swarmLabels(c, qualified(c.Name, s.project), known)
	if len(own) > 0 {
		service["labels"] = own
	}
	deployed, err := deployOf(c, known)
	if err != nil {
		return err
	}
	known.image = s.imageOf(c)
	service["image"] = canonical(c.Image) // a release's digest is compared by itself
	known.definition = hashOf(service, s.uses(c, service), deployed["resources"], deployed["restart_policy"], deployed["endpoint_mode"])
	labels := map[string]string{labelDefinition: known.definition}
	maps.Copy(labels, own)
	service["labels"], service["image"] = labels, known.image
	known.whole = hashOf(known.definition, deployed, routed)
	routed[labelService], routed[labelPlace] = known.whole, s.place
	deployed["labels"], service["deploy"] = routed, deployed
	return nil
}

// uses returns what the stack says of the networks, volumes, configs and secrets that a
// service uses: with another one its tasks are others.
func (s *stacker) uses(c types.ServiceConfig, service map[string]any) []any {
	var all []any
	for _, key := range sortedKeys(c.Networks) {
		network, _ := s.networks[key].(map[string]any)
		all = append(all, key, network["name"])
	}
	for _, v := range c.Volumes {
		if v.Type == types.VolumeTypeVolume {
			all = append(all, v.Source, s.volumes[v.Source])
		}
	}
	return append(all, objectsOf(service["configs"], s.configs), objectsOf(service["secrets"], s.secrets))
}

// objectsOf returns the configs or secrets that a service uses.
func objectsOf(uses any, all map[string]any) map[string]any {
	objects := map[string]any{}
	list, _ := uses.([]map[string]any)
	for _, entry := range list {
		key, _ := entry["source"].(string)
		objects[key] = all[key]
	}
	return objects
}

// imageOf returns the image of a service as the stack names it: by the digest that the
// release ran, and by the name that runs already where it is the same image.
func (s *stacker) imageOf(c types.ServiceConfig) string {
	ref := c.Image
	if i := slices.IndexFunc(s.images, func(image Image) bool { return image.Ref == ref }); i >= 0 && digestIn(ref) == "" {
		if digest := digestIn(s.images[i].Digest); digest != "" {
			ref += "@" + digest
		}
	}
	if now := s.running[c.Name]; digestIn(ref) != "" && canonical(now) == canonical(ref) {
		return now
	}
	return ref
}

// keysAndValues returns a service's keys as compose-go writes them.
func keysAndValues(c types.ServiceConfig) (map[string]any, error) {
	text, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("writing service %s for the swarm: %w", c.Name, err)
	}
	keys := map[string]any{}
	return keys, json.Unmarshal(text, &keys)
}

// refuseShared refuses what a service could not run without, and a swarm does not have.
func refuseShared(c types.ServiceConfig) error {
	switch {
	case namespaceOf(c) != "":
		return progress.Invalid("service %q lives in a container of %s, which a swarm may run on another node: connect them by a network, or put both into one image", c.Name, namespaceOf(c))
	case len(c.VolumesFrom) > 0:
		return progress.Invalid("service %q has volumes_from, which a swarm does not have: name the volume in both services", c.Name)
	case len(c.Models) > 0:
		return progress.Invalid("service %q has models, which a swarm does not have: leave them out with --engine swarm", c.Name)
	case c.UseAPISocket:
		return progress.Invalid("service %q has use_api_socket, which a swarm does not have: mount /var/run/docker.sock and place it on a manager", c.Name)
	}
	return nil
}

// ignoredBySwarm returns the keys of a service that Swarm does not know, or knows and
// leaves out: docker/cli lists those as UnsupportedProperties, DeprecatedProperties and
// ForbiddenProperties (cli/compose/types/types.go).
func ignoredBySwarm(keys map[string]any, c types.ServiceConfig) (ignored []string) {
	for _, key := range sortedKeys(keys) {
		if keys[key] == nil || slices.Contains(passed, key) || slices.Contains(resolved, key) || key == "network_mode" && c.NetworkMode == "host" {
			continue
		}
		ignored = append(ignored, key)
	}
	if len(c.DependsOn) > 0 {
		i := slices.Index(ignored, "depends_on")
		ignored[i] = "depends_on (all services start at once)"
	}
	for _, name := range sortedKeys(c.Networks) {
		if n := c.Networks[name]; n != nil && (n.Ipv4Address != "" || n.Ipv6Address != "" || n.MacAddress != "") {
			ignored = append(ignored, "the fixed address in network "+name)
		}
	}
	if c.Deploy != nil && c.Deploy.Resources.Reservations != nil && len(c.Deploy.Resources.Reservations.Devices) > 0 {
		ignored = append(ignored, "deploy.resources.reservations.devices")
	}
	return ignored
}

// hostsOf returns the extra hosts in the form of a stack.
func hostsOf(c types.ServiceConfig) []string {
	hosts := c.ExtraHosts.AsList(":")
	slices.Sort(hosts)
	return hosts
}

// environmentOf returns the variables that have values.
func environmentOf(c types.ServiceConfig) map[string]string {
	environment := map[string]string{}
	for name, value := range c.Environment {
		if value != nil {
			environment[name] = ofHost(*value, "^%s$")
		}
	}
	return environment
}

// hostVariable is a placeholder for a variable of the login on the host. It stays until
// the text is escaped.
const hostVariable = "\x00"

var loginForm = `\$\{(HOME|USER|LOGNAME|SHELL|PATH)\}`

// ofHost marks the variables of the login in a text; form is where they may be.
func ofHost(text, form string) string {
	return regexp.MustCompile(fmt.Sprintf(form, loginForm)).ReplaceAllString(text, hostVariable+"$1"+hostVariable)
}

var markedForm = regexp.MustCompile(hostVariable + "([A-Z]+)" + hostVariable)

// escaped returns value with texts in which Docker finds no variables but those of the
// login.
func escaped(value any) any {
	switch v := value.(type) {
	case string:
		return markedForm.ReplaceAllString(escape(v), "$${$1}")
	case []string:
		return mapped(v, func(item string) any { return escaped(item) })
	case []any:
		return mapped(v, escaped)
	case map[string]string:
		all := map[string]any{}
		for key, item := range v {
			all[key] = escaped(item)
		}
		return all
	case map[string]any:
		all := map[string]any{}
		for key, item := range v {
			all[key] = escaped(item)
		}
		return all
	case []map[string]any:
		return mapped(v, func(item map[string]any) any { return escaped(item) })
	}
	return value
}

func mapped[T any](list []T, change func(T) any) []any {
	all := make([]any, 0, len(list))
	for _, item := range list {
		all = append(all, change(item))
	}
	return all
}

// hashOf returns a hash of values, in the form of a label.
func hashOf(values ...any) string {
	text, _ := json.Marshal(values) // of maps and texts, which have a form in JSON
	hash := sha256.Sum256(text)
	return hex.EncodeToString(hash[:16])
}
