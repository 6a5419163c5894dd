package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"syscall"

	"github.com/spf13/cobra"

	"gitops/ci/lab"
	"gitops/ci/lab/authority"
	"gitops/ci/lab/galaxytest"
	"gitops/ci/lab/githubtest"
	"gitops/ci/lab/gitserver"
	"gitops/ci/progress"
	"gitops/ci/rehearsal/dockerlab"
	"gitops/ci/secret"
)

// newStandIn serves the stand-ins that are this program. It is hidden: the
// rehearsal starts it inside the lab.
func newStandIn() *cobra.Command {
	var at place
	var repositories, installed string
	command := &cobra.Command{Use: "stand-in", Short: "Serve a stand-in of the rehearsal", Hidden: true}
	github := at.serve("github", "the double of GitHub: git and the API", func(ctx context.Context, l net.Listener) error {
		git, err := gitserver.New(repositories, os.Getenv("GIT_USERNAME"), secret.FromEnv("GIT_PASSWORD"))
		if err != nil {
			return err
		}
		return githubtest.Serve(ctx, l, githubtest.Options{Token: os.Getenv("GITHUB_TOKEN"), Git: git})
	})
	github.Flags().StringVar(&repositories, "dir", "/srv/git", "folder of the bare repositories")
	galaxy := at.serve("galaxy", "the double of Ansible Galaxy", func(ctx context.Context, l net.Listener) error {
		return galaxytest.Serve(ctx, l, installed)
	})
	galaxy.Flags().StringVar(&installed, "dir", "/srv/galaxy", "folder of the collections, NAMESPACE/NAME")
	flags := command.PersistentFlags()
	flags.StringVar(&at.listen, "listen", ":8080", "address to listen on")
	flags.StringVar(&at.certificate, "certificate", "", "file of the certificate to show, PEM (default: plain HTTP)")
	flags.StringVar(&at.key, "key", "", "file of the certificate's key, PEM")
	command.AddCommand(github, galaxy, newDagger())
	return command
}

// place is where a stand-in listens.
type place struct{ listen, certificate, key string }

// serve returns the command that serves one stand-in.
func (p *place) serve(name, what string, serve func(context.Context, net.Listener) error) *cobra.Command {
	return &cobra.Command{Use: name, Short: "Serve " + what, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			listener, err := authority.Listen(p.listen, p.certificate, p.key)
			if err != nil {
				return fmt.Errorf("starting to serve %s: %w", what, err)
			}
			return serve(cmd.Context(), listener)
		}}
}

// newDagger is the stand-in for the dagger command where there is no engine. The
// rehearsal that started the workflow runs the call.
func newDagger() *cobra.Command {
	return &cobra.Command{Use: "dagger", Short: "Run a call of dagger in the rehearsal that is under way", DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 && args[0] == "--" {
				args = args[1:]
			}
			if slices.Contains(args, "version") && !slices.Contains(args, "call") {
				fmt.Fprintf(cmd.OutOrStdout(), "dagger %s (the rehearsal's stand-in)\n", dockerlab.DaggerVersion)
				return nil
			}
			dir, err := os.Getwd()
			if err != nil {
				return err
			}
			request := dockerlab.DaggerRequest{Dir: dir, Args: args, Env: os.Environ()}
			answer, err := dockerlab.Dagger(cmd.Context(), os.Getenv(dockerlab.SocketVariable), request)
			if err != nil {
				return err
			}
			fmt.Fprint(cmd.OutOrStdout(), answer.Stdout)
			fmt.Fprint(cmd.ErrOrStderr(), answer.Stderr)
			if answer.Exit != 0 {
				return fmt.Errorf("the call of dagger ended with exit code %d", answer.Exit)
			}
			return nil
		}}
}

// newWithDocker runs a command while a Docker engine answers: the machine's, or one
// that is set up where that is possible. Without one the command runs too.
func newWithDocker(p *progress.Progress) *cobra.Command {
	var toolbox bool
	command := &cobra.Command{
		Use: "with-docker -- COMMAND [ARGUMENT]…", Short: "Run a command while a Docker engine answers", Hidden: true,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			docker, err := lab.OpenDocker(cmd.Context(), p)
			switch {
			case errors.Is(err, lab.ErrNoDocker):
				p.Say("%v; going on without", err)
			case err != nil:
				return err
			default:
				defer docker.Close()
				if toolbox && docker.HasToolbox(cmd.Context()) {
					p.Say("a Docker engine was here before: the command runs in the image of the lab's toolbox")
					if args, err = docker.Toolbox(cmd.Context(), args); err != nil {
						return err
					}
				}
			}
			return pass(cmd.Context(), args)
		},
	}
	command.Flags().BoolVar(&toolbox, "toolbox", false, "on an engine that was here before, run the command in an image that has the tests' programs")
	return command
}

// newOnHost runs a command on the host stand-in, beside its Docker engine.
func newOnHost(p *progress.Progress) *cobra.Command {
	return &cobra.Command{
		Use: "on-host -- COMMAND [ARGUMENT]…", Short: "Run a command on the host stand-in, beside its Docker engine", Hidden: true,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			docker, err := lab.OpenDocker(cmd.Context(), p)
			if err != nil {
				return err
			}
			defer docker.Close()
			if args, err = docker.OnHost(cmd.Context(), args); err != nil {
				return err
			}
			return pass(cmd.Context(), args)
		},
	}
}

// pass runs a command with this one's input and output.
func pass(ctx context.Context, args []string) error {
	command := exec.CommandContext(ctx, args[0], args[1:]...)
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	if err := command.Run(); err != nil {
		return fmt.Errorf("running %s: %w", args[0], err)
	}
	return nil
}
