package deploy

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// trialHeader leads a request to a container on trial, and comes back with its answer.
const trialHeader = "X-Gitops-Trial"

// trial is how requests get to a container on trial.
type trial struct {
	token      string         // value of the header
	priorities map[string]int // of the manifest's routers
}

// newTrial returns a trial of a service with these labels.
func newTrial(token string, labels map[string]string) *trial {
	t := &trial{token, map[string]int{}}
	for key, value := range labels {
		l, ok := traefikKey(key)
		if !ok || l.protocol != "http" || l.kind != "routers" {
			continue
		}
		switch strings.ToLower(l.rest) {
		case "priority":
			if n, err := strconv.Atoi(value); err == nil && n != 0 {
				t.priorities[l.name] = n
			}
		case "rule": // its length is the priority, where no other is given
			if t.priorities[l.name] == 0 && !hasKey(labels, label{"http", "routers", l.name, "priority"}.String()) {
				t.priorities[l.name] = len(value)
			}
		}
	}
	return t
}

// restrict makes the routers of a trial lead there only requests with the header, and
// has the answers carry it. They rank just above the manifest's, so that a request goes
// to the service to which it would go without the header.
func (w rewriter) restrict(labels map[string]string) {
	header := w.rename(w.service) + "-header"
	for _, router := range w.names["http routers"] {
		name := w.rename(router)
		put(labels, label{"http", "routers", name, "rule"}, func(rule string) string {
			return fmt.Sprintf("(%s) && Header(`%s`, `%s`)", rule, trialHeader, w.trial.token)
		})
		put(labels, label{"http", "routers", name, "priority"}, func(string) string { return strconv.Itoa(w.trial.priorities[router] + 1) })
		put(labels, label{"http", "routers", name, "middlewares"}, func(list string) string {
			return strings.TrimSuffix(header+","+list, ",")
		})
	}
	put(labels, label{"http", "middlewares", header, "headers.customresponseheaders." + trialHeader}, func(string) string { return w.service })
}

// put sets a label to what value makes of it, in whatever case its key is.
func put(labels map[string]string, at label, value func(string) string) {
	for key := range labels {
		if strings.EqualFold(key, at.String()) {
			labels[key] = value(labels[key])
			return
		}
	}
	labels[at.String()] = value("")
}

// tryOut starts one new container of each service that Traefik will switch, reaches it
// through Traefik by a header that nobody else knows, and probes it. The services
// themselves change only when its answers are as expected.
func (r *run) tryOut(ctx context.Context, t target, actions []Action, shown tracks) error {
	rolled := slices.DeleteFunc(slices.Clone(actions), func(a Action) bool { return !a.switches() || a.unmarked })
	if len(r.o.Probes) == 0 || len(rolled) == 0 || r.proxy == nil {
		return nil
	}
	shown.phase("probing a new container")
	return r.step(ctx, "try "+strings.Join(changing(rolled), ", "), func(ctx context.Context) error {
		token := rand.Text()
		if err := r.startTrials(ctx, t, rolled, token); err != nil {
			return err
		}
		if err := r.probeTrials(ctx, rolled, token); err != nil {
			return err
		}
		r.endTrials(ctx)
		return nil
	})
}

func (r *run) startTrials(ctx context.Context, t target, rolled []Action, token string) error {
	services := mapping{}
	for _, a := range rolled {
		g := a.next
		g.trial, g.replaces = newTrial(token, t.manifest.Project.Services[a.Service].Labels), nil
		labels := mapping{}
		for key, value := range g.labels(qualified(a.Service, r.Project), t.manifest.Labels(a.Service)) {
			if l, ok := traefikKey(key); !ok || l.protocol == "http" {
				labels = append(labels, pair{key, text(value)})
			}
		}
		node := labels.node()
		node.Tag = "!override"
		services = append(services, pair{a.Service, mapping{{"labels", node}}.node()})
	}
	var file bytes.Buffer
	if err := yaml.NewEncoder(&file).Encode(mapping{{"services", services.node()}}.node()); err != nil {
		return fmt.Errorf("writing the labels of new containers: %w", err)
	}
	args := append([]string{strconv.Itoa(int(math.Ceil(r.o.Stable.Seconds())))}, serviceNames(rolled)...)
	out, err := r.script(ctx, "trial", r.compose(t)+document("trial", file.Bytes()), args...)
	var failed *Service
	r.trials, failed = trialsIn(out)
	switch {
	case err != nil && failed != nil:
		return &gateError{*failed, "does not get healthy in a container that gets no requests yet: " + shortened(err).Error()}
	case err != nil:
		return fmt.Errorf("starting a container to probe: %w", shortened(err))
	}
	return nil
}

// trialsIn reads what trial.sh wrote: the containers, and the one that failed.
func trialsIn(out string) (trials []Service, failed *Service) {
	for line := range strings.Lines(out) {
		first, second, _ := strings.Cut(strings.TrimSpace(line), " ")
		if first != "failed" {
			trials = append(trials, Service{Image: Image{Service: second}, id: first})
			continue
		}
		for i := range trials {
			if trials[i].id == second {
				failed = &trials[i]
			}
		}
	}
	return trials, failed
}

// probeTrials asks each probe with the header. An answer without it comes from another
// service, which is probed when it changes.
func (r *run) probeTrials(ctx context.Context, rolled []Action, token string) error {
	for _, a := range rolled {
		g := a.next
		g.trial = &trial{token: token}
		if err := r.marked(ctx, a.Service, g); err != nil {
			return err
		}
	}
	for _, p := range r.o.Probes {
		if err := r.answered(ctx, p, http.Header{trialHeader: {token}}); err != nil {
			return r.failedTrial(err)
		}
	}
	return nil
}

// failedTrial names the container that answered a probe wrongly.
func (r *run) failedTrial(err error) error {
	var wrong *probeError
	if errors.As(err, &wrong) {
		for _, s := range r.trials {
			if qualified(s.Service, r.Project) == wrong.trial {
				return &gateError{s, "was probed before it gets requests: " + err.Error()}
			}
		}
	}
	return err
}

// endTrials removes the containers that were on trial.
func (r *run) endTrials(ctx context.Context) {
	if len(r.trials) > 0 {
		r.trials = nil
		r.tidy(ctx, "untry")
	}
}
