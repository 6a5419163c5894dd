package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/sync/semaphore"

	"gitops/ci/program"
	"gitops/ci/progress"
)

// Docker is a Docker engine, worked through the docker command. Open one with
// OpenDocker.
type Docker struct {
	Version  string // of the engine
	progress *progress.Progress
	building *semaphore.Weighted // admits two image builds at a time
	cache    *cache              // has the locks of image builds
	hold     *hold               // keeps an engine that the lab started running; nil for others
}

func newDocker(version string, p *progress.Progress) *Docker {
	return &Docker{Version: version, progress: p, building: semaphore.NewWeighted(2)}
}

// command is one call of the docker command.
type command struct {
	args  []string
	env   []string // variables for the call, NAME=value; "--env NAME" passes one on
	stdin io.Reader
	log   io.Writer // gets standard error as it comes, if set
	grace time.Duration
}

// output is what a call printed.
type output struct {
	stdout, stderr string
	exit           int
}

// everything lets all variables through: the lab runs on a developer's machine as the
// developer would, with the proxies and mirrors of every tool.
var everything = []string{"*"}

// call runs the docker command. An exit code other than 0 is no error here.
func (d *Docker) call(ctx context.Context, c command) (output, error) {
	var stderr bytes.Buffer // all of it: tests search it
	log := io.Writer(&stderr)
	if c.log != nil {
		log = io.MultiWriter(&stderr, c.log)
	}
	// The docker command passes the signal that ends it on to the container it runs.
	out, err := program.Run(ctx, program.Command{
		Name: "docker", Args: c.args, Pass: everything, Env: c.env, Stdin: c.stdin, Log: log, Grace: c.grace,
	})
	result := output{stdout: string(out.Stdout), stderr: stderr.String()}
	var failed *program.Error
	if errors.As(err, &failed) {
		result.exit, err = failed.Exit, nil
	}
	return result, err
}

// do runs the docker command and returns its trimmed standard output. An exit
// code other than 0 is an error with the last words of standard error.
func (d *Docker) do(ctx context.Context, args ...string) (string, error) {
	return d.must(ctx, command{args: args})
}

func (d *Docker) must(ctx context.Context, c command) (string, error) {
	out, err := d.call(ctx, c)
	if err != nil {
		return "", err
	}
	if out.exit != 0 {
		return "", fmt.Errorf("running docker %s: exit %d: %s", c.args[0], out.exit, program.LastLines(out.stderr, 12))
	}
	return strings.TrimSpace(out.stdout), nil
}

// image tells of the image ref in the engine's store.
type image struct {
	ID     string
	Labels map[string]string
}

// inspect returns the image ref, or nil when the store does not have it.
func (d *Docker) inspect(ctx context.Context, ref string) (*image, error) {
	out, err := d.call(ctx, command{args: []string{"image", "inspect", "--format", "{{json .}}", ref}})
	if err != nil || out.exit != 0 {
		return nil, err
	}
	var found struct {
		ID     string `json:"Id"`
		Config struct{ Labels map[string]string }
	}
	if err := json.Unmarshal([]byte(out.stdout), &found); err != nil {
		return nil, fmt.Errorf("reading what docker says of image %s: %w", ref, err)
	}
	return &image{ID: found.ID, Labels: found.Config.Labels}, nil
}

// Pull brings ref into the engine's store.
func (d *Docker) Pull(ctx context.Context, ref string) error {
	_, err := d.do(ctx, "pull", "--quiet", ref)
	return err
}

// FindContainer returns the name of the one running container whose name starts so.
func (d *Docker) FindContainer(ctx context.Context, prefix string) (string, error) {
	out, err := d.do(ctx, "ps", "--filter", "name=^"+prefix, "--format", "{{.Names}}")
	if err != nil {
		return "", err
	}
	names := strings.Fields(out)
	if len(names) != 1 {
		return "", fmt.Errorf("%d containers run whose names start with %s: %v", len(names), prefix, names)
	}
	return names[0], nil
}
