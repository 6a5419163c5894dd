// Package github keeps one comment on a pull request and one issue up to date,
// and finds the pull request that a commit was merged by. What is ours is found
// by a hidden marker in its first line, and only where we wrote it ourselves.
package github

import (
	"net/http"
	"net/url"
	"os"
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

// Config says which repository to talk about, and as whom.
type Config struct {
	// APIURL is the root of the API, as GITHUB_API_URL has it in a workflow; an
	// enterprise server's ends in /api/v3. DefaultAPIURL when empty.
	APIURL string
	Token  secret.Value
	Repo   string // "owner/name"
	// Label is what our issues carry, "drift" when empty.
	Label string
	// MaxWait is the longest that one rate limit is waited for, two minutes when 0.
	MaxWait  time.Duration
	Progress *progress.Progress
}

// Client talks to one repository. It is safe for concurrent use.
type Client struct {
	api         *gh.Client
	owner, repo string
	label       string
	maxWait     time.Duration
	progress    *progress.Progress
	sleep       retry.Pause

	mu sync.Mutex
	me *author
}

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
	// The client would refuse calls by itself after a rate limit; here they wait.
	api.DisableRateLimitCheck = true
	c := &Client{api: api, owner: owner, repo: repo, label: config.Label,
		maxWait: config.MaxWait, progress: config.Progress, sleep: retry.Sleep}
	if c.label == "" {
		c.label = "drift"
	}
	if c.maxWait == 0 {
		c.maxWait = 2 * time.Minute
	}
	return c, nil
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

// FromEnvironment fills what config leaves empty from the variables that a GitHub
// Actions workflow sets: GITHUB_API_URL, GITHUB_TOKEN, GITHUB_REPOSITORY.
func FromEnvironment(config Config) Config {
	if config.APIURL == "" {
		config.APIURL = os.Getenv("GITHUB_API_URL")
	}
	if config.Token.Empty() {
		config.Token = secret.FromEnv("GITHUB_TOKEN")
	}
	if config.Repo == "" {
		config.Repo = os.Getenv("GITHUB_REPOSITORY")
	}
	return config
}
