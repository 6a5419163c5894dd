package lab

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"gitops/ci/images"
	"gitops/ci/progress"
)

// HostVariable is the environment variable that names the Debian suite of the host
// stand-in, and with it Docker's version: forky (the default) has 28.5, set up to
// behave as Ubuntu's 29.1 does, trixie has 26.1 as it is.
const HostVariable = "GITOPS_LAB_HOST"

// OwnEngineVariable is set for a command on a new host stand-in: the engine and all
// other processes there are the command's, which may end them.
const OwnEngineVariable = "GITOPS_LAB_OWN_ENGINE"

// hostBases has the image that the host is built from, by suite.
var hostBases = map[string]string{suite: images.Debian, forky: images.DebianTesting}

// HostSuite returns the Debian suite of the host stand-in and the image that it is
// built from.
func HostSuite() (name, base string, err error) {
	name = os.Getenv(HostVariable)
	if name == "" {
		name = forky
	}
	base, known := hostBases[name]
	if !known {
		return "", "", progress.Invalid("%s=%s: the host can be made of %s", HostVariable, name, strings.Join(sortedKeys(hostBases), " or "))
	}
	return name, base, nil
}

// buildHost builds the host stand-in and returns its reference and its base.
func buildHost(ctx context.Context, p *provider) (ref string, base Image, err error) {
	name, debian, err := HostSuite()
	if err != nil {
		return "", Image{}, err
	}
	if base, err = p.provide(ctx, debian); err != nil {
		return "", Image{}, err
	}
	ref = "gitops-lab/host:" + name
	return ref, base, p.docker.buildOwn(ctx, ref, "host", map[string]string{"DEBIAN": debian})
}

// sayWhatLacks tells what the machine cannot give the host's engine.
func (l *Lab) sayWhatLacks(ctx context.Context) error {
	cgroups, err := l.Docker.do(ctx, "info", "--format", "{{.CgroupVersion}}")
	if err == nil && cgroups == "1" {
		l.progress.Say("the host's engine has cgroup version 1, as this machine has; Ubuntu's has version 2")
	}
	return err
}

// withEngine sets Docker up as the role common does, and runs a command. Tests that
// pull start a registry.
const withEngine = `set -eu
apt-get install -y --no-install-recommends docker.io docker-cli docker-compose docker-registry >/tmp/apt-docker.log 2>&1 ||
	{ cat /tmp/apt-docker.log; exit 1; }
service docker start >/tmp/docker-start.log 2>&1
for try in $(seq 150); do docker info >/dev/null 2>&1 && break; sleep 0.2; done
docker version --format 'on the host: Docker {{.Server.Version}}, API {{.Server.APIVersion}}, at least {{.Server.MinAPIVersion}}' ||
	{ tail -20 /tmp/docker-start.log /var/log/docker.log; exit 1; }
docker info --format 'images: {{.Driver}} {{.DriverStatus}}, cgroup version {{.CgroupVersion}}'
docker compose version
exec "$@"`

// OnHost returns the command line that runs a command on a new host stand-in, as
// root beside a Docker engine of HostVariable's suite, as the programs that
// `go test -exec` starts. At the same paths the host has the repository, /tmp, Go,
// and the caches of Go and of the lab. It goes when the command ends.
func (d *Docker) OnHost(ctx context.Context, args []string) ([]string, error) {
	var err error
	if d.cache, err = openCache(""); err != nil {
		return nil, err
	}
	provider, _, err := newProvider(ctx, d, d.cache)
	if err != nil {
		return nil, fmt.Errorf("making the host: %w", err)
	}
	ref, _, err := buildHost(ctx, provider)
	if err != nil {
		return nil, fmt.Errorf("making the host: %w", err)
	}
	l := Lab{ID: strings.ToLower(password().Reveal()[:8])}
	options := slices.Concat([]string{"run", "--rm", "--interactive", "--env", OwnEngineVariable + "=1"}, l.labels(), nestedEngine())
	for _, more := range []func(context.Context) ([]string, error){d.folders, d.goSettings, goRoot} {
		found, err := more(ctx)
		if err != nil {
			return nil, fmt.Errorf("making the host: %w", err)
		}
		options = append(options, found...)
	}
	return slices.Concat([]string{"docker"}, options, []string{ref, "sh", "-c", withEngine, "with-engine"}, args), nil
}

// goRoot shows the Go toolchain that runs.
func goRoot(ctx context.Context) ([]string, error) {
	root, err := capture(ctx, "", "go", "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	root = strings.TrimSpace(root)
	return append(mount(root+":ro", root), "--env", "PATH="+root+"/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"), nil
}
