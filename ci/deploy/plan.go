package deploy

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"gitops/ci/compose"
)

// group is the containers of a service that were made from one definition.
type group struct {
	hash       string // Compose's, of the definition
	containers []Service
}

// groups returns the containers of a service by their definitions, the newest
// generation first.
func groups(services []Service, name string) []group {
	var all []group
	for _, s := range services {
		if s.Service != name {
			continue
		}
		i := slices.IndexFunc(all, func(g group) bool { return g.hash == s.hash })
		if i < 0 {
			all, i = append(all, group{hash: s.hash}), len(all)
		}
		all[i].containers = append(all[i].containers, s)
	}
	slices.SortStableFunc(all, func(a, b group) int {
		if a.generation().number != b.generation().number {
			return b.generation().number - a.generation().number
		}
		return b.containers[0].Started.Compare(a.containers[0].Started)
	})
	return all
}

func (g group) generation() generation { return generationOf(g.containers[0].labels) }

// stays reports whether the group's containers are as the manifest says, by Compose's
// own plan: some stay, and others go at most because there are too many.
func (g group) stays(status map[string]string) bool {
	some := false
	for _, s := range g.containers {
		switch status[s.Container] {
		case "Running", "Created", "Starting", "Started":
			some = true
		case "Stopping", "Stopped", "Removing", "Removed":
		default:
			return false
		}
	}
	return some
}

// planner decides what becomes of each service of a target.
type planner struct {
	*run
	target   target
	services []Service // the containers as they are
	// same has, by service, the hash of those that are the target's definition.
	same map[string]string
}

// plan compares a target with what runs, and returns what to do with each service,
// in order of their names. Whether a definition changed is Compose's own decision, in
// a dry run: the manifest is read with each service in the generation that it has
// now. The override of the target is left in its folder.
func (r *run) plan(ctx context.Context, t target) ([]Action, error) {
	services := r.services
	if r.services = nil; services == nil {
		var err error
		if services, err = r.containers(ctx); err != nil {
			return nil, err
		}
	}
	p := planner{run: r, target: t, services: services, same: map[string]string{}}
	actions := make([]Action, 0, len(t.manifest.Starts()))
	for _, name := range t.manifest.Starts() {
		actions = append(actions, Action{Service: name, Waits: waits(t.manifest.Project, name)})
	}
	if err := p.match(ctx, actions); err != nil {
		return nil, err
	}
	for i := range actions {
		p.decide(&actions[i])
		p.explain(&actions[i])
	}
	p.follow(actions)
	if err := p.checks(ctx, actions); err != nil {
		return nil, err
	}
	for _, file := range t.manifest.Files {
		if file.Use == compose.UseBind && file.Writable && file.Folder && t.byHand == nil {
			r.warn("%s may write to %s, and loses that with the next change of the folder: mount it read-only, or name it with --data", strings.Join(file.Services, ", "), file.Path)
		}
	}
	actions = append(actions, p.orphans()...)
	return actions, nil
}

// match finds for each service the containers whose definition is the target's. Only
// leftovers of a run that was killed make more than one round.
func (p *planner) match(ctx context.Context, actions []Action) error {
	for round := 0; ; round++ {
		open := false
		candidates := slices.Clone(actions)
		for i := range candidates {
			all := groups(p.services, candidates[i].Service)
			if p.matched(candidates[i].Service) == nil && round < len(all) {
				open = true
				candidates[i].next = all[round].generation()
				candidates[i].pin = p.pin(all[round])
			}
		}
		if !open {
			return nil
		}
		status, err := p.dryRun(ctx, candidates)
		if err != nil {
			return err
		}
		for _, c := range candidates {
			all := groups(p.services, c.Service)
			if p.matched(c.Service) == nil && round < len(all) && all[round].stays(status) {
				p.same[c.Service] = all[round].hash
			}
		}
	}
}

// matched returns the containers of a service whose definition is the target's; nil
// when there are none.
func (p *planner) matched(service string) *group {
	hash, ok := p.same[service]
	if !ok {
		return nil
	}
	for _, g := range groups(p.services, service) {
		if g.hash == hash {
			return &g
		}
	}
	return nil
}

// pin returns the name under which a group's containers know the target's image, if
// it is the same image under another tag.
func (p *planner) pin(g group) string {
	have, want := g.containers[0], p.target.manifest.Project.Services[g.containers[0].Service].Image
	if have.Ref == want || repositoryOf(have.Ref) != repositoryOf(want) {
		return ""
	}
	if digest := digestIn(want); digest != "" {
		if digest == digestIn(have.Ref) || digest == digestIn(have.Digest) {
			return have.Ref
		}
		return ""
	}
	if id := p.images[want]; id != "" && id == have.ID {
		return have.Ref
	}
	return ""
}

// decide says what becomes of a service.
func (p *planner) decide(a *Action) {
	s := p.target.manifest.Project.Services[a.Service]
	all := groups(p.services, a.Service)
	a.Image = s.Image
	_, a.Files = p.target.bundle.filesOf(p.target.manifest, a.Service)
	if len(all) == 0 {
		a.Action = Create
		return
	}
	a.Before = all[0].containers[0].Ref
	if same := p.matched(a.Service); same != nil && p.serves(*same, all) {
		a.next, a.pin = same.generation(), p.pin(*same)
		a.old = others(all, same.hash)
		a.Action = Keep
		if extra := len(same.containers) - scaleOf(s); extra > 0 {
			a.old = append(a.old, same.containers[scaleOf(s):]...)
		} else if extra < 0 || slices.ContainsFunc(same.containers, func(c Service) bool { return c.stopped() && !c.finished() }) {
			a.Action = Start
		}
		a.Switch = switchOf(same.containers[0].labels, isProxied(s))
		return
	}
	p.replaceAll(a, s, all)
}

// serves reports whether requests reach a group's containers: no newer container
// that is well has replaced their routers.
func (p *planner) serves(g group, all []group) bool {
	mine := liveRouters(g.containers[0].labels)
	for _, other := range all {
		if other.hash == g.hash || !slices.ContainsFunc(other.containers, Service.fine) {
			continue
		}
		for _, router := range generationOf(other.containers[0].labels).replaces {
			if slices.Contains(mine, router) {
				return false
			}
		}
	}
	return true
}

// others returns the containers of all groups but one.
func others(all []group, hash string) (rest []Service) {
	for _, g := range all {
		if g.hash != hash {
			rest = append(rest, g.containers...)
		}
	}
	return rest
}

// replaceAll makes a service have new containers.
func (p *planner) replaceAll(a *Action, s types.ServiceConfig, all []group) {
	a.old = others(all, "none")
	manifest := p.target.manifest.Labels(s.Name)
	a.Action, a.Why, a.Switch = Roll, p.single(s, a.old), switchOf(manifest, isProxied(s))
	if a.Why == "" {
		a.Why = p.conflict(s, a.old, a.Switch)
	}
	a.Drain = drainOf(s, a.Switch, p.o.Drain)
	running := slices.ContainsFunc(a.old, func(c Service) bool { return c.State == "running" })
	if a.Why != "" || !running {
		a.Action, a.old, a.Switch = Recreate, nil, ""
		if !running {
			a.Why = ""
		}
		return
	}
	if a.Switch == SwitchTraefik {
		a.unmarked = len(namesIn(manifest)["http routers"]) == 0
		var labels []map[string]string
		for _, c := range a.old {
			labels = append(labels, c.labels)
		}
		a.next = after(labels)
	}
}

func (p *planner) single(s types.ServiceConfig, old []Service) string {
	if p.target.bundle.layout.Rename {
		s.ContainerName = ""
	}
	for _, other := range p.target.manifest.Project.Services {
		if other.Provider != nil {
			return other.Name + " has a provider, which Compose runs with all services at once"
		}
	}
	reason := single(p.target.manifest.Project, s, old)
	for _, v := range s.Volumes {
		if relative, ok := p.target.manifest.Relative(v.Source); ok {
			reason = strings.ReplaceAll(reason, "folder "+v.Source+" ", "folder "+relative+" ")
		}
	}
	return reason
}

// conflict finds labels that make Traefik drop what two containers of a service
// define.
func (p *planner) conflict(s types.ServiceConfig, old []Service, how string) string {
	all := map[string]map[string]string{}
	for name := range p.target.manifest.Project.Services {
		all[name] = p.target.manifest.Labels(name)
	}
	if how == SwitchTraefik {
		if s.LabelFiles != nil {
			return "its labels are in a file (label_file), so its routers cannot be renamed"
		}
		if reason := borrowed(s.Name, all); reason != "" {
			return reason
		}
	}
	for key, value := range s.Labels {
		t, ok := traefikKey(key)
		if !ok || how == SwitchTraefik && t.protocol != "udp" {
			continue
		}
		for _, c := range old {
			if before, there := c.labels[key]; there && before != value {
				return "its label " + key + " changes, and Traefik drops what two containers define differently"
			}
		}
	}
	return ""
}

// drainOf says how an old container of a service ends.
func drainOf(s types.ServiceConfig, how string, limit fmt.Stringer) string {
	grace := "10s"
	if s.StopGracePeriod != nil {
		grace = s.StopGracePeriod.String()
	}
	stop := fmt.Sprintf("%s, then at most %s", signalOf(s), grace)
	if how == SwitchTraefik {
		return fmt.Sprintf("until Traefik has no connection to it, at most %s; %s", limit, stop)
	}
	return stop
}

func signalOf(s types.ServiceConfig) string {
	if s.StopSignal != "" {
		return s.StopSignal
	}
	return "the image's stop signal"
}

func scaleOf(s types.ServiceConfig) int { return s.GetScale() }

// follow replaces the containers of services that ask to be restarted with another
// one (depends_on with restart: true), and those that live in one that goes.
func (p *planner) follow(actions []Action) {
	changes := map[string]bool{}
	for _, a := range actions {
		changes[a.Service] = a.Action == Roll || a.Action == Recreate
	}
	for again := true; again; {
		again = false
		for i := range actions {
			a := &actions[i]
			s := p.target.manifest.Project.Services[a.Service]
			with := follows(s, changes)
			if changes[a.Service] || a.Action != Keep || with == "" {
				continue
			}
			p.replaceAll(a, s, groups(p.services, a.Service))
			a.Changes = []string{with + " changes"}
			a.forced = a.Action == Recreate
			changes[a.Service], again = true, true
		}
	}
}

// follows returns the service that changes and that s has to change with; empty when
// there is none.
func follows(s types.ServiceConfig, changes map[string]bool) string {
	for _, name := range sortedKeys(s.DependsOn) {
		if s.DependsOn[name].Restart && changes[name] {
			return name
		}
	}
	if in := namespaceOf(s); changes[in] {
		return in
	}
	return ""
}

// checks gives those services a health check that roll, have none and whose image
// has a shell: without one Traefik would send requests before the container listens.
func (p *planner) checks(ctx context.Context, actions []Action) error {
	var refs []string
	wants := func(a Action) bool {
		s := p.target.manifest.Project.Services[a.Service]
		return a.Action == Roll && a.Switch == SwitchTraefik && s.HealthCheck == nil
	}
	for _, a := range actions {
		if wants(a) {
			refs = append(refs, a.Image)
		}
	}
	if len(refs) == 0 {
		return nil
	}
	slices.Sort(refs)
	out, err := p.script(ctx, "shells", "", slices.Compact(refs)...)
	if err != nil {
		return fmt.Errorf("asking what images have: %w", err)
	}
	for i := range actions {
		if a := &actions[i]; wants(*a) {
			p.check(a, out)
		}
	}
	return nil
}

// check reads what shells.sh says of a service's image.
func (p *planner) check(a *Action, out string) {
	labels := p.target.manifest.Project.Services[a.Service].Labels
	for line := range strings.Lines(out) {
		words := strings.SplitN(strings.TrimSpace(line), " ", 3)
		var image struct {
			Healthcheck  any
			ExposedPorts map[string]any
		}
		if len(words) < 3 || words[0] != a.Image || json.Unmarshal([]byte(words[2]), &image) != nil || image.Healthcheck != nil {
			continue
		}
		ports := trafficPorts(Service{labels: labels, exposed: sortedPorts(sortedKeys(image.ExposedPorts))})
		if words[1] == "shell" && len(ports) > 0 {
			a.next.check = ports[0]
			continue
		}
		p.warn("service %s has no health check, and its image no shell or no port for one: Traefik sends it requests before it listens; give it a healthcheck", a.Service)
	}
}

// orphans returns the services that run and are not in the manifest. One behind a
// profile may have been started on purpose.
func (p *planner) orphans() (gone []Action) {
	known := p.target.manifest.Project
	for _, name := range namesOf(p.services) {
		_, active := known.Services[name]
		_, disabled := known.DisabledServices[name]
		if active && slices.Contains(p.target.manifest.Starts(), name) || disabled {
			continue
		}
		all := groups(p.services, name)
		gone = append(gone, Action{Service: name, Action: Remove, Before: all[0].containers[0].Ref, old: others(all, "none")})
	}
	return gone
}

func namesOf(services []Service) (names []string) {
	for _, s := range services {
		names = append(names, s.Service)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

var statusForm = regexp.MustCompile(`Container (\S+)\s+([A-Z][a-z]+)`)

// dryRun writes the override and asks Compose what it would do: the first word on
// each container.
func (p *planner) dryRun(ctx context.Context, actions []Action) (map[string]string, error) {
	out, err := p.compare(ctx, actions)
	if err != nil {
		return nil, fmt.Errorf("comparing the manifest with what runs: %w", shortened(err))
	}
	status := map[string]string{}
	for _, found := range statusForm.FindAllStringSubmatch(out, -1) {
		if _, told := status[found[1]]; !told {
			status[found[1]] = found[2]
		}
	}
	return status, nil
}

// compare has Compose compare the target, in the generations of actions, with what
// runs.
func (p *planner) compare(ctx context.Context, actions []Action) (string, error) {
	content, err := p.overrideText(p.target, actions)
	if err != nil {
		return "", err
	}
	neutral, names, err := neutral(p.target.manifest.Project)
	if err != nil {
		return "", fmt.Errorf("writing what Compose compares: %w", err)
	}
	documents := document("override", content) + document("neutral", neutral)
	if !p.only {
		p.written = content
		return p.script(ctx, "compare", p.compose(p.target)+documents, append([]string{p.run.override(p.target)}, names...)...)
	}
	folder := checkFolder + rand.Text()
	stack := p.target.bundle.layout.in(folder).with(path.Join(folder, overrideFile))
	preamble := withEnv(p.target.env) + p.target.bundle.unpack() + documents + stack.function(p.Project)
	out, err := p.script(ctx, "preview", preamble, append([]string{folder, overrideFile}, names...)...)
	return out, p.target.bundle.named(err, folder)
}

// writeOverride puts the override of a target beside its manifest.
func (r *run) writeOverride(ctx context.Context, t target, actions []Action) error {
	content, err := r.overrideText(t, actions)
	if err != nil || bytes.Equal(content, r.written) {
		return err // it is there, since Compose compared it
	}
	r.written = nil
	return r.host.Upload(ctx, r.override(t), 0o600, content)
}

func (r *run) overrideText(t target, actions []Action) ([]byte, error) {
	content, err := override{manifest: t.manifest, bundle: t.bundle, project: r.Project, dir: r.Dir, rename: t.bundle.layout.Rename, pathsStay: t.byHand != nil}.text(actions)
	if err != nil {
		return nil, fmt.Errorf("writing the override of the manifest: %w", err)
	}
	return content, nil
}
