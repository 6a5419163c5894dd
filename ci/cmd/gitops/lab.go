package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"github.com/spf13/cobra"

	"gitops/ci/lab"
	"gitops/ci/lab/githubtest"
	"gitops/ci/lab/gitserver"
	"gitops/ci/secret"
)

// labCommand serves the stand-ins that are this binary itself. It is hidden: the
// rehearsal starts it inside the lab.
func (a *app) labCommand() *cobra.Command {
	command := &cobra.Command{Use: "lab", Short: "Serve a stand-in of the rehearsal", Hidden: true}
	var listen, dir string
	git := a.command("git", "Serve git repositories over HTTP", func(cmd *cobra.Command, _ []string) (result, error) {
		return nil, gitserver.Serve(cmd.Context(), listen, dir, os.Getenv("GIT_USERNAME"), secret.FromEnv("GIT_PASSWORD"))
	})
	git.Flags().StringVar(&dir, "dir", "/srv/git", "folder of the bare repositories")
	github := a.command("github", "Serve the double of GitHub's API", func(cmd *cobra.Command, _ []string) (result, error) {
		return nil, githubtest.Serve(cmd.Context(), listen, os.Getenv("GITHUB_TOKEN"))
	})
	for _, cmd := range []*cobra.Command{git, github} {
		cmd.Flags().StringVar(&listen, "listen", ":8080", "address to listen on")
		command.AddCommand(cmd)
	}
	engine := a.command("engine", "Run a command while a Docker engine answers", func(cmd *cobra.Command, args []string) (result, error) {
		return nil, a.withEngine(cmd.Context(), args)
	})
	engine.Args = cobra.MinimumNArgs(1)
	command.AddCommand(engine)
	return command
}

// withEngine runs a command and keeps a Docker engine up for it: the machine's, or
// one that is set up where that is possible. Without one the command runs too.
func (a *app) withEngine(ctx context.Context, args []string) error {
	docker, err := lab.OpenDocker(ctx, a.progress)
	switch {
	case errors.Is(err, lab.ErrNoDocker):
		a.progress.Say("%v; going on without", err)
	case err != nil:
		return err
	default:
		defer docker.Close()
	}
	command := exec.CommandContext(ctx, args[0], args[1:]...)
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	if err := command.Run(); err != nil {
		return fmt.Errorf("running %s: %w", args[0], err)
	}
	return nil
}
