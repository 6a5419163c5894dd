package github

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"gitops/ci/progress"
	"gitops/ci/retry"

	gh "github.com/google/go-github/v82/github"
)

// attempts is how often a call is made before it counts as failed.
const attempts = 5

// request is one call: what it does, in words, the permission that it needs, and
// whether it may be made twice.
type request struct {
	what       string
	permission string // "pull-requests: write"
	repeatable bool
}

// do makes a call. It retries after a rate limit and, if the call may be made twice,
// after an error of the network or of GitHub.
func (c *Client) do(ctx context.Context, r request, call func() (*gh.Response, error)) error {
	var response *gh.Response
	var failed *Error
	return retry.Do(ctx, func(ctx context.Context, wait time.Duration) error {
		return c.pause(ctx, failed, wait)
	}, func() (err error) {
		response, err = call()
		return err
	}, func(attempt int, err error) (time.Duration, error) {
		if ctx.Err() != nil {
			return 0, &Error{What: r.what, Cause: ctx.Err()}
		}
		failed = explain(r, response, err)
		wait, again := c.wait(failed, response, attempt)
		if !again || attempt == attempts || !r.repeatable && failed.unsure() {
			return 0, failed
		}
		return wait, nil
	})
}

// pause waits, and says why.
func (c *Client) pause(ctx context.Context, failed *Error, wait time.Duration) error {
	c.progress.Say("%s: %s; again in %s", failed.What, failed.found(), progress.Seconds(wait))
	if err := c.sleep(ctx, wait); err != nil {
		return &Error{What: failed.What, Cause: err}
	}
	return nil
}

// wait says how long to wait before the next attempt, and whether to make one.
func (c *Client) wait(failed *Error, response *gh.Response, attempt int) (time.Duration, bool) {
	if failed.unsure() {
		return backoff(attempt), true
	}
	if !failed.limited {
		return 0, false
	}
	asked, known := askedToWait(response)
	if !known {
		asked = max(backoff(attempt), 5*time.Second)
	}
	if asked > c.maxWait {
		failed.Remedy = "GitHub asks to wait for " + progress.Seconds(asked) + ": run this again then"
		return 0, false
	}
	return asked, true
}

// backoff is 1, 2, 4, 8 seconds.
func backoff(attempt int) time.Duration { return time.Second << (attempt - 1) }

// askedToWait reads how long GitHub asks to wait.
func askedToWait(response *gh.Response) (time.Duration, bool) {
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && seconds >= 0 {
		return time.Duration(seconds) * time.Second, true
	}
	reset, err := strconv.ParseInt(response.Header.Get("X-RateLimit-Reset"), 10, 64)
	if err != nil || response.Header.Get("X-RateLimit-Remaining") != "0" {
		return 0, false
	}
	// One second more, because the two clocks may differ and the limit has whole seconds.
	return max(0, time.Until(time.Unix(reset, 0))) + time.Second, true
}

// rateLimited reports whether an answer is a rate limit, primary or secondary: 429,
// or 403 with the headers or the error of one.
func rateLimited(response *gh.Response, err error) bool {
	var primary *gh.RateLimitError
	var secondary *gh.AbuseRateLimitError
	switch {
	case errors.As(err, &primary), errors.As(err, &secondary):
		return true
	case response == nil:
		return false
	case response.StatusCode == http.StatusTooManyRequests:
		return true
	}
	return response.StatusCode == http.StatusForbidden &&
		(response.Header.Get("Retry-After") != "" || response.Header.Get("X-RateLimit-Remaining") == "0")
}
