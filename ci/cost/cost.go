// Package cost asks Infracost what a plan costs a month, and reads and writes its
// amounts. An estimate that is not available is an *Unavailable with the reason: a
// review works without.
package cost

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
	"time"

	"gitops/ci/program"
	"gitops/ci/progress"
	"gitops/ci/secret"
)

// Options say what to estimate and how to reach Infracost.
type Options struct {
	PlanFile string       // the output of `terraform show -json`
	APIKey   secret.Value // INFRACOST_API_KEY
	// PricingEndpoint is the address of another price service, which may need no
	// key; Infracost's when empty.
	PricingEndpoint string
	Currency        string        // ISO 4217; Infracost's default when empty
	Timeout         time.Duration // three minutes when 0
	Progress        *progress.Progress
	// Redactor takes secrets out of infracost's words; nil knows the key alone.
	Redactor *secret.Redactor
}

// Unavailable says why there is no cost: "no INFRACOST_API_KEY".
type Unavailable struct{ Why string }

// Error implements error.
func (u *Unavailable) Error() string { return "estimating the cost: " + u.Why }

// Estimate is what Infracost said.
type Estimate struct {
	Cost Cost
	JSON []byte // Infracost's document, for `gitops review --cost`
}

// Run estimates the cost of a plan. Without Infracost it returns an *Unavailable;
// the caller decides whether that is a failure.
func Run(ctx context.Context, o Options) (estimate Estimate, err error) {
	infracost, err := o.ready()
	if err != nil {
		return Estimate{}, err
	}
	end := o.Progress.Start("estimating the cost with Infracost")
	defer func() { end(err) }()
	dir, err := os.MkdirTemp("", "gitops-cost-")
	if err != nil {
		return Estimate{}, fmt.Errorf("estimating the cost: %w", err)
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "infracost.json")
	if err := o.run(ctx, infracost, dir, out); err != nil {
		return Estimate{}, err
	}
	document, err := os.ReadFile(out)
	if err != nil {
		return Estimate{}, &Unavailable{"infracost ended well and wrote nothing"}
	}
	parsed, err := Parse(document)
	var unavailable *Unavailable
	switch {
	case errors.As(err, &unavailable):
		return Estimate{}, unavailable
	case err != nil:
		return Estimate{}, &Unavailable{err.Error()}
	}
	return Estimate{Cost: parsed, JSON: document}, nil
}

// ready checks what can be checked before anything is started.
func (o Options) ready() (infracost string, err error) {
	if _, err := os.Stat(o.PlanFile); err != nil {
		return "", progress.Invalid("estimating the cost: %w; give the output of `terraform show -json`", err)
	}
	address, err := url.Parse(o.PricingEndpoint)
	if err == nil && !o.APIKey.Empty() {
		err = secret.CheckAddress(address)
	}
	if err != nil {
		return "", progress.Invalid("estimating the cost: the price service's address: %w; or leave INFRACOST_API_KEY out, which a service of your own may not need", err)
	}
	// Infracost asks for a key only where it uses its own price service.
	if o.APIKey.Empty() && o.PricingEndpoint == "" {
		return "", &Unavailable{"no INFRACOST_API_KEY"}
	}
	infracost, err = program.Find("infracost")
	if err != nil {
		return "", &Unavailable{"the program infracost is not installed"}
	}
	return infracost, nil
}

func (o Options) run(ctx context.Context, infracost, home, out string) error {
	timeout := o.Timeout
	if timeout == 0 {
		timeout = 3 * time.Minute
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	_, err := program.Run(limited, program.Command{
		Name: infracost, Args: buildArgs(o, out), Pass: variables, Env: buildEnv(o, home), Merge: true, Redactor: o.Redactor.With(o.APIKey),
	})
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("estimating the cost: %w", ctx.Err())
	case limited.Err() != nil:
		return &Unavailable{"infracost did not end within " + progress.Seconds(timeout)}
	}
	return &Unavailable{why(err)}
}

// buildArgs returns the arguments of `infracost diff`. A plan's JSON holds the state
// before the plan as well, so that diff needs nothing to compare with.
func buildArgs(o Options, out string) []string {
	return []string{"diff", "--path", o.PlanFile, "--format", "json", "--out-file", out, "--no-color"}
}

// variables are those that infracost gets from here: how to reach the network, and
// nothing that the cloud or GitHub would take as a login.
var variables = slices.Concat(program.Machine, program.Network, []string{"INFRACOST_TLS_CA_CERT_FILE", "INFRACOST_TLS_INSECURE_SKIP_VERIFY"})

// buildEnv returns what else is in infracost's environment. Its home is an empty
// directory: what it finds or leaves in a real one would depend on who ran it before.
func buildEnv(o Options, home string) []string {
	var env []string
	set := func(name, value string) {
		if value != "" {
			env = append(env, name+"="+value)
		}
	}
	set("HOME", home)
	set("INFRACOST_SKIP_UPDATE_CHECK", "true")
	set("INFRACOST_API_KEY", o.APIKey.Reveal())
	set("INFRACOST_PRICING_API_ENDPOINT", o.PricingEndpoint)
	set("INFRACOST_CURRENCY", o.Currency)
	return env
}

var (
	httpStatus = regexp.MustCompile(`\b([45][0-9]{2}) [A-Z]`)
	noAnswer   = regexp.MustCompile(`Error sending API request|connection refused|no such host|i/o timeout|TLS handshake|context deadline exceeded`)
)

// why turns infracost's last words into a reason.
func why(err error) string {
	var failed *program.Error
	if !errors.As(err, &failed) {
		return "infracost did not start: " + err.Error()
	}
	switch said := failed.Said; {
	case strings.Contains(said, "Invalid API key"), strings.Contains(said, "Invalid API Key"):
		return "the price service does not know this INFRACOST_API_KEY"
	case strings.Contains(said, "No INFRACOST_API_KEY"):
		return "no INFRACOST_API_KEY"
	case noAnswer.MatchString(said):
		return "the price service did not answer"
	}
	if status := httpStatus.FindStringSubmatch(failed.Said); status != nil {
		code, _ := strconv.Atoi(status[1])
		return strings.TrimSpace("price service answered " + status[1] + " " + http.StatusText(code))
	}
	last := strings.TrimSpace(program.LastLines(failed.Said, 1))
	if last == "" {
		last = "it said nothing"
	}
	return fmt.Sprintf("infracost ended with %d: %s", failed.Exit, last)
}
