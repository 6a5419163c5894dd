// Package registry talks to OCI registries: with the login that belongs to each,
// trying again what may pass, within a bound, and naming the remedy of what does
// not. It knows nothing of images.
package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"gitops/ci/progress"
	"gitops/ci/retry"
)

// How patient a client is by default.
const (
	defaultTimeout = 10 * time.Minute
	defaultAnswer  = time.Minute
	firstWait      = time.Second
	attempts       = 5
	longestWait    = time.Minute
)

// Options say how registries are reached.
type Options struct {
	// Logins are those of the registries. Where none fits, the login of the Docker
	// configuration is used, if it has one.
	Logins []Login
	// PlainHTTP is for registries that speak no TLS, as one in a private network.
	// Without it, logins go unencrypted to this machine alone.
	PlainHTTP bool
	// Timeout bounds one piece of work with all its attempts (10 min).
	Timeout time.Duration
	// Answer is how long a registry may take to answer one request (1 min).
	Answer time.Duration
	// FirstWait is the pause before the second attempt (1 s); it doubles each time.
	FirstWait time.Duration
	// Progress is told of attempts that failed; nil is silent.
	Progress *progress.Progress
}

// Client does what can fail for a while, several times.
type Client struct {
	Options
	client *http.Transport
}

// New returns a client.
func New(o Options) *Client {
	for _, d := range []struct {
		value     *time.Duration
		otherwise time.Duration
	}{{&o.Timeout, defaultTimeout}, {&o.Answer, defaultAnswer}, {&o.FirstWait, firstWait}} {
		if *d.value <= 0 {
			*d.value = d.otherwise
		}
	}
	return &Client{Options: o, client: &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: min(o.Answer, 15*time.Second)}).DialContext,
		TLSHandshakeTimeout:   min(o.Answer, 15*time.Second),
		ResponseHeaderTimeout: o.Answer,
		ForceAttemptHTTP2:     true,
		MaxIdleConnsPerHost:   10,
		IdleConnTimeout:       30 * time.Second,
	}}
}

// Repository reads the name of a repository, without tag or digest.
func (c *Client) Repository(text string) (name.Repository, error) {
	return name.NewRepository(text, c.nameOptions()...)
}

// Reference reads the name of an image, by tag or by digest.
func (c *Client) Reference(text string) (name.Reference, error) {
	return name.ParseReference(text, c.nameOptions()...)
}

func (c *Client) nameOptions() []name.Option {
	if c.PlainHTTP {
		return []name.Option{name.Insecure}
	}
	return nil
}

// meter counts what is sent and notes how long the registry asks to wait.
type meter struct {
	inner http.RoundTripper
	sent  atomic.Int64
	wait  atomic.Int64 // nanoseconds
}

func (m *meter) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.Body != nil && request.Body != http.NoBody {
		request = request.Clone(request.Context())
		request.Body = &counted{request.Body, &m.sent}
	}
	response, err := m.inner.RoundTrip(request)
	if err == nil && response.StatusCode >= 400 {
		// Layers go in parallel: an answer that asks for no wait must not hide one
		// that does.
		if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && seconds > 0 {
			m.wait.Store(int64(min(time.Duration(seconds)*time.Second, longestWait)))
		}
	}
	return response, err
}

type counted struct {
	io.ReadCloser
	sent *atomic.Int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.sent.Add(int64(n))
	return n, err
}

// Try runs work until it succeeds, fails for good, or was tried often enough, and
// returns how many bytes were sent. Errors begin with doing, as in "pushing", and
// name the registry and what to do.
func (c *Client) Try(ctx context.Context, doing string, ref name.Reference, work func(...remote.Option) error) (int64, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, c.Timeout, fmt.Errorf("not done after %s", progress.Seconds(c.Timeout)))
	defer cancel()
	m := &meter{inner: guard{c.client, c.PlainHTTP}}
	options := []remote.Option{
		remote.WithContext(ctx), remote.WithAuthFromKeychain(keychain(c.Logins)), remote.WithTransport(m), remote.WithUserAgent("gitops"),
		// Trying again is done here, for the whole work: what arrived stays.
		remote.WithRetryStatusCodes(), remote.WithRetryPredicate(func(error) bool { return false }),
	}
	wait := c.FirstWait
	sleep := func(ctx context.Context, d time.Duration) error {
		if err := retry.Sleep(ctx, d); err != nil {
			return fmt.Errorf("%s %s: %w", doing, ref, err)
		}
		return nil
	}
	err := retry.Do(ctx, sleep, func() error { return work(options...) }, func(attempt int, err error) (time.Duration, error) {
		if ctx.Err() != nil {
			return 0, fmt.Errorf("%s %s: %w: %w", doing, ref, context.Cause(ctx), err)
		}
		if attempt == attempts || !passing(err) {
			return 0, explain(doing, ref, attempt, err)
		}
		pause := max(wait+rand.N(wait), time.Duration(m.wait.Swap(0)))
		wait *= 2
		c.Progress.Say("%s %s: %v; trying again in %s", doing, ref.Context(), err, progress.Seconds(pause))
		return pause, nil
	})
	return m.sent.Load(), err
}

// passing reports whether trying again may help.
func passing(err error) bool {
	if progress.ExitCode(err) == progress.ExitInvalid {
		return false
	}
	var status *transport.Error
	if errors.As(err, &status) {
		return status.StatusCode == http.StatusTooManyRequests || status.StatusCode == http.StatusRequestTimeout || status.StatusCode >= 500
	}
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// explain adds what to do to a registry's refusal.
func explain(doing string, ref name.Reference, attempt int, err error) error {
	registry, repository := ref.Context().RegistryStr(), ref.Context().RepositoryStr()
	if progress.ExitCode(err) == progress.ExitInvalid {
		return fmt.Errorf("%s %s at %s: %w", doing, repository, registry, err)
	}
	remedy := "check that the registry can be reached from here"
	var status *transport.Error
	if errors.As(err, &status) {
		remedy = "see what the registry says"
		switch code := status.StatusCode; {
		case code == http.StatusUnauthorized:
			remedy = "check the registry's user name and password"
		case code == http.StatusForbidden:
			remedy = "check that the login has the right to " + repository
		case code == http.StatusNotFound:
			remedy = "make the repository " + repository + " first, if the registry does not make it by itself"
		case code == http.StatusTooManyRequests:
			remedy = "the registry limits its requests: try again later, or raise the limit"
		case code >= 500:
			remedy = "the registry failed: try again later"
		}
	}
	tried := ""
	if attempt > 1 {
		tried = fmt.Sprintf(" (%d attempts)", attempt)
	}
	return fmt.Errorf("%s %s at %s%s: %w; %s", doing, repository, registry, tried, err, remedy)
}
