package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gitops/ci/github"
	"gitops/ci/manifest"
	"gitops/ci/progress"
	"gitops/ci/robot"
	"gitops/ci/secret"
)

type bumpResult struct {
	Changes []manifest.Change `json:"changes"`
}

// Human implements result.
func (r bumpResult) Human() string {
	if len(r.Changes) == 0 {
		return "unchanged"
	}
	var lines []string
	for _, change := range r.Changes {
		lines = append(lines, change.String())
	}
	return strings.Join(lines, "\n")
}

type bumpFlags struct {
	manifest string
	images   []string
	force    bool
	pin      bool
	noPin    bool
	robot    robotFlags
}

// robotFlags make bump the robot.
type robotFlags struct {
	repo     string
	branch   string
	commit   string
	message  string
	trailers []string
	name     string
	email    string
	signKey  string
	sshKey   string
	known    string
	history  string
	historyB string
	attempts int
	skipCI   bool
	unsorted bool
	propose  bool
	github   githubFlags
}

func (f *robotFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.repo, "repo", "", "URL of the git repository to commit and push to, without credentials")
	flags.StringVar(&f.branch, "branch", "integration", "branch to commit to, with --repo")
	flags.StringVar(&f.commit, "commit", os.Getenv("GITHUB_SHA"), "full SHA of the commit that the images were built from, with --repo")
	flags.StringVar(&f.message, "message", "", "template of the commit message, with --repo")
	flags.StringArrayVar(&f.trailers, "trailer", nil, "trailer of the commit message, \"Key: value\" (repeatable)")
	flags.StringVar(&f.name, "author-name", "", "author of the commit (default: gitops robot)")
	flags.StringVar(&f.email, "author-email", "", "address of the author")
	flags.StringVar(&f.signKey, "sign-key-file", "", "file with the private SSH or PGP key that signs the commit")
	flags.StringVar(&f.sshKey, "git-ssh-key-file", "", "file with the private key for a repository over ssh")
	flags.StringVar(&f.known, "git-known-hosts-file", "", "known_hosts for a repository over ssh (default: the user's)")
	flags.StringVar(&f.history, "history-repo", "", "repository that --commit belongs to, when it is not --repo")
	flags.StringVar(&f.historyB, "history-branch", "", "branch of --history-repo")
	flags.IntVar(&f.attempts, "max-attempts", 0, "how often to push before giving up (default 60)")
	flags.BoolVar(&f.skipCI, "skip-ci", false, "add [skip ci] to the message; the README names its trap")
	flags.BoolVar(&f.unsorted, "unordered", false, "do not check that nothing newer is replaced")
	flags.BoolVar(&f.propose, "pull-request", false, "open a pull request when the branch is protected")
	f.github.add(flags)
}

func (a *app) bumpCommand() *cobra.Command {
	var f bumpFlags
	cmd := a.command("bump", "Replace image refs in the manifest, byte for byte; with --repo, commit and push it",
		func(cmd *cobra.Command, _ []string) (result, error) {
			images, err := pairs("image", f.images)
			if err != nil {
				return nil, err
			}
			if len(images) == 0 {
				return nil, progress.Invalid("bump needs at least one --image SERVICE=REF")
			}
			if f.robot.repo != "" {
				return a.push(cmd.Context(), f, images)
			}
			changes, err := manifest.BumpFile(f.manifest, images, f.options())
			if err != nil {
				return nil, err
			}
			return bumpResult{changes}, nil
		})
	flags := cmd.Flags()
	flags.StringVar(&f.manifest, "manifest", "app/docker-compose.yml", "the compose manifest; with --repo, its path there")
	flags.StringArrayVar(&f.images, "image", nil, "what a service shall run, SERVICE=REF (repeatable)")
	addPin(flags, &f.force, &f.pin, &f.noPin)
	f.robot.add(flags)
	cmd.MarkFlagsMutuallyExclusive("pin", "no-pin")
	return cmd
}

func addPin(flags *pflag.FlagSet, force, pin, noPin *bool) {
	flags.BoolVar(force, "force", false, "also replace images that hold a ${VARIABLE}")
	flags.BoolVar(pin, "pin", false, "write name:tag@sha256:…; a ref without digest is refused")
	flags.BoolVar(noPin, "no-pin", false, "write the tag alone")
}

func (f bumpFlags) options() manifest.Options {
	o := manifest.Options{File: f.manifest, Force: f.force}
	if f.pin || f.noPin {
		o.Pin = &f.pin
	}
	return o
}

type pushResult struct{ robot.Result }

// Human implements result.
func (r pushResult) Human() string {
	switch r.Outcome {
	case "superseded":
		return "superseded by " + r.SupersededBy
	case "unchanged":
		return "unchanged"
	case "proposed":
		return bumpResult{r.Changes}.Human() + "\nproposed in " + r.PullRequest
	}
	return fmt.Sprintf("%s\n%s %s after %d attempts", bumpResult{r.Changes}.Human(), r.Outcome, r.Commit, r.Attempts)
}

// push lets the robot commit and push the refs.
func (a *app) push(ctx context.Context, f bumpFlags, images map[string]string) (result, error) {
	o, err := f.robotOptions(a)
	if err != nil {
		return nil, err
	}
	o.Images = images
	r, err := robot.Push(ctx, o)
	if err != nil {
		return nil, err
	}
	return pushResult{r}, nil
}

func (f bumpFlags) robotOptions(a *app) (robot.Options, error) {
	m, r := f.options(), f.robot
	o := robot.Options{
		RepoURL: r.repo, Branch: r.branch, Manifest: f.manifest, Commit: r.commit,
		Username: os.Getenv("GIT_USERNAME"), Token: secret.FromEnv("GIT_TOKEN"),
		AuthorName: r.name, AuthorEmail: r.email, Message: r.message, Trailers: r.trailers, SkipCI: r.skipCI,
		HistoryURL: r.history, HistoryBranch: r.historyB, Unordered: r.unsorted,
		Pin: m.Pin, Force: m.Force, MaxAttempts: r.attempts, Progress: a.progress,
	}
	var signErr, keyErr, knownErr error
	if r.signKey != "" {
		o.SignKey, signErr = secret.FromFile(r.signKey)
	}
	if r.sshKey != "" {
		o.SSHKey, keyErr = secret.FromFile(r.sshKey)
	}
	if r.known != "" {
		o.KnownHosts, knownErr = os.ReadFile(r.known)
	}
	if err := firstError(signErr, keyErr, knownErr); err != nil {
		return o, progress.Invalid("%w", err)
	}
	if !r.propose {
		return o, nil
	}
	client, err := r.github.client(a)
	if err != nil {
		return o, err
	}
	o.PullRequest = func(ctx context.Context, p robot.PullRequest) (string, error) {
		_, url, _, err := client.CreatePullRequest(ctx, github.PullRequest{Title: p.Title, Body: p.Body, Head: p.Head, Base: p.Base})
		return url, err
	}
	return o, nil
}
