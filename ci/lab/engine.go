package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"gitops/ci/program"
	"gitops/ci/progress"
)

// SetupVariable is the environment variable that lets tests set up a Docker
// engine where none answers, as the gitops command always may.
const SetupVariable = "GITOPS_LAB_SETUP"

// ErrNoDocker says that no Docker engine answers and none can be set up here.
var ErrNoDocker = errors.New("no Docker engine answers")

// DockerAnswers reports whether a Docker engine is reachable.
func DockerAnswers(ctx context.Context) bool {
	_, err := engineVersion(ctx)
	return err == nil
}

// OpenDocker returns the Docker engine of this machine. One that answers is used
// as it is. Otherwise, on Debian and as root, OpenDocker installs what is
// missing and starts an engine, which the last user's Close stops again.
func OpenDocker(ctx context.Context, p *progress.Progress) (*Docker, error) {
	if d, err := found(ctx, p); err == nil {
		return d, nil
	}
	if err := mayInstall(); err != nil {
		return nil, err
	}
	// One process at a time sets up; the others then find its engine.
	setup, err := lockFile(ctx, "setup.lock")
	if err != nil {
		return nil, err
	}
	defer setup.release()
	if d, err := join(ctx, p); err == nil {
		return d, nil
	}
	// Who is cancelled gets no answer from an engine that runs: a second one beside it
	// would take its place in the records, and nobody would stop the first.
	if ctx.Err() != nil {
		return nil, fmt.Errorf("asking for a Docker engine: %w", context.Cause(ctx))
	}
	if err := installEngine(ctx, p); err != nil {
		return nil, err
	}
	// Where there is an init system, installing the engine has started it.
	if !DockerAnswers(ctx) {
		if err := startEngine(ctx, p); err != nil {
			return nil, err
		}
	}
	return join(ctx, p)
}

// found returns the engine that answers. One that a lab started is joined, so
// that it stays while it is used.
func found(ctx context.Context, p *progress.Progress) (*Docker, error) {
	if ours() {
		setup, err := lockFile(ctx, "setup.lock")
		if err != nil {
			return nil, err
		}
		defer setup.release()
		return join(ctx, p)
	}
	version, err := engineVersion(ctx)
	if err != nil {
		return nil, err
	}
	return newDocker(version, p), nil
}

// join returns the engine that answers and, if a lab started it, holds it. The
// caller has the setup lock.
func join(ctx context.Context, p *progress.Progress) (*Docker, error) {
	version, err := engineVersion(ctx)
	if err != nil {
		return nil, err
	}
	d := newDocker(version, p)
	if ours() {
		d.hold, err = holdEngine(ctx)
	}
	return d, err
}

// Close ends the use of the engine. The last user of an engine that a lab
// started stops it; any other engine goes on.
func (d *Docker) Close() error {
	if d == nil || d.hold == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	setup, err := lockFile(ctx, "setup.lock")
	if err != nil {
		return err
	}
	defer setup.release()
	last := d.hold.last()
	d.hold = nil
	if !last || d.keepsLabs(ctx) {
		return nil
	}
	end := d.progress.Start("stopping the Docker engine that was started for this")
	err = stopEngine(ctx)
	end(err)
	return err
}

// keepsLabs reports whether a lab is to stay on the engine.
func (d *Docker) keepsLabs(ctx context.Context) bool {
	kept, err := d.do(ctx, "ps", "--quiet", "--filter", "label="+labelOwner+"="+keptOwner)
	return err == nil && kept != ""
}

// engineVersion asks the engine for its version. It waits for at most ten
// seconds.
func engineVersion(ctx context.Context) (string, error) {
	if _, err := program.Find("docker"); err != nil {
		return "", fmt.Errorf("%w: there is no docker command", ErrNoDocker)
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	d := &Docker{}
	version, err := d.do(ctx, "version", "--format", "{{.Server.Version}}")
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrNoDocker, err)
	}
	return version, nil
}

// mayInstall reports why no engine can be set up on this machine.
func mayInstall() error {
	if _, err := program.Find("apt-get"); err != nil {
		return fmt.Errorf("%w, and it can be installed only on Debian: start Docker, then try again", ErrNoDocker)
	}
	if os.Geteuid() != 0 {
		return fmt.Errorf("%w, and only root can install one: start Docker, or run this as root", ErrNoDocker)
	}
	return nil
}

// installEngine installs the packages of a Docker engine that are missing.
func installEngine(ctx context.Context, p *progress.Progress) error {
	needs := map[string]string{"dockerd": "docker.io", "docker": "docker.io", "iptables": "iptables"}
	if isDebian13() {
		needs["docker"] = "docker-cli"
	}
	return install(ctx, p, needs)
}

// isDebian13 reports whether this is Debian 13 or later, which packages the
// docker command by itself.
func isDebian13() bool {
	release, _ := os.ReadFile("/etc/debian_version")
	major, _, _ := strings.Cut(string(release), ".")
	return len(major) == 2 && major >= "13"
}

// install installs the Debian packages of the programs that are missing; needs
// has the package of each program.
func install(ctx context.Context, p *progress.Progress, needs map[string]string) error {
	var packages []string
	for _, needed := range sortedKeys(needs) {
		if _, err := program.Find(needed); err != nil && !slices.Contains(packages, needs[needed]) {
			packages = append(packages, needs[needed])
		}
	}
	if len(packages) == 0 {
		return nil
	}
	end := p.Start("installing Debian packages on this machine: " + strings.Join(packages, ", "))
	err := aptGet(ctx, "update", "-qq")
	if err == nil {
		err = aptGet(ctx, append([]string{"install", "-y", "-qq", "--no-install-recommends"}, packages...)...)
	}
	end(err)
	return err
}

func aptGet(ctx context.Context, args ...string) error {
	return run(ctx, []string{"DEBIAN_FRONTEND=noninteractive"}, "", "apt-get", args...)
}
