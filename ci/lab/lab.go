package lab

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"gitops/ci/host"
	"gitops/ci/images"
	"gitops/ci/lab/authority"
	"gitops/ci/progress"
	"gitops/ci/secret"
)

// User is the name that logs in to the git and registry stand-ins.
const User = "robot"

// SSHUser is the name that logs in to the host stand-in.
const SSHUser = "ubuntu"

// Options are what a lab can be told. Gitops and StandIns are required; both are
// built without C, since containers of any distribution run them.
type Options struct {
	// Gitops is the command that stages run.
	Gitops string
	// StandIns is the rehearsal's command: the GitHub stand-in is a
	// subcommand of it.
	StandIns string
	// Images are images that the rehearsal needs besides the stages' own: the
	// manifest's and the monitoring role's.
	Images   []string
	Keep     bool // Close leaves the lab running
	Progress *progress.Progress
}

// Endpoint is where a stand-in listens: a URL, or host:port.
type Endpoint struct {
	Inside  string // seen from the lab's network
	Outside string // seen from this machine
}

// Lab is a running set of stand-ins. Its secrets are made for it alone.
type Lab struct {
	ID      string
	Docker  *Docker
	Network string // the Docker network that the stand-ins and stages share

	GitHub   Endpoint // URL; the API is at /api/v3/, a repository at /<owner>/<name>.git
	AWS      Endpoint // URL
	Registry Endpoint // host:port
	Mirror   Endpoint // host:port; empty where registries can be reached
	Galaxy   Endpoint // URL, the double of Ansible Galaxy; empty where registries can be reached
	SSH      Endpoint // host:port
	HTTP     Endpoint // host:port, the host's port 80
	// HostAddress is the host's IP address in the lab's network. The AWS stand-in hands
	// it out as the server's public one.
	HostAddress string

	GitPassword      secret.Value // of User
	GitHubToken      secret.Value
	RegistryPassword secret.Value // of User
	LoginKey         secret.Value // private key that logs in to the host as SSHUser
	LoginPublicKey   string
	HostKey          secret.Value // private host key of the host
	HostPublicKey    string
	Authority        *authority.Authority // of GitHub's certificate

	AirGapped bool      // no container registry could be reached
	Images    []Image   // what the engine has for the stages and the host
	Missing   []Missing // the images that are not available here

	gitops   string
	standIns string
	cache    *cache
	keep     bool
	progress *progress.Progress
	closing  sync.Once
	closed   error
}

// Start starts every stand-in and returns when all of them answer. What a killed
// rehearsal left is removed first. On an error nothing is left.
func Start(ctx context.Context, o Options) (*Lab, error) {
	gitops, err := locate("gitops", o.Gitops)
	if err != nil {
		return nil, err
	}
	standIns, err := locate("rehearse", o.StandIns)
	if err != nil {
		return nil, err
	}
	cache, err := openCache("")
	if err != nil {
		return nil, err
	}
	l := &Lab{gitops: gitops, standIns: standIns, cache: cache, keep: o.Keep, progress: o.Progress}
	if err := l.makeSecrets(); err != nil {
		return nil, err
	}
	if l.Docker, err = OpenDocker(ctx, o.Progress); err != nil {
		return nil, fmt.Errorf("starting the lab: %w", err)
	}
	l.Docker.cache = cache
	if err := l.start(ctx, o.Images); err != nil {
		l.keep = false
		return nil, errors.Join(fmt.Errorf("starting the lab: %w", err), l.Close())
	}
	return l, nil
}

// locate returns the absolute path of a program that the lab brings.
func locate(name, path string) (string, error) {
	absolute, err := filepath.Abs(path)
	if err != nil || path == "" || !exists(absolute) {
		return "", progress.Invalid("starting the lab: there is no %s command at %q", name, path)
	}
	return absolute, nil
}

func (l *Lab) makeSecrets() (err error) {
	random := make([]byte, 4)
	rand.Read(random)
	l.ID = hex.EncodeToString(random)
	l.Network = "gitops-lab-" + l.ID
	l.GitPassword, l.GitHubToken, l.RegistryPassword = password(), password(), password()
	if l.LoginKey, l.LoginPublicKey, err = host.GenerateKey(); err != nil {
		return err
	}
	if l.HostKey, l.HostPublicKey, err = host.GenerateKey(); err != nil {
		return err
	}
	l.Authority, err = authority.New()
	return err
}

func password() secret.Value { return secret.New(rand.Text()) }

// stageImages are the images that every rehearsal needs.
var stageImages = []string{
	images.Go, images.Node, images.Nginx, images.Terraform, images.Ansible, images.Git, images.Syft, images.Cosign,
}

func (l *Lab) start(ctx context.Context, more []string) error {
	if err := Sweep(ctx, l.Docker); err != nil {
		return err
	}
	provider, debian, err := newProvider(ctx, l.Docker, l.cache)
	if err != nil {
		return err
	}
	l.AirGapped = provider.airGap
	services, err := l.buildServices(ctx)
	if err != nil {
		return err
	}
	var host Image
	if services["host"], host, err = buildHost(ctx, provider); err != nil {
		return err
	}
	if err := l.sayWhatLacks(ctx); err != nil {
		return err
	}
	if l.Images, l.Missing, err = provider.all(ctx, append(more, stageImages...)); err != nil {
		return err
	}
	// The mirror has the host's base too, for a Dagger engine that builds the host.
	l.Images = append(slices.Compact([]Image{debian, host}), l.Images...)
	if err := l.buildDocker(ctx); err != nil {
		return err
	}
	if _, err := l.Docker.do(ctx, append([]string{"network", "create"}, append(l.labels(), l.Network)...)...); err != nil {
		return err
	}
	if err := l.startServices(ctx, services); err != nil || !l.AirGapped {
		return err
	}
	return l.fillMirror(ctx)
}

// labels returns the arguments that mark what belongs to the lab.
func (l *Lab) labels() []string {
	owner := processID(os.Getpid())
	if l.keep {
		owner = keptOwner
	}
	return []string{"--label", labelLab + "=" + l.ID, "--label", labelOwner + "=" + owner}
}

// Close removes every container, network and volume of the lab, unless it is to
// be kept, and stops the engine if the lab started it and nobody else uses it.
// It works after Ctrl-C, and more than once.
func (l *Lab) Close() error {
	l.closing.Do(func() {
		if l.keep {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		end := l.progress.Start("removing the lab")
		l.closed = remove(ctx, l.Docker, labelLab+"="+l.ID)
		end(l.closed)
		l.closed = errors.Join(l.closed, l.Docker.Close())
	})
	return l.closed
}
