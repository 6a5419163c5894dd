package robot

import (
	"context"
	"net/url"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"gitops/ci/manifest"
	"gitops/ci/progress"
	"gitops/ci/secret"
	"gitops/ci/sshagent"
)

// Options says what to push where, and as whom. Empty fields take the default
// that their comment names.
type Options struct {
	// RepoURL is any address that git knows (https, http, ssh, file, a path);
	// without a password in it.
	RepoURL string
	Branch  string
	// Manifest is the compose file's path in the repository.
	Manifest string
	// Values is the path in the repository of the file that sets variables of the
	// manifest; none when empty. Where it sets the tag of an image, it is changed and
	// the manifest is not.
	Values string
	// Images is the intent: what each service shall run.
	Images map[string]string
	// Commit is the full SHA of the commit that the images were built from.
	Commit string

	// AuthorName and AuthorEmail are the author and committer; "gitops robot"
	// and "gitops-robot@users.noreply.invalid".
	AuthorName, AuthorEmail string
	// Message is a text/template over MessageData; DefaultMessage.
	Message string
	// Trailers are added to the message as they are: "Key: value".
	Trailers []string
	// SkipCI adds [skip ci] to the subject.
	SkipCI bool

	// Pin and Force are those of manifest.Options.
	Pin   *bool
	Force bool
	// MaxAttempts bounds how often the branch is fetched and pushed; 60.
	MaxAttempts int
	// LongPause bounds the random pause between two attempts, counted in what the
	// last attempt took; 8.
	LongPause int
	// SickPause is the least that counts as what an attempt took if the network or
	// the server failed; 500 ms.
	SickPause time.Duration
	// HistoryURL and HistoryBranch say where Commit belongs when that is not
	// RepoURL and Branch: a manifest in its own repository.
	HistoryURL, HistoryBranch string
	// Unordered skips the check that nothing newer is replaced.
	Unordered bool
	// PullRequest opens a pull request, or finds the one that is open, and
	// returns its address. When given, it is used if the branch is protected.
	PullRequest func(context.Context, PullRequest) (address string, err error)
	Progress    *progress.Progress
	// Redactor takes secrets out of git's words, and learns the token; nil knows the
	// token alone.
	Redactor *secret.Redactor

	// KnownHosts are the lines of known_hosts that an ssh server must match;
	// the user's own files when empty. It is always checked.
	KnownHosts []byte
	// Username goes with Token over http; "x-access-token", which GitHub and
	// GitLab take with any token.
	Username string
	// Token is the password over https, and over http to this machine.
	Token secret.Value
	// SSHKey is the private key for ssh in PEM; the user's own keys and agent
	// when empty. It is never written to disk.
	SSHKey secret.Value
	// SignKey signs commits: a private SSH key in PEM, or an armoured PGP key;
	// without a passphrase. It is never written to disk.
	SignKey secret.Value
}

var (
	fullSHA = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)
	trailer = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]*: \S[^\r\n]*$`)
)

// Check fills in defaults and refuses what cannot work, before anything is done:
// with progress.Invalid. It does not look at Images, which may not be known yet.
func (o *Options) Check() error {
	if err := o.locate(); err != nil {
		return err
	}
	if address, err := url.Parse(o.RepoURL); err == nil && !o.Token.Empty() {
		if err := secret.CheckAddress(address); err != nil {
			return progress.Invalid("repository: %w", err)
		}
	}
	return o.checkHow()
}

// locate fills in defaults and checks where to work.
func (o *Options) locate() error {
	setDefault(&o.AuthorName, "gitops robot")
	setDefault(&o.AuthorEmail, "gitops-robot@users.noreply.invalid")
	setDefault(&o.Message, DefaultMessage)
	setDefault(&o.Username, "x-access-token")
	setDefault(&o.HistoryURL, o.RepoURL)
	setDefault(&o.HistoryBranch, o.Branch)
	setPositive(&o.MaxAttempts, 60)
	setPositive(&o.LongPause, 8)
	setPositive(&o.SickPause, 500*time.Millisecond)
	for _, address := range []*string{&o.RepoURL, &o.HistoryURL} {
		if err := checkURL(*address); err != nil {
			return err
		}
		if absolute, err := filepath.Abs(*address); err == nil && !strings.Contains(*address, ":") {
			*address = absolute // git runs in another folder than we do
		}
	}
	return o.checkWhere()
}

func setDefault(field *string, value string) {
	if *field == "" {
		*field = value
	}
}

func setPositive[T int | time.Duration](field *T, value T) {
	if *field <= 0 {
		*field = value
	}
}

// checkURL refuses a password in the address: it would show in the process list.
func checkURL(address string) error {
	if address == "" || strings.HasPrefix(address, "-") {
		return progress.Invalid("repository %q: give its URL", address)
	}
	parsed, err := url.Parse(address)
	if err != nil || !strings.Contains(address, "://") {
		return nil //nolint:nilerr // a path, or host:path for ssh: git judges it
	}
	if _, has := parsed.User.Password(); has || (parsed.User != nil && strings.HasPrefix(parsed.Scheme, "http")) {
		return progress.Invalid("repository %s: credentials in the URL end up in logs and process lists: give the token by itself", parsed.Redacted())
	}
	return nil
}

func (o *Options) checkWhere() error {
	var inside bool
	switch {
	case !validBranch(o.Branch):
		return progress.Invalid("branch %q: give a branch name such as integration", o.Branch)
	case !validBranch(o.HistoryBranch):
		return progress.Invalid("history branch %q: give a branch name such as main", o.HistoryBranch)
	case !fullSHA.MatchString(o.Commit):
		return progress.Invalid("commit %q: give the full SHA of the commit that the images were built from", o.Commit)
	}
	if o.Manifest, inside = inRepository(o.Manifest); !inside {
		return progress.Invalid("manifest %q: give its path in the repository, such as app/docker-compose.yml", o.Manifest)
	}
	if o.Values == "" {
		return nil
	}
	if o.Values, inside = inRepository(o.Values); !inside || o.Values == o.Manifest {
		return progress.Invalid("file of values %q: give its path in the repository, such as app/images.env", o.Values)
	}
	return nil
}

// inRepository returns the clean form of a path, and whether it is one of a file in
// the repository.
func inRepository(name string) (clean string, ok bool) {
	clean = path.Clean(name)
	if name == "" || clean == "." || path.IsAbs(clean) || clean == ".." || strings.HasPrefix(clean, "../") || strings.ContainsAny(clean, "\n\x00") {
		return name, false
	}
	return clean, true
}

// validBranch follows git check-ref-format, a little narrower.
func validBranch(name string) bool {
	if name == "" || strings.ContainsAny(name, " ~^:?*[\\\x7f") || strings.Contains(name, "..") || strings.Contains(name, "@{") ||
		strings.HasPrefix(name, "-") || strings.HasPrefix(name, "/") || strings.HasPrefix(name, "refs/") || strings.HasSuffix(name, "/") || strings.HasSuffix(name, ".") {
		return false
	}
	for _, part := range strings.Split(name, "/") {
		if part == "" || strings.HasPrefix(part, ".") || strings.HasSuffix(part, ".lock") {
			return false
		}
	}
	return strings.IndexFunc(name, func(r rune) bool { return r < ' ' }) < 0
}

// checkHow checks what the commit says and who signs it.
func (o *Options) checkHow() error {
	for _, line := range o.Trailers {
		if !trailer.MatchString(line) {
			return progress.Invalid("trailer %q: write it as Key: value", line)
		}
	}
	for _, text := range []string{o.AuthorName, o.AuthorEmail} {
		if strings.ContainsAny(text, "<>\r\n\x00") {
			return progress.Invalid("author %q: a name and an address hold no <, > or line break", text)
		}
	}
	if _, err := o.message([]manifest.Change{{Service: "app", Old: "app:old", New: "app:new", Line: 1, Column: 1}}); err != nil {
		return err
	}
	if !o.SSHKey.Empty() {
		if err := sshagent.Check(o.SSHKey); err != nil {
			return err
		}
	}
	if o.SignKey.Empty() {
		return nil
	}
	_, err := sign(o.SignKey.Reveal(), nil)
	return err
}

// checkImages checks the intent.
func (o *Options) checkImages() error {
	if len(o.Images) == 0 {
		return progress.Invalid("no image was asked for: name at least one SERVICE=REF")
	}
	for service, ref := range o.Images {
		if _, err := manifest.ParseReference(ref); err != nil {
			return progress.Invalid("service %s: %w", service, err)
		}
	}
	return nil
}
