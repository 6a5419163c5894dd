package main

import (
	"context"

	"gitops/.dagger/internal/dagger"
)

// Github is the repository whose comments and issues the stages write.
type Github struct {
	// +private
	Repo string
	// +private
	Token *dagger.Secret
	// +private
	ReviewKey *dagger.Secret
	// +private
	Server string
	// +private
	Workflow string
	// +private
	Run string
	// +private
	Attempt string
}

// WithGithub says where reviews are written and drift is told.
func (m *Gitops) WithGithub(
	// Repository, owner/name.
	repo string,
	// Token with the permissions of the stage: pull-requests write for review, the same and
	// statuses write for provision, issues write for drift; actions read where a lock of the
	// state is explained.
	token *dagger.Secret,
) *Gitops {
	m.Github.Repo, m.Github.Token = repo, token
	return m
}

// WithReviewKey signs reviews, and has apply believe only those that were made with the key.
func (m *Gitops) WithReviewKey(
	// Any secret of 32 characters or more, the same for review and for apply.
	key *dagger.Secret,
) *Gitops {
	m.Github.ReviewKey = key
	return m
}

// withReviewKey returns a container that has the key. Terraform does not get it.
func (g *Github) withReviewKey(ctx context.Context, c *dagger.Container) (*dagger.Container, error) {
	there, err := exists(ctx, g.ReviewKey)
	if err != nil || !there {
		return c, err
	}
	return c.WithSecretVariable("GITOPS_REVIEW_KEY", g.ReviewKey), nil
}

// runFlag returns the flag with the address of the workflow's run, where it is known.
func (g *Github) runFlag() []string {
	if g.Server == "" || g.Repo == "" || g.Run == "" {
		return nil
	}
	return []string{"--run-url", g.Server + "/" + g.Repo + "/actions/runs/" + g.Run}
}

// onGithub returns a container that can talk to GitHub, and the arguments of a
// stage that does; without repository and token, as they were.
func (m *Gitops) onGithub(ctx context.Context, c *dagger.Container, args ...string) (*dagger.Container, []string, error) {
	there, err := exists(ctx, m.Github.Token)
	if err != nil || !there || m.Github.Repo == "" {
		return c, args, err
	}
	return c.WithSecretVariable("GITHUB_TOKEN", m.Github.Token), append(args, "--github-repo", m.Github.Repo), nil
}

// builder returns the flags that name the workflow, its run and the repository, as far
// as they are known.
func (g *Github) builder() (flags []string) {
	if g.Server != "" && g.Workflow != "" {
		flags = append(flags, "--builder-id", g.Server+"/"+g.Workflow)
	}
	if g.Server != "" && g.Repo != "" && g.Run != "" {
		flags = append(flags, "--invocation-id", g.Server+"/"+g.Repo+"/actions/runs/"+g.Run+"/attempts/"+g.Attempt)
	}
	return flags
}

// url returns the repository's address for git; nothing when it is not known.
func (g *Github) url() string {
	if g.Server == "" || g.Repo == "" {
		return ""
	}
	return g.Server + "/" + g.Repo + ".git"
}
