package github

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	gh "github.com/google/go-github/v82/github"

	"gitops/ci/secret"
)

// Error is a call that GitHub refused or did not answer.
type Error struct {
	What    string // what was attempted: "writing the comment on pull request 7"
	Status  int    // of the answer; 0 when there was none
	Message string // GitHub's own
	Remedy  string // what to do next; may be empty
	Cause   error  // when there was no answer

	limited bool
}

// Error implements error.
func (e *Error) Error() string {
	text := e.What + ": " + e.found()
	if e.Remedy != "" {
		text += "; " + e.Remedy
	}
	return text
}

// Unwrap implements the interface of errors.Unwrap.
func (e *Error) Unwrap() error { return e.Cause }

func (e *Error) found() string {
	if e.Status == 0 {
		return fmt.Sprintf("GitHub did not answer: %v", e.Cause)
	}
	return strings.TrimSpace(fmt.Sprintf("GitHub answered %d %s: %s", e.Status, http.StatusText(e.Status), e.Message))
}

// unsure reports whether the call may have had its effect all the same.
func (e *Error) unsure() bool { return e.Status == 0 || e.Status >= 500 }

func explain(r request, response *gh.Response, err error) *Error {
	failed := &Error{What: r.what, limited: rateLimited(response, err)}
	if response == nil || response.Response == nil {
		failed.Cause = err
		return failed
	}
	failed.Status = response.StatusCode
	if failed.Status < 300 {
		// An answer whose body broke off: nobody knows what it said.
		failed.Status, failed.Cause = 0, err
		return failed
	}
	failed.Message = message(err)
	failed.Remedy = remedy(r, failed, response.Header)
	return failed
}

// message is GitHub's message with the details of a validation error.
func message(err error) string {
	var primary *gh.RateLimitError
	var secondary *gh.AbuseRateLimitError
	var refused *gh.ErrorResponse
	var redirected *secret.RedirectError
	switch {
	case errors.As(err, &primary):
		return primary.Message
	case errors.As(err, &secondary):
		return secondary.Message
	case errors.As(err, &redirected):
		return redirected.Error()
	case !errors.As(err, &refused):
		return err.Error()
	}
	parts := []string{refused.Message}
	for _, detail := range refused.Errors {
		text := detail.Message
		if text == "" {
			text = strings.TrimSpace(detail.Resource + " " + detail.Field + " " + detail.Code)
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ": ")
}

func remedy(r request, failed *Error, header http.Header) string {
	switch {
	case failed.limited:
		return "run this again later"
	case failed.Status < http.StatusBadRequest:
		return "if the repository was renamed or moved, give its new name; if the API was, its new address in GITHUB_API_URL"
	case failed.Status == http.StatusUnauthorized:
		return "the token in GITHUB_TOKEN is not valid or has expired"
	case failed.Status == http.StatusForbidden && header.Get("X-GitHub-SSO") != "":
		return "authorise the token for the organisation's single sign-on"
	case failed.Status == http.StatusForbidden && r.permission != "":
		return "give the token the permission `" + r.permission + "`; in a workflow, under `permissions:`"
	case failed.Status == http.StatusNotFound:
		return "either there is no such thing or the token may not see it"
	case failed.Status >= 500:
		return "GitHub has trouble: run this again later"
	}
	return ""
}

// gone reports whether what a call was about no longer exists.
func gone(err error) bool {
	var failed *Error
	return errors.As(err, &failed) && (failed.Status == http.StatusNotFound || failed.Status == http.StatusGone)
}

// unsure reports whether a call may have had its effect although it failed.
func unsure(err error) (*Error, bool) {
	var failed *Error
	return failed, errors.As(err, &failed) && failed.unsure()
}
