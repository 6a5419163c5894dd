package lab

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"gitops/ci/images"
	"gitops/ci/lab/authority"
	"gitops/ci/program"
	"gitops/ci/retry"
	"gitops/ci/secret"
)

// service is one stand-in: a container with a name in the lab's network.
type service struct {
	name    string   // the container's, and with ".local" its address
	image   string   // folder in files' images, later the image's reference
	ports   []string // published on this machine, on the loopback address
	options []string // of docker create
	secrets map[string]secret.Value
	command []string
	files   map[string]string // path below /run/lab → content, put in before the start
	issued  string            // name that it needs a certificate for; empty for plain HTTP
	found   func(published []string)
	address *string // set to the IP address in the lab's network, unless nil
	ready   func(ctx context.Context) error
}

// Where containers find the programs that the lab brings.
const (
	gitopsPath   = "/usr/local/bin/gitops"
	rehearsePath = "/usr/local/bin/rehearse"
)

// services returns the stand-ins. Each sets its endpoint when it has started.
func (l *Lab) services() []service {
	services := []service{
		l.own("github", &l.GitHub, "", map[string]secret.Value{"GIT_PASSWORD": l.GitPassword, "GITHUB_TOKEN": l.GitHubToken}, "--env", "GIT_USERNAME="+User),
		{
			name: "aws", image: "aws", ports: []string{"5000"},
			found: url(&l.AWS, "http", "aws.local:5000"),
			ready: func(ctx context.Context) error {
				return answers(ctx, http.DefaultClient, l.AWS.Outside+"/moto-api/")
			},
		},
		{
			name: "registry", image: "registry", ports: []string{"5000"}, options: []string{"--env", "REGISTRY_USER=" + User},
			secrets: map[string]secret.Value{"REGISTRY_PASSWORD": l.RegistryPassword},
			found:   address(&l.Registry, "registry.local:5000"),
			ready: func(ctx context.Context) error {
				return answers(ctx, http.DefaultClient, "http://"+l.Registry.Outside+"/v2/")
			},
		},
		l.host(),
	}
	if l.AirGapped {
		galaxy := l.own("galaxy", &l.Galaxy, "/api/", nil)
		galaxy.image = "galaxy" // which has the collections
		services = append(services, l.mirror(), galaxy)
	}
	return services
}

// own is a stand-in that the rehearsal's command serves over TLS. It lets in the
// secrets, each of which it finds in a variable, and answers at health.
func (l *Lab) own(name string, at *Endpoint, health string, secrets map[string]secret.Value, options ...string) service {
	return service{
		name: name, image: "git", ports: []string{"8080"},
		options: append([]string{"--volume", l.standIns + ":" + rehearsePath + ":ro"}, options...),
		secrets: secrets,
		command: []string{rehearsePath, "stand-in", name, "--certificate", authority.CertificateFile, "--key", authority.KeyFile},
		issued:  name + ".local",
		found:   url(at, "https", name+".local:8080"),
		ready:   func(ctx context.Context) error { return answers(ctx, l.Authority.Client(), at.Outside+health) },
	}
}

// host is the stand-in for the EC2 instance: a container in which a Docker
// engine can run.
func (l *Lab) host() service {
	return service{
		name: "host", image: "host", ports: []string{"22", "80"}, options: nestedEngine(), address: &l.HostAddress,
		files: map[string]string{"host_key": l.HostKey.Reveal(), "authorized_keys": l.LoginPublicKey + "\n"},
		found: func(published []string) {
			address(&l.SSH, "host.local:22")(published[:1])
			address(&l.HTTP, "host.local:80")(published[1:])
		},
		ready: func(ctx context.Context) error { return greets(ctx, l.SSH.Outside, "SSH-") },
	}
}

func url(e *Endpoint, scheme, inside string) func([]string) {
	return func(published []string) { *e = Endpoint{scheme + "://" + inside, scheme + "://" + published[0]} }
}

func address(e *Endpoint, inside string) func([]string) {
	return func(published []string) { *e = Endpoint{inside, published[0]} }
}

// capabilities are what an engine inside a container needs. Privileged would be
// more than some machines can give: those that withhold resource limits.
var capabilities = strings.Fields(`AUDIT_CONTROL AUDIT_WRITE CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID IPC_LOCK
	IPC_OWNER KILL LEASE LINUX_IMMUTABLE MKNOD NET_ADMIN NET_BIND_SERVICE NET_BROADCAST NET_RAW SETFCAP SETGID SETPCAP
	SETUID SYSLOG SYS_ADMIN SYS_CHROOT SYS_NICE SYS_PTRACE SYS_TTY_CONFIG`)

func nestedEngine() []string {
	options := []string{
		"--hostname", "host", "--cgroupns", "private", "--device-cgroup-rule", "a *:* rwm",
		"--security-opt", "seccomp=unconfined", "--security-opt", "apparmor=unconfined", "--security-opt", "systempaths=unconfined",
	}
	for _, capability := range capabilities {
		options = append(options, "--cap-add", capability)
	}
	return options
}

// DockerImage is the image that has git and the docker, syft and cosign commands,
// for the stage that builds images.
const DockerImage = "gitops-lab/docker:local"

// buildServices builds the stand-ins' images, apart from the host's, and returns
// their references by folder.
func (l *Lab) buildServices(ctx context.Context) (map[string]string, error) {
	refs := map[string]string{}
	group, ctx := errgroup.WithContext(ctx)
	folders := []string{"git", "aws", "registry"}
	if l.AirGapped {
		folders = append(folders, "galaxy")
	}
	for _, folder := range folders {
		refs[folder] = "gitops-lab/" + folder + ":local"
		group.Go(func() error {
			return l.Docker.buildOwn(ctx, refs[folder], folder, map[string]string{"DEBIAN": images.Debian})
		})
	}
	return refs, group.Wait()
}

// buildDocker builds DockerImage, once its programs' images are provided.
func (l *Lab) buildDocker(ctx context.Context) error {
	return l.Docker.buildOwn(ctx, DockerImage, "docker", map[string]string{
		"DEBIAN": images.Debian, "SYFT": images.Syft, "COSIGN": images.Cosign,
	})
}

// buildOwn builds the image ref from a folder of files' images. It is built again
// when one of the images in from is another; from has them by build argument.
func (d *Docker) buildOwn(ctx context.Context, ref, folder string, from map[string]string) error {
	r := recipe{dir: "images/" + folder, args: from}
	for _, argument := range sortedKeys(from) {
		stored, err := d.inspect(ctx, from[argument])
		if err != nil {
			return err
		}
		if stored == nil {
			return fmt.Errorf("building image %s: the engine does not have %s", ref, from[argument])
		}
		r.key += stored.ID
	}
	_, err := d.build(ctx, ref, r)
	return err
}

// startServices starts the stand-ins at once and waits until each answers.
func (l *Lab) startServices(ctx context.Context, refs map[string]string) (err error) {
	end := l.progress.Start("starting the stand-ins")
	defer func() { end(err) }()
	group, ctx := errgroup.WithContext(ctx)
	for _, s := range l.services() {
		s.image = refs[s.image]
		group.Go(func() error {
			if err := l.startService(ctx, s); err != nil {
				return fmt.Errorf("starting stand-in %s: %w", s.name, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// startTime bounds how long a stand-in may take until it answers.
const startTime = time.Minute

func (l *Lab) startService(ctx context.Context, s service) error {
	container := l.container(s.name)
	args := append([]string{"create", "--name", container, "--network", l.Network, "--network-alias", s.name + ".local"}, l.labels()...)
	for _, port := range s.ports {
		args = append(args, "--publish", publish(port))
	}
	var env []string
	for name, value := range s.secrets {
		// The value goes through the environment: arguments are for all to see.
		args, env = append(args, "--env", name), append(env, name+"="+value.Reveal())
	}
	args = append(append(append(args, s.options...), s.image), s.command...)
	if _, err := l.Docker.must(ctx, command{args: args, env: env}); err != nil {
		return err
	}
	files, err := l.withCertificate(s)
	if err != nil {
		return err
	}
	if err := l.putFiles(ctx, container, files); err != nil {
		return err
	}
	if _, err := l.Docker.do(ctx, "start", container); err != nil {
		return err
	}
	if err := l.findPorts(ctx, container, s); err != nil {
		return err
	}
	if s.address != nil {
		var err error
		if *s.address, err = l.Docker.do(ctx, "inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", container); err != nil {
			return err
		}
	}
	return l.await(ctx, container, s)
}

// withCertificate returns the files of s, with its certificate if it needs one.
func (l *Lab) withCertificate(s service) (map[string]string, error) {
	if s.issued == "" {
		return s.files, nil
	}
	certificate, key, err := l.Authority.Issue(s.issued)
	return map[string]string{
		path.Base(authority.CertificateFile): certificate, path.Base(authority.KeyFile): key.Reveal(),
		path.Base(authority.AuthorityFile): l.Authority.PEM(),
	}, err
}

// container returns the name of the container of a stand-in.
func (l *Lab) container(name string) string { return l.Network + "-" + name }

// publish returns how a port is published: "5000", or "5050:5000" for a port of
// this machine that others are to know.
func publish(port string) string {
	if !strings.Contains(port, ":") {
		port = ":" + port
	}
	return "127.0.0.1:" + port
}

// putFiles puts files into a container that has not started yet, so that they
// are in no environment and no image.
func (l *Lab) putFiles(ctx context.Context, container string, files map[string]string) error {
	if len(files) == 0 {
		return nil
	}
	var content bytes.Buffer
	archive := tar.NewWriter(&content)
	for _, name := range sortedKeys(files) {
		header := &tar.Header{Name: "run/lab/" + name, Mode: 0o600, Size: int64(len(files[name]))}
		if err := archive.WriteHeader(header); err != nil {
			return err
		}
		if _, err := archive.Write([]byte(files[name])); err != nil {
			return err
		}
	}
	if err := archive.Close(); err != nil {
		return err
	}
	_, err := l.Docker.must(ctx, command{args: []string{"cp", "-", container + ":/"}, stdin: &content})
	return err
}

// findPorts asks where the service's ports were published.
func (l *Lab) findPorts(ctx context.Context, container string, s service) error {
	var published []string
	for _, port := range s.ports {
		inside := port[strings.LastIndex(port, ":")+1:]
		out, err := l.Docker.do(ctx, "port", container, inside+"/tcp")
		if err != nil {
			return err
		}
		first, _, _ := strings.Cut(out, "\n")
		published = append(published, first)
	}
	s.found(published)
	return nil
}

// await waits until the service answers; its last words are in the error.
func (l *Lab) await(ctx context.Context, container string, s service) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	for {
		err := s.ready(ctx)
		if err == nil {
			return nil
		}
		state, _ := l.Docker.do(ctx, "inspect", "--format", "{{.State.Status}}", container)
		if state == "exited" || ctx.Err() != nil {
			logs, _ := l.Docker.call(context.WithoutCancel(ctx), command{args: []string{"logs", "--tail", "10", container}})
			return fmt.Errorf("it does not answer (%w); its last words:\n%s", err, program.LastLines(logs.stdout+logs.stderr, 10))
		}
		_ = retry.Sleep(ctx, 150*time.Millisecond) // its end shows above
	}
}

// answers reports why an HTTP server does not answer. Asking for credentials is
// an answer.
func answers(ctx context.Context, client *http.Client, address string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	response.Body.Close()
	if response.StatusCode >= 500 {
		return errors.New(response.Status)
	}
	return nil
}

// greets reports why a TCP server's first words are not greeting.
func greets(ctx context.Context, address, greeting string) error {
	dialer := net.Dialer{Timeout: 3 * time.Second}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetReadDeadline(time.Now().Add(3 * time.Second)); err != nil {
		return err
	}
	said := make([]byte, len(greeting))
	if _, err := conn.Read(said); err != nil {
		return err
	}
	if string(said) != greeting {
		return fmt.Errorf("it said %q", said)
	}
	return nil
}

// mirror is the registry that has the base images where no other does.
func (l *Lab) mirror() service {
	storage := filepath.Join(l.cache.dir, "mirror")
	return service{
		name: "mirror", image: "registry", ports: []string{mirrorPort() + "5000"},
		options: []string{"--volume", storage + ":/var/lib/registry"},
		found:   address(&l.Mirror, "mirror.local:5000"),
		ready: func(ctx context.Context) error {
			return answers(ctx, http.DefaultClient, "http://"+l.Mirror.Outside+"/v2/")
		},
	}
}

// MirrorPort is the port of this machine that the mirror of a lab is published
// on, if it is free, so that a Dagger engine can be told where to look.
const MirrorPort = "5050"

func mirrorPort() string {
	listener, err := net.Listen("tcp", "127.0.0.1:"+MirrorPort)
	if err != nil {
		return ""
	}
	listener.Close()
	return MirrorPort + ":"
}
