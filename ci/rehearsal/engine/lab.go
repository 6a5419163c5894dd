// Package engine rehearses the loop on a Dagger engine: the stand-ins are its
// services, and the stages are the public functions of the gitops module. It is
// the one package of ci that knows Dagger, and only as a client.
package engine

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"strings"

	"dagger.io/dagger"

	"gitops/ci/lab/authority"
	"gitops/ci/lab/gitserver"
	"gitops/ci/rehearsal"
	"gitops/ci/secret"
)

// stands is the lab as services of one session.
type stands struct {
	client      *dagger.Client
	source      *dagger.Directory
	binary      *dagger.File
	credentials rehearsal.Credentials
	authority   *authority.Authority
	services    map[string]*dagger.Service // by the name under which stages reach them
	hosts       map[string]string          // the session's own host names of the same
}

// port is where each stand-in listens.
var port = map[string]int{"github.local": 8080, "galaxy.local": 8080, "aws.local": 5000, "registry.local": 5000, "host.local": 22}

// start starts every stand-in; that of Galaxy only with galaxy.
func start(ctx context.Context, client *dagger.Client, source, binary string, c rehearsal.Credentials, galaxy bool) (*stands, error) {
	signer, err := authority.New()
	if err != nil {
		return nil, err
	}
	s := &stands{
		authority: signer, client: client, source: client.Host().Directory(source), binary: client.Host().File(binary),
		credentials: c, services: map[string]*dagger.Service{}, hosts: map[string]string{},
	}
	own := map[string]string{"github": "git"} // the image of each
	if galaxy {
		own["galaxy"] = "galaxy"
	}
	for _, name := range sortedKeys(own) {
		service, err := s.own(name, own[name])
		if err != nil {
			return nil, err
		}
		if err := s.run(ctx, name+".local", service); err != nil {
			return nil, err
		}
	}
	make := map[string]func() *dagger.Service{"registry.local": s.registry, "host.local": s.host, "aws.local": s.aws}
	// The host's engine pulls from the registry, and the cloud knows the host's address.
	for _, name := range []string{"registry.local", "host.local", "aws.local"} {
		if err := s.run(ctx, name, make[name]()); err != nil {
			return nil, err
		}
	}
	return s, s.prepare(ctx)
}

func (s *stands) run(ctx context.Context, name string, service *dagger.Service) error {
	service, err := service.Start(ctx)
	if err != nil {
		return fmt.Errorf("starting the stand-in %s: %w", name, err)
	}
	hostname, err := service.Hostname(ctx)
	if err != nil {
		return fmt.Errorf("asking for the name of the stand-in %s: %w", name, err)
	}
	s.services[name], s.hosts[name] = service, hostname
	return nil
}

// image builds a stand-in from the Dockerfile that the plain Docker engine uses too.
func (s *stands) image(name string) *dagger.Container {
	return s.source.Directory("ci/lab/images/" + name).DockerBuild()
}

func (s *stands) secret(name string, value secret.Value) *dagger.Secret {
	return s.client.SetSecret(name, value.Reveal())
}

// own serves a stand-in that is a subcommand of the rehearsal itself, over TLS. This
// process reaches it under a name of the session, which must be in its certificate.
func (s *stands) own(name, image string) (*dagger.Service, error) {
	hostname := "lab-" + name + "-" + strings.ToLower(rand.Text()[:8])
	certificate, key, err := s.authority.Issue(name+".local", hostname)
	if err != nil {
		return nil, err
	}
	return s.image(image).
		WithNewFile(authority.CertificateFile, certificate).
		WithMountedSecret(authority.KeyFile, s.secret("tls-"+name, key)).
		WithFile("/usr/local/bin/rehearse", s.binary, dagger.ContainerWithFileOpts{Permissions: 0o755}).
		WithEnvVariable("GIT_USERNAME", s.credentials.User).
		WithSecretVariable("GIT_PASSWORD", s.secret("git-password", s.credentials.GitPassword)).
		WithSecretVariable("GITHUB_TOKEN", s.secret("github-token", s.credentials.GitHubToken)).
		WithExposedPort(8080).
		AsService(dagger.ContainerAsServiceOpts{Args: []string{"rehearse", "stand-in", name,
			"--certificate", authority.CertificateFile, "--key", authority.KeyFile}}).
		WithHostname(hostname), nil
}

func (s *stands) aws() *dagger.Service {
	return s.image("aws").WithServiceBinding("host.local", s.services["host.local"]).WithExposedPort(5000).AsService(dagger.ContainerAsServiceOpts{UseEntrypoint: true})
}

func (s *stands) registry() *dagger.Service {
	return s.image("registry").
		WithEnvVariable("REGISTRY_USER", s.credentials.User).
		WithSecretVariable("REGISTRY_PASSWORD", s.secret("registry-password", s.credentials.RegistryPassword)).
		WithExposedPort(5000).
		AsService(dagger.ContainerAsServiceOpts{UseEntrypoint: true})
}

func (s *stands) host() *dagger.Service {
	return s.image("host").
		WithMountedSecret("/run/lab/host_key", s.secret("host-key", s.credentials.HostKey)).
		WithNewFile("/run/lab/authorized_keys", s.credentials.LoginPublicKey).
		// Not the layers of the container itself: overlays do not nest.
		WithMountedTemp("/var/lib/docker").
		WithMountedTemp("/var/lib/containerd").
		WithServiceBinding("registry.local", s.services["registry.local"]).
		WithExposedPort(22).
		WithExposedPort(80, dagger.ContainerWithExposedPortOpts{ExperimentalSkipHealthcheck: true}).
		AsService(dagger.ContainerAsServiceOpts{UseEntrypoint: true, InsecureRootCapabilities: true})
}

// prepare makes the repository and the bucket that the loop starts with.
func (s *stands) prepare(ctx context.Context) error {
	if err := gitserver.CreateRemote(ctx, s.authority.Client(), s.url("https", "github.local"), rehearsal.GitHubRepo, s.credentials.User, s.credentials.GitPassword); err != nil {
		return err
	}
	return rehearsal.MakeBucket(ctx, s.url("http", "aws.local"))
}

func (s *stands) url(scheme, name string) string {
	return fmt.Sprintf("%s://%s:%d", scheme, s.hosts[name], port[name])
}

// world returns where this process, which is in the session's network, reaches
// the stand-ins.
func (s *stands) world(source, authorityFile string, notRun []string) rehearsal.World {
	w := rehearsal.NewWorld(s.credentials)
	w.Source, w.NotRun = source, notRun
	w.GitURL = s.url("https", "github.local") + "/" + rehearsal.GitHubRepo + ".git"
	w.GitHubURL, w.AWSURL = s.url("https", "github.local"), s.url("http", "aws.local")
	w.RegistryURL = fmt.Sprintf("%s:%d", s.hosts["registry.local"], port["registry.local"])
	w.Authority, w.AuthorityFile = s.authority, authorityFile
	w.Dial = (&net.Dialer{}).DialContext
	return w
}
