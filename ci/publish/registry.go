package publish

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

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"gitops/ci/secret"
	"gitops/ci/stage"
)

// How patient a push is.
const (
	defaultTimeout = 10 * time.Minute
	defaultAnswer  = time.Minute
	attempts       = 5
	firstWait      = time.Second
	longestWait    = time.Minute
)

// access is how a registry is reached.
type access struct {
	username  string
	password  secret.Value
	timeout   time.Duration
	answer    time.Duration
	firstWait time.Duration
	progress  *stage.Progress
}

// registry does what can fail for a while, several times.
type registry struct {
	access
	keys   authn.Keychain
	client *http.Transport
}

func newRegistry(a access) (registry, error) {
	keys, err := keychain(a.username, a.password)
	if err != nil {
		return registry{}, err
	}
	for _, d := range []struct {
		value     *time.Duration
		otherwise time.Duration
	}{{&a.timeout, defaultTimeout}, {&a.answer, defaultAnswer}, {&a.firstWait, firstWait}} {
		if *d.value <= 0 {
			*d.value = d.otherwise
		}
	}
	client := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: min(a.answer, 15*time.Second)}).DialContext,
		TLSHandshakeTimeout:   min(a.answer, 15*time.Second),
		ResponseHeaderTimeout: a.answer,
		ForceAttemptHTTP2:     true,
		MaxIdleConnsPerHost:   10,
		IdleConnTimeout:       30 * time.Second,
	}
	return registry{access: a, keys: keys, client: client}, nil
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

// try runs work until it succeeds, fails for good, or was tried often enough.
// It returns how many bytes were sent.
func (r registry) try(ctx context.Context, ref name.Reference, work func(...remote.Option) error) (int64, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, r.timeout, fmt.Errorf("not done after %s", stage.Seconds(r.timeout)))
	defer cancel()
	m := &meter{inner: r.client}
	options := []remote.Option{
		remote.WithContext(ctx), remote.WithAuthFromKeychain(r.keys), remote.WithTransport(m), remote.WithUserAgent("gitops"),
		// Trying again is done here, for the whole push: what arrived stays.
		remote.WithRetryStatusCodes(), remote.WithRetryPredicate(func(error) bool { return false }),
	}
	for attempt, wait := 1, r.firstWait; ; attempt, wait = attempt+1, wait*2 {
		err := work(options...)
		if err == nil {
			return m.sent.Load(), nil
		}
		if ctx.Err() != nil {
			return m.sent.Load(), fmt.Errorf("pushing %s: %w: %w", ref, context.Cause(ctx), err)
		}
		if attempt == attempts || !passing(err) {
			return m.sent.Load(), explain(ref, attempt, err)
		}
		pause := max(wait+rand.N(wait), time.Duration(m.wait.Swap(0)))
		r.progress.Say("push %s: %v; trying again in %s", ref.Context(), err, stage.Seconds(pause))
		if err := sleep(ctx, pause); err != nil {
			return m.sent.Load(), fmt.Errorf("pushing %s: %w", ref, err)
		}
	}
}

// passing reports whether trying again may help.
func passing(err error) bool {
	var status *transport.Error
	if errors.As(err, &status) {
		return status.StatusCode == http.StatusTooManyRequests || status.StatusCode == http.StatusRequestTimeout || status.StatusCode >= 500
	}
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// explain adds what to do to a registry's refusal.
func explain(ref name.Reference, attempt int, err error) error {
	registry, repository := ref.Context().RegistryStr(), ref.Context().RepositoryStr()
	remedy := "check that the registry can be reached from here"
	var status *transport.Error
	if errors.As(err, &status) {
		remedy = "see what the registry says"
		switch code := status.StatusCode; {
		case code == http.StatusUnauthorized:
			remedy = "check the registry's user name and password"
		case code == http.StatusForbidden:
			remedy = "check that the login may write to " + repository
		case code == http.StatusNotFound:
			remedy = "make the repository " + repository + " first, if the registry does not make it by itself"
		case code == http.StatusTooManyRequests:
			remedy = "the registry limits its requests: try again later, or raise the limit"
		case code >= 500:
			remedy = "the registry has a fault of its own: try again later"
		}
	}
	tried := ""
	if attempt > 1 {
		tried = fmt.Sprintf(" (%d attempts)", attempt)
	}
	return fmt.Errorf("pushing %s to %s%s: %w; %s", repository, registry, tried, err, remedy)
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
