// Package github keeps one comment on a pull request and one issue up to date,
// and finds the pull request that merged a commit. It recognises its comments and
// issues by a hidden marker in the first line and by their author.
package github

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"gitops/ci/progress"
	"gitops/ci/retry"
	"gitops/ci/secret"

	gh "github.com/google/go-github/v82/github"
)

// DefaultAPIURL is the API of github.com.
const DefaultAPIURL = "https://api.github.com/"

// Config names the repository and has the token.
type Config struct {
	// APIURL is the root of the API, as GITHUB_API_URL has it in a workflow; an
	// enterprise server's ends in /api/v3. DefaultAPIURL when empty.
	APIURL   string
	Token    secret.Value
	Repo     string // "owner/name"
	Progress *progress.Progress
}

// Client talks to one repository. It is safe for concurrent use.
type Client struct {
	api         *gh.Client
	owner, repo string
	maxWait     time.Duration // the longest that one rate limit is waited for
	progress    *progress.Progress
	sleep       retry.Pause

	mu sync.Mutex
	me *author
}

// label is what our issues carry.
const label = "drift"

// requestTimeout bounds one request, answer included.
const requestTimeout = 30 * time.Second

// New checks config and returns a client. It makes no request yet.
func New(config Config) (*Client, error) {
	base, err := parseAPIURL(config.APIURL)
	if err != nil {
		return nil, err
	}
	owner, repo, found := strings.Cut(config.Repo, "/")
	if !found || owner == "" || repo == "" || strings.Contains(repo, "/") {
		return nil, progress.Invalid("the GitHub repository is %q: write it as owner/name", config.Repo)
	}
	if config.Token.Empty() {
		return nil, progress.Invalid("there is no GitHub token: set GITHUB_TOKEN")
	}
	// The library puts the token into every request, wherever it goes.
	api := gh.NewClient(&http.Client{Timeout: requestTimeout, CheckRedirect: secret.CheckRedirect}).WithAuthToken(config.Token.Reveal())
	api.BaseURL = base
	// After a rate limit the client would refuse calls; here they wait.
	api.DisableRateLimitCheck = true
	return &Client{api: api, owner: owner, repo: repo, maxWait: 2 * time.Minute, progress: config.Progress, sleep: retry.Sleep}, nil
}

func parseAPIURL(text string) (*url.URL, error) {
	if text == "" {
		text = DefaultAPIURL
	}
	base, err := url.Parse(text)
	if err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" {
		return nil, progress.Invalid("the GitHub API's address is %q: write it as %s", text, DefaultAPIURL)
	}
	if err := secret.CheckAddress(base); err != nil {
		return nil, progress.Invalid("the GitHub API's address: %w", err)
	}
	if !strings.HasSuffix(base.Path, "/") {
		base.Path += "/"
	}
	return base, nil
}
