package main

import (
	"os"

	"github.com/spf13/cobra"

	"gitops/ci/lab/githubtest"
	"gitops/ci/lab/gitserver"
	"gitops/ci/secret"
)

// labCommand serves the stand-ins that are this binary itself. It is hidden: the
// rehearsal starts it inside the lab.
func (a *app) labCommand() *cobra.Command {
	lab := &cobra.Command{Use: "lab", Short: "Serve a stand-in of the rehearsal", Hidden: true}
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
		lab.AddCommand(cmd)
	}
	return lab
}
