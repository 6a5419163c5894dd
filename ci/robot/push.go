package robot

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"gitops/ci/program"
	"gitops/ci/progress"
)

// kind is what a failure of the remote means for the robot.
type kind int

const (
	fatal     kind = iota // trying again changes nothing
	raced                 // somebody else pushed first
	transient             // the network or the server hiccupped
	protected             // the branch takes no direct pushes
)

// failure is an error of the remote with its kind.
type failure struct {
	kind kind
	err  error
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

func hasKind(err error, k kind) bool {
	var f *failure
	return errors.As(err, &f) && f.kind == k
}

func isTransient(err error) bool { return hasKind(err, transient) }
func isProtected(err error) bool { return hasKind(err, protected) }
func isRetryable(err error) bool { return hasKind(err, raced) || hasKind(err, transient) }

// push moves the target branch to commit, only forward.
func (j *job) push(ctx context.Context, commit string) error {
	doing := "pushing to " + j.target + " of " + j.RepoURL
	out, err := j.git.run(ctx, j.repo, nil, "push", "--porcelain", "--no-verify", "--no-follow-tags", "--end-of-options", j.RepoURL,
		commit+":refs/heads/"+j.target)
	var failed *program.Error
	if !errors.As(err, &failed) {
		return err
	}
	reason := rejection(j.git.redactor.Redact(string(out)))
	said := strings.TrimSpace(remoteLines(failed.Said) + " " + reason)
	switch {
	case reason == "":
		return j.git.remoteError(ctx, err, doing, j.RepoURL, j.target)
	case containsAny(said, protections):
		return &failure{protected, progress.Refused("%s: the branch is protected: %s: allow the robot to push there, or ask for a pull request", doing, said)}
	case containsAny(reason, races):
		return &failure{raced, fmt.Errorf("%s: %s", doing, reason)}
	case strings.Contains(reason, "currently checked out"):
		return fmt.Errorf("%s: the branch is checked out there: push to a bare repository", doing)
	}
	return fmt.Errorf("%s: the server declined: %s", doing, said)
}

// races are the reasons that git gives when another push was faster: found
// before sending, or by the server while it updates.
var races = []string{
	"fetch first", "non-fast-forward", "failed to update ref", "cannot lock ref", "failed to lock", "incorrect old value",
	"reference already exists", "remote ref updated since checkout", "stale info", "unable to create", "file exists",
}

// protections are what servers say of branches that want pull requests.
var protections = []string{
	"protected branch", "gh006", "gh013", "repository rule violations", "not allowed to push code to protected", "tf402455",
	"pull request", "merge request",
}

func containsAny(text string, parts []string) bool {
	text = strings.ToLower(text)
	for _, part := range parts {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}

// rejection returns why the ref was rejected, from git push --porcelain:
// "!	from:to	[rejected] (reason)".
func rejection(stdout string) string {
	for line := range strings.Lines(stdout) {
		if fields := strings.SplitN(strings.TrimSpace(line), "\t", 3); len(fields) == 3 && fields[0] == "!" {
			return fields[2]
		}
	}
	return ""
}

// remoteLines returns what the server itself said.
func remoteLines(stderr string) string {
	var said []string
	for line := range strings.Lines(stderr) {
		if text, ok := strings.CutPrefix(line, "remote: "); ok && strings.TrimSpace(text) != "" {
			said = append(said, strings.TrimSpace(text))
		}
	}
	return strings.Join(said, "; ")
}

// symptom is a text in git's error, what it means and what to do about it.
type symptom struct {
	text    string
	meaning string
	kind    kind
	invalid bool // bad input: exit 2
}

// redirects is what git says of an answer 3xx, which it was told not to follow.
const redirects = "returned error: 3"

// wrongHostKey is what ssh says of a server that does not prove who it is.
const wrongHostKey = "host key verification failed"

var symptoms = []symptom{
	{"couldn't find remote ref", "there is no branch %s: create it, or check the name", fatal, true},
	{"could not read username", "the server wants credentials (HTTP 401): give a token that may write to the repository, or check that it has not expired", fatal, false},
	{"authentication failed", "the server did not take the credentials (HTTP 401): check the token and its user name", fatal, false},
	{redirects, "the server redirects%s, and the token goes to no other address than the one that was given: give the repository's new address", fatal, false},
	{"returned error: 401", "the server did not take the credentials (HTTP 401): check the token and its user name", fatal, false},
	{"returned error: 403", "the server forbids it (HTTP 403): the token needs write access to the repository's contents", fatal, false},
	{"returned error: 404", "there is no such repository, or the token may not see it (HTTP 404): check URL and token", fatal, false},
	{"not found", "there is no such repository, or the credentials may not see it: check URL and credentials", fatal, false},
	{wrongHostKey, "the server's host key is not the known one: add the right line to known_hosts after checking it", fatal, false},
	{"permission denied (", "the server did not take the ssh key: register its public half there with write access", fatal, false},
	{"does not appear to be a git repository", "there is no repository: check the URL", fatal, true},
	{"does not exist", "there is no repository: check the URL", fatal, true},
	{"certificate", "the server's certificate is not trusted: give the authority that signed it in the file that GIT_SSL_CAINFO names", fatal, false},
	{"mismatched algorithms", "the repository names objects by another hash than the commit given: check URL and commit", fatal, true},
	{"returned error: 429", "the server asks to slow down (HTTP 429)", transient, false},
	{"returned error: 5", "the server failed (HTTP 5xx)", transient, false},
	{"could not resolve host", "the server's name is unknown", transient, false},
	{"timed out", "the server did not answer in time", transient, false},
	{"failed to connect", "the server cannot be reached", transient, false},
	{"connection re", "the connection broke", transient, false}, // refused, reset
	{"hung up", "the connection broke", transient, false},
	{"early eof", "the connection broke", transient, false},
	{"shallow file has changed", "another git was at work", transient, false},
	{"rpc failed", "the connection broke", transient, false},
	{"couldn't connect", "the server cannot be reached", transient, false},
}

// remoteError says what git's error about the repository at address means and what
// to do.
func (g *git) remoteError(ctx context.Context, err error, doing, address, branch string) error {
	var failed *program.Error
	if !errors.As(err, &failed) {
		return err
	}
	text := strings.ToLower(failed.Said)
	for _, s := range symptoms {
		if !strings.Contains(text, s.text) {
			continue
		}
		named := branch
		if s.text == redirects {
			named = g.movedTo(ctx, address)
		}
		meaning := strings.ReplaceAll(s.meaning, "%s", named)
		switch {
		case s.invalid:
			return progress.Invalid("%s: %s", doing, meaning)
		case s.text == wrongHostKey:
			return progress.Refused("%s: %s (%s)", doing, meaning, firstLine(failed.Said))
		}
		return &failure{s.kind, fmt.Errorf("%s: %s (%s)", doing, meaning, firstLine(failed.Said))}
	}
	return fmt.Errorf("%s: %w", doing, err)
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}
