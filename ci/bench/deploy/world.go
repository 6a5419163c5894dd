package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	server "github.com/google/go-containerregistry/pkg/registry"

	"gitops/ci/images"
	"gitops/ci/lab"
	"gitops/ci/lab/hosttest"
	"gitops/ci/progress"
)

// world is what every measurement works in: a folder, a registry, the host's sshd and the
// images of the releases.
type world struct {
	id       string
	dir      string
	engine   string
	docker   *lab.Docker
	registry *httptest.Server
	sshd     *hosttest.SSHD
	// built is how many releases the registry has; refs are the images to remove.
	built int
	refs  []string
	// places counts the projects that were started.
	places int
}

func newWorld(ctx context.Context) (_ *world, err error) {
	w := &world{id: fmt.Sprintf("bench-%d", os.Getpid())}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	if w.docker, err = lab.OpenDocker(ctx, progress.NewProgress(os.Stderr)); err != nil {
		return nil, err
	}
	w.engine = w.docker.Version
	if w.dir, err = os.MkdirTemp("", "gitops-bench-"); err != nil {
		return nil, err
	}
	w.registry = httptest.NewServer(server.New(server.Logger(log.New(io.Discard, "", 0))))
	sshDir := filepath.Join(w.dir, "sshd")
	if err := os.Mkdir(sshDir, 0o700); err != nil {
		return nil, err
	}
	if w.sshd, err = hosttest.Launch(sshDir); err != nil {
		return nil, err
	}
	return w, w.docker.Provide(ctx, images.Go, images.Node, images.Nginx, traefikImage, postgresImage)
}

// close removes what the world made.
func (w *world) close() {
	if len(w.refs) > 0 {
		if err := w.forget(context.Background()); err != nil {
			say("%v", err)
		}
	}
	if w.sshd != nil {
		w.sshd.Close()
	}
	if w.registry != nil {
		w.registry.Close()
	}
	if w.docker != nil {
		w.docker.Close()
	}
	os.RemoveAll(w.dir)
}

// registryAddress is the registry as the engine names it.
func (w *world) registryAddress() string { return w.registry.Listener.Addr().String() }

// command runs a program and returns what it printed, or an error with its last words.
func command(ctx context.Context, dir string, env []string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	var failed *exec.ExitError
	out, err := cmd.Output()
	if errors.As(err, &failed) {
		return "", fmt.Errorf("running %s: %w: %s", strings.Join(args[:min(len(args), 8)], " "), err, lastLines(string(failed.Stderr)))
	}
	return strings.TrimSpace(string(out)), err
}

func lastLines(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(len(lines)-8, 0):], "\n")
}

// docker runs the docker command.
func docker(ctx context.Context, args ...string) (string, error) {
	return command(ctx, "", nil, append([]string{"docker"}, args...)...)
}

func freePort() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	return port, err
}
