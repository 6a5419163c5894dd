package host

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"gitops/ci/progress"
)

// Phase is a part of reaching a host, as named in errors.
type Phase string

// The phases, in their order. A command and a forward come after the login.
const (
	PhaseTCP       Phase = "TCP connect"
	PhaseHandshake Phase = "SSH handshake"
	PhaseLogin     Phase = "login"
	PhaseCommand   Phase = "command"
	PhaseForward   Phase = "forward"
)

// ConnectionError is a connection that could not be made or was lost.
type ConnectionError struct {
	Address string
	Phase   Phase
	// Doing says what was going on: "TCP connect to 203.0.113.7:22".
	Doing string
	Err   error
}

func (e *ConnectionError) Error() string { return fmt.Sprintf("%s: %v", e.Doing, e.Err) }
func (e *ConnectionError) Unwrap() error { return e.Err }

// AuthError is a login that the host refused.
type AuthError struct {
	Address, User string
	Err           error
}

func (e *AuthError) Error() string {
	return fmt.Sprintf("login as %s on %s: the host refused the SSH key; "+
		"check that the private key belongs to the public key that the host was made with, and the user name",
		e.User, e.Address)
}
func (e *AuthError) Unwrap() error { return e.Err }

// ExitError is a command that ended with an exit code other than 0.
type ExitError struct {
	Address string
	Command string
	Exit    int
	// Signal is the signal that ended the command; empty when it exited.
	Signal string
	// Stderr is the end of what the command said.
	Stderr string
}

func (e *ExitError) Error() string {
	outcome := fmt.Sprintf("exit code %d", e.Exit)
	if e.Signal != "" {
		outcome = "ended by signal " + e.Signal
	}
	text := fmt.Sprintf("running %s on %s: %s", e.Command, e.Address, outcome)
	if said := strings.TrimSpace(e.Stderr); said != "" {
		text += ": " + said
	}
	return text
}

// lost returns the error for a connection that ended in phase. A time-out names
// its length and does not hide a caller who gave up.
func (t *target) lost(ctx context.Context, phase Phase, timeout time.Duration, err error) error {
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		err = fmt.Errorf("no answer within %s: %w", progress.Seconds(timeout), context.DeadlineExceeded)
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	}
	doing := fmt.Sprintf("%s to %s", phase, t.address)
	switch phase {
	case PhaseHandshake:
		doing = fmt.Sprintf("%s with %s", phase, t.address)
	case PhaseLogin:
		doing = fmt.Sprintf("%s as %s on %s", phase, t.user, t.address)
	}
	return &ConnectionError{Address: t.address, Phase: phase, Doing: doing, Err: err}
}

// explain turns what the SSH library says into the errors of this package.
func (t *target) explain(ctx context.Context, phase Phase, timeout time.Duration, err error) error {
	var hostKey *KeyError
	if errors.As(err, &hostKey) {
		return hostKey
	}
	var negotiation *ssh.AlgorithmNegotiationError
	if errors.As(err, &negotiation) && negotiation.What == "host key" {
		return t.knownHosts.otherType(t.knownAs, negotiation.RequestedAlgorithms)
	}
	// The library has no type for a refused login, only this sentence.
	if phase == PhaseLogin && ctx.Err() == nil && strings.Contains(err.Error(), "unable to authenticate") {
		return &AuthError{Address: t.address, User: t.user, Err: err}
	}
	return t.lost(ctx, phase, timeout, err)
}
