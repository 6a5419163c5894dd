package deploy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gitops/ci/program"
)

// logLines is how many last words a failure shows.
const logLines = 20

// lastWords writes down why the run failed, with the service's log.
func (r *run) lastWords(ctx context.Context, cause error) {
	failure := &Failure{Reason: r.redactor.Redact(cause.Error())}
	r.receipt.Failure = failure
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tidyPatience)
	defer cancel()
	culprit := r.culprit(ctx, cause)
	failure.Service = culprit.Service
	if culprit.id == "" {
		return
	}
	logs := "logs"
	if r.onSwarm() {
		logs = "swarm-logs"
	}
	out, err := r.script(ctx, logs, "", strconv.Itoa(logLines), culprit.id)
	if err == nil && strings.TrimSpace(out) != "" {
		failure.Log = strings.Split(strings.TrimRight(r.redactor.Redact(out), "\n"), "\n")
	}
}

// culprit returns the container that made the run fail, as far as one can be told.
func (r *run) culprit(ctx context.Context, cause error) Service {
	var gate *gateError
	if errors.As(cause, &gate) {
		return gate.service
	}
	// Compose itself gave up: on a service that failed, or else never got ready.
	services, err := r.containers(ctx)
	if err != nil {
		return Service{}
	}
	for _, bad := range []func(Service) bool{
		func(s Service) bool { return s.failing(r.o.Restarts) != "" },
		func(s Service) bool { return !s.fine() && s.State != "created" },
	} {
		if i := slices.IndexFunc(services, bad); i >= 0 {
			return services[i]
		}
	}
	return Service{}
}

// words returns the failure with the service's last words, for an error.
func (f *Failure) words() string {
	if f.Service == "" {
		return ""
	}
	if len(f.Log) == 0 {
		return fmt.Sprintf("\n%s said nothing", f.Service)
	}
	return fmt.Sprintf("\nthe last words of %s:\n  %s", f.Service, strings.Join(f.Log, "\n  "))
}

// shortened returns err with the last lines of what Compose said: before them
// stands what went well.
func shortened(err error) error {
	var script *scriptError
	if errors.As(err, &script) {
		return &scriptError{text: program.LastLines(script.text, 5), exit: script.exit, cause: script.cause}
	}
	return err
}
