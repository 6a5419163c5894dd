package deploy

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"gitops/ci/program"
)

// drain lets the old containers of services finish and removes them. Those that
// Traefik led to finish when it has no connection to them any more, or o.Drain has
// passed; then the manifest's pre_stop hooks run, and the stop signal comes.
func (r *run) drain(ctx context.Context, actions []Action) error {
	var items []string
	var leaving []Service
	for _, action := range actions {
		for _, old := range action.old {
			ports := ""
			if action.Switch == SwitchTraefik {
				ports = strings.Join(trafficPorts(old), ",")
			}
			items = append(items, old.id+"|"+ports)
			leaving = append(leaving, old)
		}
	}
	if len(items) == 0 {
		return nil
	}
	var inside []string
	if r.proxy != nil {
		inside = r.proxy.inside
	}
	args := append([]string{strconv.Itoa(int(math.Ceil(r.o.Drain.Seconds()))), strings.Join(inside, ",")}, items...)
	out, err := r.script(ctx, "drain", r.hooks(leaving), args...)
	if err != nil {
		return fmt.Errorf("draining old containers: %w", err)
	}
	for line := range strings.Lines(out) {
		r.drained(strings.TrimSpace(line), leaving)
	}
	return nil
}

// drained takes a line of drain.sh.
func (r *run) drained(line string, leaving []Service) {
	if warning, ok := strings.CutPrefix(line, "warning: "); ok {
		r.warn("%s", warning)
		return
	}
	words := strings.Fields(line)
	if len(words) != 3 || words[0] != "drained" {
		return
	}
	i := slices.IndexFunc(leaving, func(s Service) bool { return s.id == words[1] })
	taken, err := strconv.Atoi(words[2])
	if i < 0 || err != nil {
		return
	}
	if limit := int(r.o.Drain.Seconds()); limit > 0 && taken >= limit && len(trafficPorts(leaving[i])) > 0 {
		r.o.Progress.Say("%s still had connections of Traefik's after %s and was stopped; idle ones go sooner with --serversTransport.forwardingTimeouts.idleConnTimeout=3s", leaving[i].Container, time.Duration(taken)*time.Second)
	}
}

// trafficPorts returns the ports on which Traefik reaches a container: those of its
// labels, else the lowest that its image exposes, as Traefik takes it.
func trafficPorts(s Service) (ports []string) {
	for key, value := range s.labels {
		t, ok := traefikKey(key)
		if ok && t.kind == "services" && strings.EqualFold(t.rest, "loadbalancer.server.port") {
			if _, err := strconv.Atoi(value); err == nil {
				ports = append(ports, value)
			}
		}
	}
	if len(ports) == 0 && isRouted(s.labels) && len(s.exposed) > 0 {
		ports = s.exposed[:1]
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}

// hooks returns the shell function hooks, which runs the pre_stop hooks of a
// container. Compose runs them only for containers that it stops itself.
func (r *run) hooks(leaving []Service) string {
	var text strings.Builder
	text.WriteString("hooks() {\ncase $1 in\n")
	for _, s := range leaving {
		if r.running == nil || len(r.running.Services[s.Service].PreStop) == 0 {
			continue
		}
		text.WriteString(program.Quote(s.id) + ")\n")
		for _, hook := range r.running.Services[s.Service].PreStop {
			text.WriteString(hookCommand(s.id, hook) + " || return\n")
		}
		text.WriteString(";;\n")
	}
	text.WriteString("esac\n}\n")
	return text.String()
}

// hookCommand returns the command that runs a hook. Values of its environment go
// through the command's own environment, so no process list shows them.
func hookCommand(id string, hook types.ServiceHook) string {
	words, before := []string{"docker", "exec"}, ""
	if hook.User != "" {
		words = append(words, "--user", hook.User)
	}
	if hook.WorkingDir != "" {
		words = append(words, "--workdir", hook.WorkingDir)
	}
	if hook.Privileged {
		words = append(words, "--privileged")
	}
	for _, name := range sortedKeys(hook.Environment) {
		if value := hook.Environment[name]; value != nil {
			words = append(words, "--env", name)
			before += "export " + name + "=" + program.Quote(*value) + "; "
		}
	}
	words = append(append(words, id), hook.Command...)
	return "( " + before + program.Quote(words...) + " ) >&2"
}
