package rehearsal

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// developer works in a clone of the rehearsed repository, with git.
type developer struct {
	dir string
	env []string
}

// newDeveloper makes a repository from the world's source.
func newDeveloper(ctx context.Context, world World) (*developer, error) {
	dir, err := os.MkdirTemp("", "gitops-developer-")
	if err != nil {
		return nil, fmt.Errorf("making the developer's folder: %w", err)
	}
	d := &developer{dir: dir, env: gitEnv(world)}
	if err := copySource(ctx, world.Source, dir); err != nil {
		return nil, err
	}
	if err := adopt(dir, world); err != nil {
		return nil, err
	}
	if _, err := d.git(ctx, "init", "--quiet", "--initial-branch="+infraMain); err != nil {
		return nil, err
	}
	_, err = d.git(ctx, "remote", "add", "origin", world.GitURL)
	return d, err
}

// gitEnv returns the environment of every git command: the developer's name and
// login, and nothing of this machine's own configuration.
func gitEnv(w World) []string {
	login := base64.StdEncoding.EncodeToString([]byte(w.GitUser + ":" + w.GitPassword.Reveal()))
	return append(os.Environ(),
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_TERMINAL_PROMPT=0",
		"GIT_SSL_CAINFO="+w.AuthorityFile,
		"GIT_AUTHOR_NAME=Ada", "GIT_AUTHOR_EMAIL=ada@example.com",
		"GIT_COMMITTER_NAME=Ada", "GIT_COMMITTER_EMAIL=ada@example.com",
		// By environment: a token in argv or in the remote's URL would be seen.
		"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=http.extraHeader", "GIT_CONFIG_VALUE_0=Authorization: Basic "+login,
	)
}

func (d *developer) close() { _ = os.RemoveAll(d.dir) }

func (d *developer) git(ctx context.Context, args ...string) (string, error) {
	command := exec.CommandContext(ctx, "git", args...)
	command.Dir, command.Env = d.dir, d.env
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		return "", fmt.Errorf("running git %s: %w: %s", args[0], err, strings.TrimSpace(stderr.String()))
	}
	return strings.TrimSpace(stdout.String()), nil
}

// seed commits everything and pushes it to every branch.
func (d *developer) seed(ctx context.Context, branches ...string) (string, error) {
	if _, err := d.git(ctx, "add", "--all", "--force"); err != nil {
		return "", err
	}
	if _, err := d.git(ctx, "commit", "--quiet", "--message=Start"); err != nil {
		return "", err
	}
	push := []string{"push", "--quiet", "origin"}
	for _, branch := range branches {
		push = append(push, "HEAD:refs/heads/"+branch)
	}
	if _, err := d.git(ctx, push...); err != nil {
		return "", err
	}
	return d.git(ctx, "rev-parse", "HEAD")
}

// head fetches branch and returns the commit it stands at.
func (d *developer) head(ctx context.Context, branch string) (string, error) {
	if _, err := d.git(ctx, "fetch", "--quiet", "origin"); err != nil {
		return "", err
	}
	return d.git(ctx, "rev-parse", "refs/remotes/origin/"+branch)
}

// show returns a file as branch has it.
func (d *developer) show(ctx context.Context, branch, path string) (string, error) {
	if _, err := d.head(ctx, branch); err != nil {
		return "", err
	}
	return d.git(ctx, "show", "origin/"+branch+":"+path)
}

// write commits content at path on top of branch and pushes it.
func (d *developer) write(ctx context.Context, branch, path, content, message string) (string, error) {
	return d.change(ctx, branch, message, func() error {
		return os.WriteFile(filepath.Join(d.dir, path), []byte(content), 0o644)
	})
}

// remove commits the removal of path on top of branch and pushes it.
func (d *developer) remove(ctx context.Context, branch, path, message string) (string, error) {
	return d.change(ctx, branch, message, func() error { return os.Remove(filepath.Join(d.dir, path)) })
}

// tag commits a change of what Terraform would make: the name in its tags.
func (d *developer) tag(ctx context.Context, branch, value string) (string, error) {
	return d.write(ctx, branch, "terraform/rehearsal.auto.tfvars", fmt.Sprintf("name = %q\n", "rehearsal-"+value), "Name the server "+value)
}

func (d *developer) change(ctx context.Context, branch, message string, edit func() error) (string, error) {
	if _, err := d.head(ctx, branch); err != nil {
		return "", err
	}
	if _, err := d.git(ctx, "checkout", "--quiet", "--detach", "origin/"+branch); err != nil {
		return "", err
	}
	if err := edit(); err != nil {
		return "", fmt.Errorf("changing the developer's clone: %w", err)
	}
	if _, err := d.git(ctx, "add", "--all", "--force"); err != nil {
		return "", err
	}
	if _, err := d.git(ctx, "commit", "--quiet", "--message="+message); err != nil {
		return "", err
	}
	if _, err := d.git(ctx, "push", "--quiet", "origin", "HEAD:refs/heads/"+branch); err != nil {
		return "", err
	}
	return d.git(ctx, "rev-parse", "HEAD")
}

// merge brings one branch into another, by fast-forward as a merge button set to
// rebase does, and returns the commit that the other then stands at.
func (d *developer) merge(ctx context.Context, from, into string) (string, error) {
	commit, err := d.head(ctx, from)
	if err != nil {
		return "", err
	}
	_, err = d.git(ctx, "push", "--quiet", "origin", commit+":refs/heads/"+into)
	return commit, err
}

// copySource copies what git would track from one folder to another.
func copySource(ctx context.Context, from, to string) error {
	list := exec.CommandContext(ctx, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir = from
	out, err := list.Output()
	if err != nil {
		// Not a git checkout (a folder that an engine handed over): take it all.
		return os.CopyFS(to, os.DirFS(from))
	}
	for _, path := range strings.Split(strings.TrimRight(string(out), "\x00"), "\x00") {
		if err := copyFile(filepath.Join(from, path), filepath.Join(to, path)); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(from, to string) error {
	info, err := os.Lstat(from)
	if os.IsNotExist(err) { // tracked, but deleted in the working tree
		return nil
	}
	if err != nil {
		return fmt.Errorf("copying the source: %w", err)
	}
	content, err := os.ReadFile(from)
	if err != nil {
		return fmt.Errorf("copying the source: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return fmt.Errorf("copying the source: %w", err)
	}
	return os.WriteFile(to, content, info.Mode().Perm())
}
