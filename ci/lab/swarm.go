package lab

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sync/errgroup"

	"gitops/ci/host"
	"gitops/ci/images"
	"gitops/ci/progress"
)

// SwarmRegistry is how the nodes of a swarm reach its registry, without TLS.
const SwarmRegistry = "registry.local:5000"

// Swarm is a Docker Swarm of host stand-ins, and a registry. The first node is the
// manager. Of its Lab, SSH and HTTP are those of the manager.
type Swarm struct {
	*Lab
	// Workers are where the SSH servers of the other nodes listen, on this machine.
	Workers []string

	nodes []string // containers
}

// StartSwarm starts a swarm with so many nodes. On an error nothing is left.
func StartSwarm(ctx context.Context, nodes int, p *progress.Progress) (*Swarm, error) {
	s := &Swarm{Lab: &Lab{progress: p}}
	random := make([]byte, 4)
	rand.Read(random)
	s.ID = hex.EncodeToString(random)
	s.Network, s.RegistryPassword = "gitops-lab-"+s.ID, password()
	var loginErr, hostErr, err error
	s.LoginKey, s.LoginPublicKey, loginErr = host.GenerateKey()
	s.HostKey, s.HostPublicKey, hostErr = host.GenerateKey()
	if err = errors.Join(loginErr, hostErr); err != nil {
		return nil, err
	}
	if s.Docker, err = OpenDocker(ctx, p); err != nil {
		return nil, fmt.Errorf("starting a swarm: %w", err)
	}
	if s.Docker.cache, err = openCache(""); err == nil {
		err = s.start(ctx, nodes)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting a swarm: %w", err), s.Close())
	}
	return s, nil
}

func (s *Swarm) start(ctx context.Context, nodes int) error {
	if err := Sweep(ctx, s.Docker); err != nil {
		return err
	}
	image, registry, err := s.build(ctx)
	if err != nil {
		return err
	}
	if _, err := s.Docker.do(ctx, append([]string{"network", "create"}, append(s.labels(), s.Network)...)...); err != nil {
		return err
	}
	group, inner := errgroup.WithContext(ctx)
	s.Workers = make([]string, nodes-1)
	for n := range nodes {
		s.nodes = append(s.nodes, s.container(nodeName(n)))
		group.Go(func() error { return s.startNode(inner, n, image) })
	}
	group.Go(func() error {
		for _, one := range s.services() {
			if one.name == "registry" {
				one.image = registry
				return s.startService(inner, one)
			}
		}
		return nil
	})
	if err := group.Wait(); err != nil {
		return err
	}
	return s.join(ctx)
}

func nodeName(n int) string { return fmt.Sprintf("node%d", n+1) }

// build builds the images of the nodes and of the registry.
func (s *Swarm) build(ctx context.Context) (node, registry string, err error) {
	provider, _, err := newProvider(ctx, s.Docker, s.Docker.cache)
	if err != nil {
		return "", "", err
	}
	ref, _, err := buildHost(ctx, provider)
	if err != nil {
		return "", "", err
	}
	node, registry = "gitops-lab/node:local", "gitops-lab/registry:local"
	if err := s.Docker.buildOwn(ctx, node, "node", map[string]string{"HOST": ref}); err != nil {
		return "", "", err
	}
	return node, registry, s.Docker.buildOwn(ctx, registry, "registry", map[string]string{"DEBIAN": images.Debian})
}

// engineStart starts Docker in a node, which takes images from the registry.
const engineStart = `mkdir -p /etc/docker
echo '{"insecure-registries": ["` + SwarmRegistry + `"]}' >/etc/docker/daemon.json
service docker start >/tmp/docker-start.log 2>&1
for try in $(seq 300); do docker info >/dev/null 2>&1 && exit 0; sleep 0.2; done
tail -20 /tmp/docker-start.log /var/log/docker.log >&2
exit 1`

func (s *Swarm) startNode(ctx context.Context, n int, image string) error {
	node := s.host()
	node.name, node.image, node.address = nodeName(n), image, nil
	node.options = append(node.options, "--hostname", node.name)
	if n > 0 {
		node.found = func(published []string) { s.Workers[n-1] = published[0] }
		node.ready = func(ctx context.Context) error { return greets(ctx, s.Workers[n-1], "SSH-") }
	}
	if err := s.startService(ctx, node); err != nil {
		return fmt.Errorf("starting %s: %w", node.name, err)
	}
	_, err := s.On(ctx, n, "sh", "-c", engineStart)
	return err
}

// join makes a swarm of the nodes. They hear soon when one is gone.
func (s *Swarm) join(ctx context.Context) error {
	address, err := s.Docker.do(ctx, "inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", s.nodes[0])
	if err != nil {
		return err
	}
	if _, err := s.On(ctx, 0, "docker", "swarm", "init", "--advertise-addr", address, "--dispatcher-heartbeat", "2s"); err != nil {
		return err
	}
	token, err := s.On(ctx, 0, "docker", "swarm", "join-token", "--quiet", "worker")
	for n := 1; n < len(s.nodes) && err == nil; n++ {
		_, err = s.On(ctx, n, "docker", "swarm", "join", "--token", token, address+":2377")
	}
	return err
}

// On runs a command on a node and returns its trimmed standard output.
func (s *Swarm) On(ctx context.Context, node int, args ...string) (string, error) {
	return s.Docker.do(ctx, append([]string{"exec", s.nodes[node]}, args...)...)
}

// Kill ends a node at once, as a power cut does.
func (s *Swarm) Kill(ctx context.Context, node int) error {
	_, err := s.Docker.do(ctx, "kill", s.nodes[node])
	return err
}

// Push puts an image of this machine's engine into the registry, as NAME:TAG, and returns
// how the nodes name it.
func (s *Swarm) Push(ctx context.Context, image, name string) (string, error) {
	folder, err := os.MkdirTemp("", "gitops-lab-login-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(folder)
	outside, config := s.Registry.Outside+"/"+name, []string{"DOCKER_CONFIG=" + folder}
	for _, c := range []command{
		{args: []string{"login", "--username", User, "--password-stdin", s.Registry.Outside}, stdin: strings.NewReader(s.RegistryPassword.Reveal())},
		{args: []string{"tag", image, outside}},
		{args: []string{"push", "--quiet", outside}},
		{args: []string{"image", "rm", outside}},
	} {
		c.env = config
		if _, err := s.Docker.must(ctx, c); err != nil {
			return "", err
		}
	}
	return SwarmRegistry + "/" + name, nil
}
