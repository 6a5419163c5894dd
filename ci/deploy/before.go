package deploy

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"gitops/ci/compose"
	"gitops/ci/progress"
	"gitops/ci/retry"
)

// Before is a command that runs once before a service changes, such as a migration.
type Before struct {
	Service string   `json:"service"`
	Command []string `json:"command"`
}

// ParseBefore reads SERVICE:COMMAND, with spaces between the words of the command.
func ParseBefore(text string) (Before, error) {
	service, command, ok := strings.Cut(text, ":")
	words := strings.Fields(command)
	if !ok || service == "" || len(words) == 0 {
		return Before{}, progress.Invalid("--before %q: give SERVICE:COMMAND, such as backend:migrate up", text)
	}
	return Before{service, words}, nil
}

// checkBefore refuses commands of services that do not start.
func checkBefore(commands []Before, m *compose.Manifest) error {
	for _, b := range commands {
		if !slices.Contains(m.Starts(), b.Service) {
			return progress.Invalid("--before %s: the manifest starts no service of this name: there are %s", b.Service, strings.Join(m.Starts(), ", "))
		}
	}
	return nil
}

// before runs the commands of the services in a level, in new containers with the new
// image. It is done before any of the level's services change.
func (r *run) before(ctx context.Context, t target, level []string) error {
	for _, b := range r.o.Before {
		if !slices.Contains(level, b.Service) {
			continue
		}
		err := r.step(ctx, "before "+b.Service, func(ctx context.Context) error {
			_, err := r.script(ctx, "once", r.compose(t), append([]string{b.Service}, b.Command...)...)
			return err
		})
		if err != nil {
			return fmt.Errorf("running %q for service %s, before it changes: %w", strings.Join(b.Command, " "), b.Service, shortened(err))
		}
	}
	return nil
}

// Probe is a request to the application, and the answer that it has to give.
type Probe struct {
	// Host is the name that Traefik routes by; empty when it does not matter.
	Host   string `json:"host,omitempty"`
	Path   string `json:"path"`
	Status int    `json:"status"`
}

// ParseProbe reads [HOST]/PATH=STATUS.
func ParseProbe(text string) (Probe, error) {
	at := strings.LastIndexByte(text, '=')
	slash := strings.IndexByte(text, '/')
	status := 0
	if at > 0 {
		status, _ = strconv.Atoi(text[at+1:])
	}
	if slash < 0 || at < slash || status < 100 || status > 599 {
		return Probe{}, progress.Invalid("--probe %q: give PATH=STATUS, such as /api/v1/health=200, with a host name before the path where one is needed", text)
	}
	return Probe{text[:slash], text[slash:at], status}, nil
}

// probePatience is how long a probe may be answered otherwise.
const probePatience = 10 * time.Second

// probe asks through Traefik until each probe is answered as expected.
func (r *run) probe(ctx context.Context) error {
	if r.proxy == nil {
		return errors.New("a probe goes through Traefik, and none runs on the host")
	}
	for _, p := range r.o.Probes {
		if err := r.answered(ctx, p, nil); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) answered(ctx context.Context, p Probe, trial http.Header) error {
	for deadline := time.Now().Add(probePatience); ; {
		wrong := r.proxy.answers(ctx, p, trial)
		if wrong == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return wrong
		}
		if err := retry.Sleep(ctx, switchPoll); err != nil {
			return fmt.Errorf("probing %s: %w", p.Path, err)
		}
	}
}

// probeError is a probe that was not answered as expected.
type probeError struct {
	probe Probe
	said  string
	trial string // the service whose container on trial answered
}

func (e *probeError) Error() string {
	return fmt.Sprintf("probe %s%s: %s, not %d", e.probe.Host, e.probe.Path, e.said, e.probe.Status)
}

// answers returns what Traefik said instead of the expected; nil when an entry point
// answers as expected. With the header of a trial, only its answers count.
func (p *proxy) answers(ctx context.Context, probe Probe, header http.Header) *probeError {
	wrong, answered := &probeError{probe: probe}, false
	var said []string
	for _, address := range p.addresses {
		response, err := p.getWith(ctx, address, probe.Host, probe.Path, header)
		if err != nil {
			continue
		}
		response.Body.Close()
		answered = true
		trial := response.Header.Get(trialHeader)
		if header != nil && trial == "" {
			continue
		}
		if response.StatusCode == probe.Status {
			return nil
		}
		wrong.trial = trial
		said = append(said, fmt.Sprintf("%s answered %d %s", address, response.StatusCode, http.StatusText(response.StatusCode)))
	}
	switch {
	case len(said) > 0:
		wrong.said = strings.Join(said, ", ")
	case answered && header != nil:
		return nil
	default:
		wrong.said = "no entry point of Traefik answered"
	}
	return wrong
}
