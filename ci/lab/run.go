package lab

import (
	"context"
	"fmt"
	"io"
	"time"

	"gitops/ci/program"
	"gitops/ci/secret"
)

// Mount shows a file or folder of this machine to a stage.
type Mount struct {
	Source, Target string
	Writable       bool
}

// Command is one run of a program in a container on the lab's network.
type Command struct {
	Image   string   // its program runs as root, whatever user the image names
	Args    []string // program and arguments; the image's own entry point is not used
	Dir     string   // working folder in the container
	Env     map[string]string
	Secrets map[string]secret.Value // environment, kept out of arguments
	Mounts  []Mount
	Stdin   io.Reader
	Log     io.Writer // gets standard error as it comes, if set
	// Grace is how long the program may take to end tidily after it was
	// interrupted because ctx ended; 30 seconds when 0.
	Grace time.Duration
}

// Output is what a command printed and how it ended.
type Output struct {
	Stdout, Stderr string
	Exit           int
}

// Run runs a command in its own container, which is gone afterwards, also
// when ctx ends before. The gitops command of the lab is on its PATH. An exit code
// other than 0 is no error.
func (l *Lab) Run(ctx context.Context, c Command) (Output, error) {
	if len(c.Args) == 0 {
		return Output{}, fmt.Errorf("running in image %s: no program given", c.Image)
	}
	name := l.container("run-" + password().Reveal()[:8])
	out, err := l.Docker.call(ctx, l.runCommand(name, c))
	if err != nil {
		// The docker command is gone; its container may not be.
		cleanup, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		_, _ = l.Docker.call(cleanup, command{args: []string{"rm", "--force", "--volumes", name}})
		return Output{out.stdout, out.stderr, out.exit}, err
	}
	// Docker's own failures: no such image, no such program.
	if out.exit == 125 || out.exit == 127 && out.stdout == "" {
		return Output{out.stdout, out.stderr, out.exit}, fmt.Errorf("running in image %s: %s", c.Image, program.LastLines(out.stderr, 5))
	}
	return Output{out.stdout, out.stderr, out.exit}, nil
}

// Connect lets a container that is not the lab's into its network.
func (l *Lab) Connect(ctx context.Context, container string) error {
	_, err := l.Docker.do(ctx, "network", "connect", l.Network, container)
	return err
}

// Disconnect takes back what Connect did.
func (l *Lab) Disconnect(ctx context.Context, container string) error {
	_, err := l.Docker.do(ctx, "network", "disconnect", l.Network, container)
	return err
}

// runCommand returns the call of the docker command for c.
func (l *Lab) runCommand(name string, c Command) command {
	args := append([]string{"run", "--rm", "--init", "--name", name, "--network", l.Network, "--user", "0:0"}, l.labels()...)
	args = append(args, "--volume", l.gitops+":"+gitopsPath+":ro", "--entrypoint", c.Args[0])
	if c.Stdin != nil {
		args = append(args, "--interactive")
	}
	if c.Dir != "" {
		args = append(args, "--workdir", c.Dir)
	}
	for _, mount := range c.Mounts {
		volume := mount.Source + ":" + mount.Target
		if !mount.Writable {
			volume += ":ro"
		}
		args = append(args, "--volume", volume)
	}
	variables := map[string]string{}
	for key, value := range c.Env {
		variables[key] = value
	}
	for key, value := range c.Secrets {
		variables[key] = value.Reveal()
	}
	var env []string
	for _, key := range sortedKeys(variables) {
		args, env = append(args, "--env", key), append(env, key+"="+variables[key])
	}
	args = append(append(args, c.Image), c.Args[1:]...)
	grace := c.Grace
	if grace == 0 {
		grace = 30 * time.Second
	}
	return command{args: args, env: env, stdin: c.Stdin, log: c.Log, grace: grace}
}
