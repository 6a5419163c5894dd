package actions

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"slices"
	"strings"

	"gitops/ci/program"
	"gitops/ci/secret"
)

// repository is a bare clone of the rehearsed repository.
type repository struct {
	dir string
	url string
	env []string
}

// newRepository makes the clone in dir, which fetches and pushes with token.
func newRepository(ctx context.Context, o Options, dir string, token secret.Value) (*repository, error) {
	login := base64.StdEncoding.EncodeToString([]byte("x-access-token:" + token.Reveal()))
	r := &repository{dir: dir, url: o.Outside + "/" + o.Repository + ".git", env: []string{
		"HOME=" + dir, "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_TERMINAL_PROMPT=0",
		"GIT_AUTHOR_NAME=GitHub", "GIT_AUTHOR_EMAIL=noreply@github.com",
		"GIT_COMMITTER_NAME=GitHub", "GIT_COMMITTER_EMAIL=noreply@github.com",
		"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=http.extraHeader", "GIT_CONFIG_VALUE_0=Authorization: Basic " + login,
	}}
	if o.Certificates != "" {
		r.env = append(r.env, "GIT_SSL_CAINFO="+o.Certificates)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the clone: %w", err)
	}
	_, err := r.git(ctx, "init", "--quiet", "--bare")
	return r, err
}

func (r *repository) git(ctx context.Context, args ...string) (string, error) {
	out, err := program.Run(ctx, program.Command{Name: "git", Args: args, Dir: r.dir, Pass: []string{"PATH"}, Env: r.env})
	return strings.TrimSpace(string(out.Stdout)), err
}

func (r *repository) fetch(ctx context.Context) error {
	_, err := r.git(ctx, "fetch", "--quiet", "--prune", "--force", r.url, "+refs/*:refs/*")
	return err
}

// commit returns the full name of commit, or of what ref is when commit is empty.
func (r *repository) commit(ctx context.Context, commit, ref string) (string, error) {
	if commit == "" {
		commit = ref
	}
	return r.git(ctx, "rev-parse", "--verify", "--end-of-options", commit+"^{commit}")
}

// has reports whether there is a ref: a repository has no default branch before
// somebody pushes one.
func (r *repository) has(ctx context.Context, ref string) bool {
	_, err := r.git(ctx, "show-ref", "--verify", "--quiet", ref)
	return err == nil
}

// merge makes the commit that GitHub shows as refs/pull/N/merge, and pushes it and the head.
func (r *repository) merge(ctx context.Context, pull PullRequest) (string, error) {
	tree, err := r.git(ctx, "merge-tree", "--write-tree", pull.baseSHA, pull.headSHA)
	if err != nil {
		return "", fmt.Errorf("merging %s into %s, without which no workflow starts: %w", pull.Head, pull.Base, err)
	}
	merged, err := r.git(ctx, "commit-tree", tree, "-p", pull.baseSHA, "-p", pull.headSHA,
		"-m", fmt.Sprintf("Merge %s into %s", pull.headSHA, pull.baseSHA))
	if err != nil {
		return "", err
	}
	refs := fmt.Sprintf("refs/pull/%d/", pull.Number)
	_, err = r.git(ctx, "push", "--quiet", "--force", r.url, merged+":"+refs+"merge", pull.headSHA+":"+refs+"head")
	return merged, err
}

// changed returns the paths that differ in a range of commits.
func (r *repository) changed(ctx context.Context, commits string) ([]string, error) {
	out, err := r.git(ctx, "diff", "--name-only", "--no-renames", "-z", "--end-of-options", commits)
	return nulled(out), err
}

// pushed returns the paths that a push changed: between the tips, or for a new branch
// against the parent of its first own commit.
func (r *repository) pushed(ctx context.Context, ref, before, after string) ([]string, error) {
	if strings.Trim(before, "0") != "" {
		return r.changed(ctx, before+".."+after)
	}
	own, err := r.git(ctx, "rev-list", "--topo-order", "--reverse", after, "--not", "--exclude="+strings.TrimPrefix(ref, "refs/heads/"), "--branches")
	if err != nil || own == "" {
		return nil, err
	}
	first, _, _ := strings.Cut(own, "\n")
	if parent, err := r.git(ctx, "rev-parse", "--verify", "--quiet", first+"^"); err == nil {
		return r.changed(ctx, parent+".."+after)
	}
	out, err := r.git(ctx, "ls-tree", "-r", "-z", "--name-only", after)
	return nulled(out), err
}

// The words in a commit message that keep push and pull_request from starting
// anything, from docs.github.com, "Skipping workflow runs".
var skipWords = []string{"[skip ci]", "[ci skip]", "[no ci]", "[skip actions]", "[actions skip]"}

func (r *repository) saysSkip(ctx context.Context, commit string) (bool, error) {
	message, err := r.git(ctx, "show", "--no-patch", "--format=%B", commit)
	said := slices.ContainsFunc(skipWords, func(word string) bool { return strings.Contains(message, word) })
	return said || strings.Contains(message, "\n\nskip-checks: true") || strings.Contains(message, "\n\nskip-checks:true"), err
}

// workflowFolder is where workflow files are.
const workflowFolder = ".github/workflows/"

// workflowFiles returns the workflow files of a commit by path.
func (r *repository) workflowFiles(ctx context.Context, commit string) (map[string][]byte, error) {
	out, err := r.git(ctx, "ls-tree", "-z", "--name-only", commit, workflowFolder)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, path := range nulled(out) {
		if strings.HasSuffix(path, ".yml") || strings.HasSuffix(path, ".yaml") {
			text, err := r.git(ctx, "cat-file", "blob", commit+":"+path)
			if err != nil {
				return nil, err
			}
			files[path] = []byte(text + "\n")
		}
	}
	return files, nil
}

func nulled(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == 0 })
}
