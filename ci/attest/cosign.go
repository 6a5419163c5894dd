package attest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"gitops/ci/images"
	"gitops/ci/program"
	"gitops/ci/progress"
	"gitops/ci/registry"
	"gitops/ci/secret"
)

// Variables in which cosign gets what no argument may show.
const (
	keyVariable      = "COSIGN_PRIVATE_KEY"
	passwordVariable = "COSIGN_PASSWORD"
	tokenVariable    = "SIGSTORE_ID_TOKEN" //nolint:gosec // the name of a variable
	publicVariable   = "COSIGN_PUBLIC_KEY"
)

// Exit codes of cosign for an image that is not signed as it should be.
const (
	exitUnsigned      = 10
	exitNoMatch       = 12
	exitNoCertificate = 13
)

// cosignVariables are those that cosign gets from here: no login, no key, and no
// token, which it would otherwise find by itself (ACTIONS_ID_TOKEN_REQUEST_TOKEN).
var cosignVariables = slices.Concat(program.Machine, program.Network, []string{
	"DOCKER_CONFIG",                                                                                                                 // the logins of registries, where none are given
	"TUF_ROOT", "TUF_MIRROR", "TUF_ROOT_JSON", "SIGSTORE_ROOT_FILE", "SIGSTORE_REKOR_PUBLIC_KEY", "SIGSTORE_CT_LOG_PUBLIC_KEY_FILE", // whom to trust
})

// cosign is the program with what one piece of work gives it.
type cosign struct {
	execution
	registry  *registry.Client
	plainHTTP bool
}

// newCosign prepares the program, and a folder with the logins that close removes.
// Without logins those of Docker's configuration are used. What to do otherwise is
// said where the program is missing.
func newCosign(otherwise string, o registry.Options, redactor *secret.Redactor, secrets ...secret.Value) (*cosign, error) {
	path, err := lookUp("cosign", images.Cosign, otherwise)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "gitops-cosign-")
	if err != nil {
		return nil, fmt.Errorf("preparing cosign: %w", err)
	}
	c := &cosign{registry: registry.New(o), plainHTTP: o.PlainHTTP}
	c.execution = execution{Name: path, Dir: dir, Pass: cosignVariables}
	if len(o.Logins) > 0 {
		c.Env = []string{"DOCKER_CONFIG=" + dir}
		config := registry.DockerConfig(o.Logins).Reveal()
		if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o600); err != nil {
			c.close()
			return nil, fmt.Errorf("preparing cosign: %w", err)
		}
	}
	for _, login := range o.Logins {
		secrets = append(secrets, login.Secrets()...)
	}
	c.Redactor = redactor.With(secrets...)
	return c, nil
}

func (c *cosign) close() { os.RemoveAll(c.Dir) }

// try runs cosign for what it does with ref in its registry, again where a failure
// of the registry may pass.
func (c *cosign) try(ctx context.Context, doing string, ref name.Digest, args ...string) error {
	if c.plainHTTP {
		args = append([]string{args[0], "--allow-http-registry"}, args[1:]...)
	}
	var other error
	_, err := c.registry.Try(ctx, doing, ref, func(options ...remote.Option) error {
		if err := c.unencrypted(ref, options); err != nil {
			return err
		}
		_, err := c.do(ctx, args...)
		if cause := registryFault(err); cause != nil {
			return &faultError{err, cause}
		}
		other = err
		return nil
	})
	if err == nil && other != nil {
		err = fmt.Errorf("%s %s: %w%s", doing, ref, other, remedy(other))
	}
	return err
}

// unencrypted reports that ref's registry would get its login over plain HTTP: cosign
// turns to that by itself for private addresses and, in its older releases, for names
// that end in .local.
func (c *cosign) unencrypted(ref name.Digest, options []remote.Option) error {
	where := url.URL{Scheme: ref.Context().Scheme(), Host: ref.Context().RegistryStr()}
	if c.plainHTTP || secret.Loopback(&where) || where.Scheme == "https" && !strings.HasSuffix(where.Hostname(), ".local") {
		return nil
	}
	ref, err := name.NewDigest(ref.Name(), name.Insecure)
	if err != nil {
		return err
	}
	if _, err := remote.Head(ref, options...); progress.ExitCode(err) == progress.ExitInvalid {
		return err
	}
	return nil
}

// faultError is what cosign said of a registry, with what the client of registries
// makes of it.
type faultError struct{ said, cause error }

func (e *faultError) Error() string   { return e.said.Error() }
func (e *faultError) Unwrap() []error { return []error{e.said, e.cause} }

var (
	sigstoreForm = regexp.MustCompile(`(?i)fulcio|rekor|\btuf\b`)
	statusForm   = regexp.MustCompile(`unexpected status code (\d{3})`)
	codeForm     = regexp.MustCompile(`\b(UNAUTHORIZED|DENIED|TOOMANYREQUESTS|UNAVAILABLE|NAME_UNKNOWN)\b`)
	networkForm  = regexp.MustCompile(`connection refused|connection reset|broken pipe|i/o timeout|TLS handshake timeout|context deadline exceeded|Client\.Timeout|unexpected EOF|: EOF$`)
	statusOf     = map[string]int{
		"UNAUTHORIZED": http.StatusUnauthorized, "DENIED": http.StatusForbidden, "TOOMANYREQUESTS": http.StatusTooManyRequests,
		"UNAVAILABLE": http.StatusServiceUnavailable, "NAME_UNKNOWN": http.StatusNotFound,
	}
)

// registryFault returns what a registry answered, by the words of cosign, which has
// no other way to tell; nil where the failure was another, as one of Sigstore's
// services.
func registryFault(err error) error {
	var failed *program.Error
	if !errors.As(err, &failed) {
		return nil
	}
	said := failed.Said
	if sigstoreForm.MatchString(said) {
		return nil
	}
	if found := statusForm.FindStringSubmatch(said); found != nil {
		status, _ := strconv.Atoi(found[1])
		return &transport.Error{StatusCode: status}
	}
	if code := codeForm.FindString(said); code != "" {
		return &transport.Error{StatusCode: statusOf[code]}
	}
	if networkForm.MatchString(said) {
		return syscall.ECONNRESET
	}
	return nil
}

// exitCode returns the code with which cosign ended; 0 where it did not.
func exitCode(err error) int {
	var failed *program.Error
	if errors.As(err, &failed) {
		return failed.Exit
	}
	return 0
}
