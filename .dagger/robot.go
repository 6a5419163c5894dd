package main

import (
	"context"
	"fmt"
	"strconv"

	"gitops/.dagger/internal/dagger"
)

// Robot is who commits the refs, and how.
type Robot struct {
	// +private
	Name string
	// +private
	Email string
	// +private
	Message string
	// +private
	Trailers []string
	// +private
	SigningKey *dagger.Secret
	// +private
	SSHKey *dagger.Secret
	// +private
	KnownHosts string
	// +private
	SkipCI bool
	// +private
	Unordered bool
	// +private
	MaxAttempts int
	// +private
	Propose bool
	// +private
	HistoryRepo string
	// +private
	HistoryBranch string
}

// WithRobot says who commits the refs of a release, and how.
//
// Without it the robot has its own name, signs nothing and pushes over https.
func (m *Gitops) WithRobot(
	// Author and committer.
	// +optional
	name string,
	// Address of the author.
	// +optional
	email string,
	// Template of the commit message, in Go's text/template: .Services, .Changes,
	// .Commit, .Short, .Branch and .Manifest.
	// +optional
	message string,
	// Trailers of the message, such as "Reviewed-by: Somebody".
	// +optional
	trailers []string,
	// Private SSH or PGP key that signs the commits, without a passphrase.
	// +optional
	signingKey *dagger.Secret,
	// Private key for a repository over SSH, in the place of release's git-token.
	// +optional
	sshKey *dagger.Secret,
	// Lines of known_hosts that the SSH server must match.
	// +optional
	knownHosts string,
	// Add "[skip ci]" to the message; docs/robot.md names its trap.
	// +optional
	skipCi bool,
	// Do not check that nothing newer is replaced.
	// +optional
	unordered bool,
	// How often to push before giving up; 60 by default.
	// +optional
	maxAttempts int,
	// Where the branch is protected, open a pull request; needs with-github.
	// +optional
	propose bool,
	// Repository that the commits belong to, when it is not the manifest's.
	// +optional
	historyRepo string,
	// Branch of that repository.
	// +optional
	historyBranch string,
) *Gitops {
	m.Robot = &Robot{
		Name: name, Email: email, Message: message, Trailers: trailers, SigningKey: signingKey, SSHKey: sshKey, KnownHosts: knownHosts,
		SkipCI: skipCi, Unordered: unordered, MaxAttempts: maxAttempts, Propose: propose, HistoryRepo: historyRepo, HistoryBranch: historyBranch,
	}
	return m
}

// robot returns the container that the robot works in, and its flags.
func (m *Gitops) robot(ctx context.Context, source *dagger.Directory, username string, token *dagger.Secret) (*dagger.Container, []string, error) {
	c, err := m.container(ctx, m.GitImage, "release")
	if err != nil {
		return nil, nil, err
	}
	if c, err = fromSource(ctx, c, source); err != nil {
		return nil, nil, err
	}
	if token, err = orDefault(ctx, token, m.Defaults.GitToken); err != nil {
		return nil, nil, fmt.Errorf("reading the robot's token: %w", err)
	}
	if token != nil {
		c = c.WithEnvVariable("GIT_USERNAME", username).WithSecretVariable("GIT_TOKEN", token)
	}
	r := m.Robot
	if r == nil {
		return c, nil, nil
	}
	flags := concat(optional("--author-name", r.Name), optional("--author-email", r.Email), optional("--message", r.Message),
		optional("--history-repo", r.HistoryRepo), optional("--history-branch", r.HistoryBranch), repeated("--trailer", r.Trailers),
		given("--skip-ci", r.SkipCI), given("--unordered", r.Unordered))
	if r.MaxAttempts > 0 {
		flags = append(flags, "--max-attempts", strconv.Itoa(r.MaxAttempts))
	}
	if r.SigningKey != nil {
		c = c.WithMountedSecret("/gitops/sign_key", r.SigningKey)
		flags = append(flags, "--sign-key-file", "/gitops/sign_key")
	}
	if r.SSHKey != nil {
		c = c.WithMountedSecret("/gitops/git_ssh_key", r.SSHKey)
		flags = append(flags, "--git-ssh-key-file", "/gitops/git_ssh_key")
	}
	if r.KnownHosts != "" {
		c = c.WithNewFile("/gitops/known_hosts", r.KnownHosts)
		flags = append(flags, "--git-known-hosts-file", "/gitops/known_hosts")
	}
	if r.Propose {
		return m.onGithub(ctx, c, append(flags, "--propose")...)
	}
	return c, flags, nil
}
