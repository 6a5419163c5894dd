package cost

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gitops/ci/progress"
	"gitops/ci/secret"
)

// standIn writes a shell script in infracost's place. It is a stand-in for the
// documented command line alone: it refuses other arguments than those, and says
// nothing about what the real Infracost does with a plan.
func standIn(t *testing.T, then string) (program, plan string) {
	t.Helper()
	dir := t.TempDir()
	program, plan = filepath.Join(dir, "infracost"), filepath.Join(dir, "plan.json")
	document, err := filepath.Abs("testdata/v02-diff.json")
	if err != nil {
		t.Fatal(err)
	}
	script := `#!/bin/sh -eu
[ "$1" = diff ] || { echo "Error: unknown command $1" >&2; exit 1; }
shift
while [ $# -gt 0 ]; do
  case $1 in
    --path) [ -f "$2" ]; shift 2;;
    --format) [ "$2" = json ]; shift 2;;
    --out-file) out=$2; shift 2;;
    --no-color) shift;;
    *) echo "Error: unknown flag: $1" >&2; exit 1;;
  esac
done
env > '` + dir + `/env'
document='` + document + `'
` + then + "\n"
	for path, content := range map[string]string{program: script, plan: "{}"} {
		if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	return program, plan
}

const key = "ico-secretsecretsecret"

func TestRunReturnsTheCost(t *testing.T) {
	t.Setenv("AWS_SECRET_ACCESS_KEY", "not-for-infracost")
	t.Setenv("GITHUB_TOKEN", "not-for-infracost")
	t.Setenv("HTTPS_PROXY", "http://proxy.example:3128")
	program, plan := standIn(t, `cp "$document" "$out"`)
	estimate, err := Run(context.Background(), Options{PlanFile: plan, APIKey: secret.New(key),
		PricingEndpoint: "https://prices.example", Currency: "USD"})
	if err != nil {
		t.Fatal(err)
	}
	if estimate.Cost.Diff.String() != "8.366" || !strings.Contains(string(estimate.JSON), `"version": "0.2"`) {
		t.Errorf("estimate is %+v", estimate.Cost)
	}
	env, err := os.ReadFile(filepath.Join(filepath.Dir(program), "env"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"INFRACOST_API_KEY=" + key, "INFRACOST_PRICING_API_ENDPOINT=https://prices.example",
		"INFRACOST_CURRENCY=USD", "INFRACOST_SKIP_UPDATE_CHECK=true", "HTTPS_PROXY=http://proxy.example:3128"} {
		if !strings.Contains(string(env), want+"\n") {
			t.Errorf("infracost's environment has no %s", want)
		}
	}
	if strings.Contains(string(env), "not-for-infracost") {
		t.Errorf("infracost got a login that is not for it:\n%s", env)
	}
}

func TestKeyIsNoArgument(t *testing.T) {
	args := buildArgs(Options{PlanFile: "plan.json", APIKey: secret.New(key)}, "out.json")
	want := "diff --path plan.json --format json --out-file out.json --no-color"
	if got := strings.Join(args, " "); got != want {
		t.Errorf("arguments are %q, want %q", got, want)
	}
}

func TestUnavailableSaysWhy(t *testing.T) {
	// What infracost prints is from its source: internal/apiclient, cmd/infracost.
	tests := map[string]struct{ then, want string }{
		"503":          {`echo 'Error: Received error from API: 503 Service Unavailable try later' >&2; exit 1`, "price service answered 503 Service Unavailable"},
		"bad key":      {`echo 'Error: Invalid API Key: 403 Forbidden Invalid API key' >&2; exit 1`, "the price service does not know this INFRACOST_API_KEY"},
		"unreachable":  {`echo 'Error: Error sending API request: Post "https://prices/graphql": dial tcp: connect: connection refused' >&2; exit 1`, "the price service did not answer"},
		"no key":       {`echo 'Error: No INFRACOST_API_KEY environment variable is set.' >&2; exit 1`, "no INFRACOST_API_KEY"},
		"bad plan":     {`printf 'warning\n\033[31mError:\033[0m could not parse plan\n' >&2; exit 1`, "infracost ended with 1: Error: could not parse plan"},
		"leaks key":    {`echo "Error: key $INFRACOST_API_KEY" >&2; exit 1`, "infracost ended with 1: Error: key [REDACTED]"},
		"says nothing": {`exit 7`, "infracost ended with 7: it said nothing"},
		"no document":  {`exit 0`, "infracost ended well and wrote nothing"},
		"no JSON":      {`echo nonsense > "$out"`, "reading Infracost JSON: "},
		"hangs":        {`exec sleep 60`, "infracost did not end within 0.3 s"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, plan := standIn(t, test.then)
			o := Options{PlanFile: plan, APIKey: secret.New(key)}
			if name == "hangs" {
				o.Timeout = 300 * time.Millisecond
			}
			_, err := Run(context.Background(), o)
			var unavailable *Unavailable
			if !errors.As(err, &unavailable) || !strings.HasPrefix(unavailable.Why, test.want) {
				t.Errorf("error is %v, want unavailable because %q", err, test.want)
			}
		})
	}
}

func TestUnavailableBeforeAnythingStarts(t *testing.T) {
	program, plan := standIn(t, `exit 0`)
	for want, key := range map[string]secret.Value{"no INFRACOST_API_KEY": {}, "the program infracost is not installed": secret.New(key)} {
		if !key.Empty() {
			t.Setenv("PATH", t.TempDir())
		}
		_, err := Run(context.Background(), Options{PlanFile: plan, APIKey: key})
		var unavailable *Unavailable
		if !errors.As(err, &unavailable) || unavailable.Why != want {
			t.Errorf("error is %v, want unavailable because %q", err, want)
		}
		if _, err := os.Stat(filepath.Join(filepath.Dir(program), "env")); err == nil {
			t.Error("infracost was started")
		}
	}
	_, err := Run(context.Background(), Options{PlanFile: plan + ".missing", APIKey: secret.New(key)})
	if progress.ExitCode(err) != progress.ExitInvalid {
		t.Errorf("a missing plan gives %v, want exit 2", err)
	}
}

func TestCancelledIsNotUnavailable(t *testing.T) {
	_, plan := standIn(t, `exec sleep 60`)
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	_, err := Run(ctx, Options{PlanFile: plan, APIKey: secret.New(key)})
	var unavailable *Unavailable
	if errors.As(err, &unavailable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error is %v, want the context's", err)
	}
}

// The key goes to a price service over TLS, or to this machine.
func TestKeyStaysOffPlainHTTP(t *testing.T) {
	_, plan := standIn(t, `cp "$document" "$out"`)
	o := Options{PlanFile: plan, APIKey: secret.New(key), PricingEndpoint: "http://prices.example:4000"}
	if _, err := Run(context.Background(), o); progress.ExitCode(err) != progress.ExitInvalid || !strings.Contains(err.Error(), "https address") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(plan), "env")); err == nil {
		t.Error("infracost was started")
	}
	o.APIKey = secret.Value{}
	if _, err := Run(context.Background(), o); err != nil {
		t.Errorf("without a key: %v", err)
	}
}
