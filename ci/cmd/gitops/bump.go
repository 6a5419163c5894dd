package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gitops/ci/manifest"
	"gitops/ci/progress"
	"gitops/ci/robot"
	"gitops/ci/secret"
	"gitops/ci/stages"
)

// robotFlags say what the robot commits and as whom; keys are in files.
type robotFlags struct {
	push       stages.PushOptions
	signKey    string
	sshKey     string
	knownHosts string
}

func (f *robotFlags) add(flags *pflag.FlagSet) {
	r := &f.push.Robot
	flags.StringVar(&r.RepoURL, "repo", "", "URL of the git repository to commit and push to, without credentials")
	flags.StringVar(&r.Branch, "branch", "integration", "branch to commit to, with --repo")
	flags.StringVar(&r.Manifest, "manifest", defaultManifest, "the compose manifest; with --repo, its path there")
	addValues(flags, &r.Values)
	flags.StringVar(&r.Commit, "commit", os.Getenv("GITHUB_SHA"), "full SHA of the commit that the images were built from, with --repo")
	flags.StringVar(&r.Message, "message", "", "template of the commit message, with --repo")
	flags.StringArrayVar(&r.Trailers, "trailer", nil, "trailer of the commit message, \"Key: value\" (repeatable)")
	flags.StringVar(&r.AuthorName, "author-name", "", "author of the commit (default: gitops robot)")
	flags.StringVar(&r.AuthorEmail, "author-email", "", "address of the author")
	flags.StringVar(&f.signKey, "sign-key-file", "", "file with the private SSH or PGP key that signs the commit")
	flags.StringVar(&f.sshKey, "git-ssh-key-file", "", "file with the private key for a repository over ssh")
	flags.StringVar(&f.knownHosts, "git-known-hosts-file", "", "known_hosts for a repository over ssh (default: the user's)")
	flags.StringVar(&r.HistoryURL, "history-repo", "", "repository that --commit belongs to, when it is not --repo")
	flags.StringVar(&r.HistoryBranch, "history-branch", "", "branch of --history-repo")
	flags.IntVar(&r.MaxAttempts, "max-attempts", 0, "how often to push before giving up (default 60)")
	flags.BoolVar(&r.SkipCI, "skip-ci", false, "add [skip ci] to the message; docs/robot.md names its trap")
	flags.BoolVar(&r.Unordered, "unordered", false, "do not check that nothing newer is replaced")
	flags.BoolVar(&f.push.Propose, "propose", false, "open a pull request when the branch is protected")
	flags.BoolVar(&r.Force, "force", false, "also replace images that hold a ${VARIABLE} that --values does not set")
	addGitHub(flags, &f.push.GitHub)
}

// options returns what the robot is told; the images are left out.
func (f *robotFlags) options(c *console) (stages.PushOptions, error) {
	o := f.push
	o.Output = c.stage
	o.Robot.Username, o.Robot.Token = os.Getenv("GIT_USERNAME"), secret.FromEnv("GIT_TOKEN")
	var signErr, keyErr, knownErr error
	if f.signKey != "" {
		o.Robot.SignKey, signErr = secret.FromFile(f.signKey)
	}
	if f.sshKey != "" {
		o.Robot.SSHKey, keyErr = secret.FromFile(f.sshKey)
	}
	if f.knownHosts != "" {
		o.Robot.KnownHosts, knownErr = os.ReadFile(f.knownHosts)
	}
	if err := cmp.Or(signErr, keyErr, knownErr); err != nil {
		return o, progress.Invalid("%w", err)
	}
	return o, nil
}

func newBump(c *console) *cobra.Command {
	var f robotFlags
	var images []string
	var pin, noPin bool
	cmd := command(c, "bump", "Replace image refs in the manifest, byte for byte; with --repo, commit and push it",
		func(ctx context.Context) (any, error) {
			refs, err := pairs("image", images)
			if err != nil {
				return nil, err
			}
			if pin || noPin {
				f.push.Robot.Pin = &pin
			}
			return bump(ctx, c, &f, refs)
		}, bumpText)
	cmd.Flags().StringArrayVar(&images, "image", nil, "what a service shall run, SERVICE=REF (repeatable)")
	cmd.Flags().BoolVar(&pin, "pin", false, "write name:tag@sha256:…; a ref without digest is refused")
	cmd.Flags().BoolVar(&noPin, "no-pin", false, "write the tag alone")
	cmd.MarkFlagsMutuallyExclusive("pin", "no-pin")
	f.add(cmd.Flags())
	return cmd
}

// bump edits the manifest here, or has the robot do it in a repository.
func bump(ctx context.Context, c *console, f *robotFlags, refs map[string]string) (any, error) {
	o, err := f.options(c)
	if err != nil {
		return nil, err
	}
	if o.Robot.RepoURL == "" {
		r, err := stages.Bump(ctx, stages.BumpOptions{Manifest: o.Robot.Manifest, Values: o.Robot.Values, Images: refs, Pin: o.Robot.Pin, Force: o.Robot.Force})
		if err != nil {
			return nil, err
		}
		return r, nil
	}
	o.Robot.Images = refs
	r, err := stages.Push(ctx, o)
	if err != nil {
		return nil, err
	}
	return r, nil
}

func bumpText(r any) string {
	switch r := r.(type) {
	case stages.PushResult:
		return pushText(r)
	case stages.BumpResult:
		return changesText(r.Changes)
	}
	return ""
}

func changesText(changes []manifest.Change) string {
	if len(changes) == 0 {
		return "unchanged"
	}
	var lines []string
	for _, change := range changes {
		lines = append(lines, change.String())
	}
	return strings.Join(lines, "\n")
}

func pushText(r stages.PushResult) string {
	switch r.Outcome {
	case robot.Superseded:
		return "superseded by " + r.SupersededBy
	case robot.Unchanged:
		return "unchanged"
	case robot.Proposed:
		return changesText(r.Changes) + "\nproposed in " + r.PullRequest
	}
	return fmt.Sprintf("%s\n%s %s after %d attempts", changesText(r.Changes), r.Outcome, r.Commit, r.Attempts)
}

// newCommitTime asks a repository, for publish where there is no checkout.
func newCommitTime(c *console) *cobra.Command {
	var f robotFlags
	cmd := command(c, "commit-time", "Say when a commit of the repository was made",
		func(ctx context.Context) (stages.CommitTimeResult, error) {
			o, err := f.options(c)
			if err != nil {
				return stages.CommitTimeResult{}, err
			}
			return stages.CommitTime(ctx, o)
		}, func(r stages.CommitTimeResult) string { return r.Time.Format(time.RFC3339) })
	cmd.Hidden = true
	f.add(cmd.Flags())
	return cmd
}
