package host

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gitops/ci/progress"
	"gitops/ci/retry"
)

const (
	attemptTimeout = 10 * time.Second
	retryEvery     = 2 * time.Second
)

// Needs says what has to be ready on a host besides the login.
type Needs struct {
	// CloudInit waits until cloud-init has ended, where it is installed.
	CloudInit bool
	// Packages waits until no process holds the locks of apt and dpkg.
	Packages bool
	// Docker waits until the Docker engine answers.
	Docker bool
}

// Wait connects to the host as soon as that works and returns when everything
// in n is ready. It tries until ctx or c.Timeout ends; the error then names what
// was still missing. A wrong host key ends it at once, and so does a jump host that
// forbids forwarding; a refused login is tried again for c.LoginGrace.
func Wait(ctx context.Context, c Config, n Needs, p *progress.Progress) (*Client, error) {
	t, err := c.target()
	if err != nil {
		return nil, err
	}
	defer t.free()
	w := waiter{target: t, progress: p, timeout: c.Timeout, loginGrace: c.LoginGrace, begun: time.Now()}
	if w.timeout <= 0 {
		w.timeout = defaultWaitTimeout
	}
	if w.loginGrace <= 0 {
		w.loginGrace = defaultLoginGrace
	}
	ctx, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	end := p.Start("waiting for host " + t.address)
	client, err := w.wait(ctx, n)
	end(err)
	if err != nil {
		return nil, fmt.Errorf("waiting for host %s: %w", t.address, err)
	}
	return client, nil
}

type waiter struct {
	target       *target
	progress     *progress.Progress
	timeout      time.Duration
	loginGrace   time.Duration
	begun        time.Time
	loginRefused time.Time // when the host first refused the login; zero if never
	said         string    // the last obstacle told, so that each is told once
}

// wait connects and goes through the checks, again from the start when the
// connection breaks: a fresh host may reboot or restart its sshd once.
func (w *waiter) wait(ctx context.Context, n Needs) (*Client, error) {
	for {
		client, err := w.connect(ctx)
		if err != nil {
			return nil, err
		}
		err = w.ready(ctx, client, n)
		if err == nil {
			return client, nil
		}
		client.Close()
		var lost *ConnectionError
		if !errors.As(err, &lost) || !pause(ctx) {
			return nil, err
		}
		w.say("%v", err)
	}
}

func (w *waiter) connect(ctx context.Context) (*Client, error) {
	for tries := 1; ; tries++ {
		client, err := w.target.dial(ctx, w.attempt(ctx))
		if err == nil {
			return client, nil
		}
		if w.final(err) {
			return nil, err
		}
		if !pause(ctx) {
			return nil, fmt.Errorf("%w (given up after %s, %d tries)", err, progress.Seconds(time.Since(w.begun)), tries)
		}
	}
}

// attempt is how long one try may take.
func (w *waiter) attempt(ctx context.Context) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return min(attemptTimeout, time.Until(deadline))
	}
	return attemptTimeout
}

// final reports whether trying again after err is pointless, and tells people
// about err otherwise.
func (w *waiter) final(err error) bool {
	var hostKey *KeyError
	var auth *AuthError
	switch {
	case errors.As(err, &hostKey), forbidden(err):
		return true
	case errors.As(err, &auth):
		if w.loginRefused.IsZero() {
			w.loginRefused = time.Now()
		}
		if time.Since(w.loginRefused) >= w.loginGrace {
			return true
		}
		w.say("login as %s refused; trying again for up to %s, as a fresh host may not have its keys yet",
			auth.User, progress.Seconds(w.loginGrace))
	default:
		w.say("%v; trying again", err)
	}
	return false
}

func (w *waiter) say(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); text != w.said {
		w.said = text
		w.progress.Say("%s", text)
	}
}

// pause waits before the next try and reports whether there is time for one.
func pause(ctx context.Context) bool {
	return retry.Sleep(ctx, retryEvery) == nil
}
