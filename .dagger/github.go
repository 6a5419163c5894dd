package main

import (
	"gitops/.dagger/internal/dagger"
)

// Github is the repository whose comments and issues the stages write.
type Github struct {
	// +private
	Repo string
	// +private
	Token *dagger.Secret
}

// WithGithub says where reviews are written and drift is told.
func (m *Gitops) WithGithub(
	// Repository, owner/name.
	repo string,
	// Token with the permissions of the stage: pull-requests write for review,
	// pull-requests read for provision, issues write for drift.
	token *dagger.Secret,
) *Gitops {
	m.Github = &Github{Repo: repo, Token: token}
	return m
}

// onGithub returns a container that can talk to GitHub, and the arguments of a
// stage that does; without with-github, as they were.
func (m *Gitops) onGithub(c *dagger.Container, args ...string) (*dagger.Container, []string) {
	if m.Github == nil {
		return c, args
	}
	return c.WithSecretVariable("GITHUB_TOKEN", m.Github.Token), append(args, "--github-repo", m.Github.Repo)
}
