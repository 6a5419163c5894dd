package robot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gitops/ci/program"
	"gitops/ci/progress"
	"gitops/ci/secret"
	"gitops/ci/sshagent"
)

// git runs the git command in its own surroundings: a temporary home, no
// configuration of the machine or the user, no hooks, no prompts.
type git struct {
	folder   string
	env      []string
	login    []setting // the token for its server
	redactor *secret.Redactor
	keys     *sshagent.Agent
}

func newGit(o Options) (*git, error) {
	folder, err := os.MkdirTemp("", "gitops-robot-")
	if err != nil {
		return nil, fmt.Errorf("making a temporary folder: %w", err)
	}
	g := &git{folder: folder, redactor: o.Redactor.With(o.Token, secret.New(o.Username+":"+o.Token.Reveal()))}
	if err := g.prepare(o); err != nil {
		g.close()
		return nil, err
	}
	return g, nil
}

func (g *git) prepare(o Options) error {
	config := filepath.Join(g.folder, "config")
	if err := os.WriteFile(config, []byte(trustedFolder(o.RepoURL)+trustedFolder(o.HistoryURL)), 0o600); err != nil {
		return fmt.Errorf("preparing git: %w", err)
	}
	ssh, err := g.sshCommand(o)
	if err != nil {
		return err
	}
	g.env = []string{
		"HOME=" + g.folder, "XDG_CONFIG_HOME=" + g.folder, "LC_ALL=C", "TZ=UTC",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + config, "GIT_ATTR_NOSYSTEM=1",
		"GIT_TERMINAL_PROMPT=0", "GIT_ASKPASS=", "SSH_ASKPASS=", "GIT_SSH_COMMAND=" + ssh, "GIT_SSH_VARIANT=ssh",
	}
	g.login = authorization(o)
	g.env = append(g.env, configEnv(append(settings(), g.login...))...)
	return nil
}

// close forgets the keys and removes everything that was on disk.
func (g *git) close() {
	g.keys.Close()
	os.RemoveAll(g.folder)
}

// variables are those that git gets from here: how to reach programs and the network,
// and where its own parts are. No configuration of git is among them.
var variables = slices.Concat(program.Machine, program.Network, []string{
	"SSH_AUTH_SOCK",                                      // the user's own keys, where none is given
	"GIT_EXEC_PATH",                                      // git's subcommands, where they are not in their usual place
	"CURL_CA_BUNDLE", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH", // whose certificates to trust
})

// trustedFolder lets git read a repository on this machine that belongs to
// somebody else: naming it in the options is the consent that git asks for.
func trustedFolder(address string) string {
	folder, isFile := strings.CutPrefix(address, "file://")
	if !isFile && strings.Contains(address, ":") {
		return ""
	}
	if absolute, err := filepath.Abs(folder); err == nil {
		folder = absolute
	}
	return fmt.Sprintf("[safe]\n\tdirectory = %q\n\tdirectory = %q\n", folder, filepath.Join(folder, ".git"))
}

type setting struct{ key, value string }

// settings are those that every git command gets. They travel in the
// environment: there, unlike in a file, the other end of a push to a path on
// this machine does not see them, and keeps its own hooks.
func settings() []setting {
	return []setting{
		{"core.hooksPath", os.DevNull},
		{"core.fsmonitor", "false"},
		{"gc.auto", "0"},
		{"maintenance.auto", "false"},
		{"credential.helper", ""},
		{"protocol.version", "2"},
		{"push.gpgSign", "false"},
		{"push.recurseSubmodules", "no"},
		{"fetch.recurseSubmodules", "no"},
		{"http.followRedirects", "false"}, // git would take the token along
		{"http.lowSpeedLimit", "100"},     // bytes per second …
		{"http.lowSpeedTime", "60"},       // … for so many seconds: then it gives up
	}
}

func configEnv(all []setting) []string {
	env := []string{fmt.Sprintf("GIT_CONFIG_COUNT=%d", len(all))}
	for i, s := range all {
		env = append(env, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", i, s.key), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", i, s.value))
	}
	return env
}

// offline returns a git that reaches no server: a question about an object that
// a partial copy lacks is answered with no, and not by fetching it.
func (g *git) offline() *git {
	local := *g
	local.env = append(slices.Clone(g.env), "GIT_ALLOW_PROTOCOL=none", "GIT_NO_LAZY_FETCH=1")
	return &local
}

// run runs git in the repository dir and returns what it printed, also beside the
// *program.Error of a command that failed.
func (g *git) run(ctx context.Context, dir string, stdin []byte, args ...string) ([]byte, error) {
	out, err := program.Run(ctx, program.Command{
		Name: "git", Args: args, Dir: dir, Stdin: bytes.NewReader(stdin), Pass: variables, Env: g.env, Redactor: g.redactor,
	})
	if program.Missing(err) {
		return nil, progress.Invalid("%w: install git 2.31 or newer", err)
	}
	return out.Stdout, err
}

// text is run for commands that print one line.
func (g *git) text(ctx context.Context, dir string, stdin []byte, args ...string) (string, error) {
	out, err := g.run(ctx, dir, stdin, args...)
	return strings.TrimSpace(string(out)), err
}

// initBare makes an empty repository with the kind of object names that sha has.
func (g *git) initBare(ctx context.Context, name, sha string) (string, error) {
	format := "sha1"
	if len(sha) == 64 {
		format = "sha256"
	}
	_, err := g.run(ctx, g.folder, nil, "init", "--quiet", "--bare", "--template=", "--object-format="+format, name)
	if err != nil {
		return "", fmt.Errorf("making a repository: %w", err)
	}
	return filepath.Join(g.folder, name), nil
}

// isAncestor reports whether a is b or comes before it, as far as the
// repository's history goes. Commits that are not there are no ancestors.
func (g *git) isAncestor(ctx context.Context, dir, a, b string) (bool, error) {
	_, err := g.run(ctx, dir, nil, "merge-base", "--is-ancestor", a, b)
	var failed *program.Error
	if errors.As(err, &failed) {
		return false, nil
	}
	return err == nil, err
}
