// Package deploy puts a manifest on a host with Docker Compose and takes it
// back when it does not get healthy: lock, check, release, login, pull, rollout,
// gate, rollback, receipt, prune. Everything on the host is done by small shell
// scripts sent over one SSH connection.
//
// Values of the manifest's ${VAR}s, and registry passwords, travel on the
// standard input of those scripts into the environment of the one command that
// needs them. No file on the host has them, so a later rollback needs them again.
package deploy

import (
	"context"
	"io/fs"
	"net"
	"time"

	"gitops/ci/compose"
	"gitops/ci/host"
	"gitops/ci/progress"
)

// Host is the server that a deploy works on. *host.Client is one.
type Host interface {
	// Run runs a command and waits for its end.
	Run(ctx context.Context, cmd host.Command) (host.Output, error)
	// Script runs a POSIX shell script that arrives on standard input.
	Script(ctx context.Context, script string, args ...string) (host.Output, error)
	// Upload puts content at path in one step.
	Upload(ctx context.Context, path string, mode fs.FileMode, content []byte) error
	// Dial makes a TCP connection from the host.
	Dial(ctx context.Context, network, address string) (net.Conn, error)
	// Recover makes the connection anew, within a time, and waits until what is needed
	// is ready.
	Recover(ctx context.Context, n host.Needs, within time.Duration, p *progress.Progress) error
}

// Check reports what is wrong with the options and the manifest of a deploy, and
// returns the manifest. It needs no host. All errors are progress.Invalid or
// progress.Refused.
func (o Options) Check(ctx context.Context) (*compose.Manifest, error) {
	_, t, err := o.prepared(ctx)
	return t.manifest, err
}

// prepared returns o with its defaults, and what it wants to be running.
func (o Options) prepared(ctx context.Context) (Options, target, error) {
	o, err := o.checked()
	if err != nil {
		return o, target{}, err
	}
	t, err := newTarget(ctx, o)
	if err == nil && o.Engine == EngineSwarm {
		err = checkedSwarm(t)
	}
	return o, t, err
}

// Deploy puts the manifest on the host, waits until it is healthy and returns the
// receipt. When it fails, it starts what ran before, the receipt says what was tried,
// and the error has the last words of the service that failed.
func Deploy(ctx context.Context, h Host, o Options) (Receipt, error) {
	o, t, err := o.prepared(ctx)
	if err != nil {
		return Receipt{}, err
	}
	r := newRun(h, o, KindDeploy)
	r.target = t
	if err := r.reach(ctx); err != nil {
		return r.receipt, err
	}
	return r.do(ctx)
}
