package deploy

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"gitops/ci/host"
	"gitops/ci/secret"
)

// files are the scripts that run on the host. Each does one thing and holds the
// deploy's lock while it changes something.
//
//go:embed scripts/*.sh
var files embed.FS

// Exit codes of the scripts.
const (
	exitRejected  = 65 // Compose does not accept the manifest
	exitNotReady  = 69 // the host lacks something
	exitTemporary = 75 // trying again may help
	exitLockLost  = 76 // another run took the lock over
	exitTimeout   = 124
)

// scriptText returns the named script of this package.
func scriptText(name string) string {
	text, err := files.ReadFile("scripts/" + name + ".sh")
	if err != nil {
		return "echo 'no script " + name + "' >&2; exit 70"
	}
	return string(text)
}

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

// script runs the named script. preamble has the functions that it needs.
func (m *remote) script(ctx context.Context, name, preamble string, args ...string) (string, error) {
	out, err := m.host.Script(ctx, m.text(name, preamble), append([]string{m.Dir, m.Project, m.token}, args...)...)
	return out.Stdout, m.explain(err, out)
}

func (m *remote) text(name, preamble string) string {
	patience := fmt.Sprintf("patience=%d\n", int(math.Ceil(m.patience.Seconds())))
	return patience + scriptText("prelude") + preamble + scriptText(name)
}

// scriptError is a script that failed. It shows what the host said, without
// secrets and without the script's own name, and keeps the cause for callers.
type scriptError struct {
	text  string
	exit  int
	cause error
}

func (e *scriptError) Error() string { return e.text }
func (e *scriptError) Unwrap() error { return e.cause }

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

// exitOf returns the exit code of the script in err, or 0.
func exitOf(err error) int {
	var script *scriptError
	if errors.As(err, &script) {
		return script.exit
	}
	return 0
}
