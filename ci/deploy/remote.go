package deploy

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"gitops/ci/host"
	"gitops/ci/program"
	"gitops/ci/progress"
	"gitops/ci/secret"
)

// remote runs scripts in one place on a host.
type remote struct {
	Place
	host Host
	// token names the lock that this run has, "none" when it has none.
	token string
	// patience bounds what a script waits for and what Compose may take.
	patience time.Duration
	redactor *secret.Redactor
}

// reach checks that the host can be deployed to, and resolves the place on it.
func reach(ctx context.Context, h Host, p Place) (*remote, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	m := &remote{Place: p, host: h, token: "none", patience: time.Minute}
	script := "reach"
	if m.onSwarm() {
		script = "swarm-reach"
	}
	out, err := m.script(ctx, script, scriptText("tools"))
	if exitOf(err) == exitNoSwarm {
		return nil, progress.Refused("%w; nothing was touched", err)
	}
	if err != nil {
		return nil, fmt.Errorf("reaching Docker on the host: %w", err)
	}
	m.Place = p.in(program.LastLines(out, 1)) // the login shell may have said something first
	return m, nil
}

// script runs the named script. preamble has the functions that it needs.
func (m *remote) script(ctx context.Context, name, preamble string, args ...string) (string, error) {
	out, err := m.host.Script(ctx, m.text(name, preamble), append([]string{m.Dir, m.Project, m.token}, args...)...)
	return out.Stdout, m.explain(err, out)
}

// call is a script with its arguments.
type call struct {
	name string
	args []string
}

// scripts runs several scripts one after the other in one session, and returns what
// each wrote. The first that fails ends it.
func (m *remote) scripts(ctx context.Context, calls ...call) (map[string]string, error) {
	var text strings.Builder
	mark := "== " + rand.Text() + " "
	for _, c := range calls {
		text.WriteString("printf '%s\\n' '" + mark + c.name + "'\n(\nset --")
		for _, arg := range c.args {
			text.WriteString(" " + program.Quote(arg))
		}
		text.WriteString("\n" + scriptText(c.name) + "\n)\n")
	}
	whole := m.prelude() + text.String()
	out, err := m.host.Script(ctx, whole, m.Dir, m.Project, m.token)
	said := map[string]string{}
	for _, part := range strings.Split(out.Stdout, mark)[1:] {
		name, rest, _ := strings.Cut(part, "\n")
		said[name] = rest
	}
	return said, m.explain(err, host.Output{Stderr: out.Stderr})
}

func (m *remote) prelude() string {
	return fmt.Sprintf("patience=%d\n", int(math.Ceil(m.patience.Seconds()))) + scriptText("prelude")
}

func (m *remote) text(name, preamble string) string {
	return m.prelude() + preamble + scriptText(name)
}

func (m *remote) explain(err error, out host.Output) error {
	var exit *host.ExitError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &exit):
		return &scriptError{text: m.redactor.Redact(err.Error()), cause: err}
	}
	said := strings.TrimSpace(out.Stderr)
	if said == "" {
		said = strings.TrimSpace(out.Stdout)
	}
	if said == "" {
		said = fmt.Sprintf("exit code %d", exit.Exit)
	}
	return &scriptError{text: m.redactor.Redact(said), exit: exit.Exit, cause: err}
}
