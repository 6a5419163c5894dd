package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/user"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gitops/ci/deploy"
	"gitops/ci/progress"
	"gitops/ci/registry"
	"gitops/ci/secret"
	"gitops/ci/stages"
)

// rollFlags are what deploy and rollback share.
type rollFlags struct {
	host     hostFlags
	hosts    stages.HostsOptions
	roll     stages.RollOptions
	names    []string
	registry string
}

func (f *rollFlags) add(flags *pflag.FlagSet) {
	f.host.add(flags)
	addParallel(flags, &f.hosts)
	addPlace(flags, &f.roll.Place)
	flags.StringSliceVar(&f.names, "env", nil, "names of environment variables that the manifest needs (repeatable); DOMAIN defaults to the host's address")
	flags.StringArrayVar(&f.roll.EnvFiles, "env-file", nil, "file of NAME=value lines that the manifest needs (repeatable; a later one wins)")
	addRegistry(flags, &f.registry)
	flags.DurationVar(&f.roll.GateTimeout, "gate-timeout", 2*time.Minute, "how long a service may take to become healthy")
	flags.DurationVar(&f.roll.LockWait, "lock-wait", 5*time.Minute, "how long to wait for another deploy to the same host")
	flags.DurationVar(&f.roll.Drain, "drain", deploy.DefaultDrain, "how long an old container may take to finish what it has")
	flags.StringArrayVar(&f.roll.Probes, "probe", nil, "request to Traefik and the expected answer, [HOST]/PATH=STATUS, before an old container goes (repeatable)")
	flags.DurationVar(&f.roll.Watch, "watch", 0, "how long a rise of 5xx at Traefik takes the release back, before an old container goes")
	flags.IntVar(&f.roll.Keep, "keep", 5, "releases to keep on the host")
	flags.StringVar(&f.roll.Actor, "actor", defaultActor(), "who deploys, for the lock and the receipt")
}

func defaultActor() string {
	if actor := os.Getenv("GITHUB_ACTOR"); actor != "" {
		return actor
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}

// options returns what a roll is told.
func (f *rollFlags) options(c *console) (stages.RollOptions, error) {
	o := f.roll
	o.Output = c.stage
	var err, hostErr, loginsErr error
	if o.Variables, err = fromEnvironment(f.names); err != nil {
		return o, err
	}
	o.Host, hostErr = f.host.options()
	o.Logins, loginsErr = registry.LoginsFromEnv(f.registry)
	return o, cmp.Or(hostErr, loginsErr)
}

// fromEnvironment returns the variables of --env.
func fromEnvironment(names []string) (map[string]secret.Value, error) {
	values := map[string]secret.Value{}
	for _, name := range names {
		if name, _, given := strings.Cut(name, "="); given {
			return nil, progress.Invalid("--env takes the name of a variable alone, and its value from the environment: --env %s", name)
		}
		value, set := os.LookupEnv(name)
		if !set {
			return nil, progress.Invalid("--env %s: the variable is not set in the environment", name)
		}
		values[name] = secret.New(value)
	}
	return values, nil
}

func newDeploy(c *console) *cobra.Command {
	var f rollFlags
	var o stages.DeployOptions
	var plan bool
	cmd := command(c, "deploy", "Put the manifest on the host, roll, gate, and go back if it fails",
		func(ctx context.Context) (_ deployed, err error) {
			if o.RollOptions, err = f.options(c); err != nil {
				return deployed{}, err
			}
			o.Verify.Config = c.config
			if plan {
				r, err := stages.PlanHosts(ctx, o, f.hosts)
				return deployed{plan: &r}.unless(r.Hosts == nil && r.One.Project == ""), err
			}
			r, err := stages.DeployHosts(ctx, o, f.hosts)
			return deployed{receipt: &r}.unless(r.Hosts == nil && r.One.Outcome == ""), err
		}, deployed.String)
	f.add(cmd.Flags())
	addVerify(cmd, &o.Verify)
	flags := cmd.Flags()
	flags.BoolVar(&plan, "plan", false, "say what would be done with each service, and change nothing")
	flags.StringArrayVar(&o.Manifests, "manifest", []string{defaultManifest}, "compose manifest (repeatable, as docker compose -f)")
	flags.StringArrayVar(&o.Profiles, "profile", nil, "profile of the manifest that starts (repeatable)")
	flags.StringArrayVar(&o.Data, "data", nil, "relative path in the manifest that is data on the host, and no file of the repository (repeatable)")
	flags.StringArrayVar(&o.Before, "before", nil, "command that runs once before its service changes, SERVICE:COMMAND (repeatable)")
	flags.BoolVar(&o.Rename, "rename", false, "drop container_name from services, so that they can roll")
	flags.BoolVar(&o.OverRollback, "over-rollback", false, "deploy a commit from which a person went back")
	flags.StringVar(&o.Commit, "commit", os.Getenv("GITHUB_SHA"), "full SHA of the commit that the manifest is from")
	return cmd
}

// deployed is what deploy prints: receipts, or the plans that were asked for.
type deployed struct {
	receipt *stages.HostsResult[stages.DeployResult]
	plan    *stages.HostsResult[stages.PlanDeployResult]
}

// unless returns nothing to print where a result is empty.
func (d deployed) unless(empty bool) deployed {
	if empty {
		return deployed{}
	}
	return d
}

// MarshalJSON implements json.Marshaler.
func (d deployed) MarshalJSON() ([]byte, error) {
	if d.plan != nil {
		return json.Marshal(d.plan)
	}
	return json.Marshal(d.receipt)
}

func (d deployed) String() string {
	if d.plan != nil {
		return hostsText(func(r stages.PlanDeployResult) string { return r.String() })(*d.plan)
	}
	return hostsText(receiptText)(*d.receipt)
}

func addVerify(cmd *cobra.Command, v *stages.VerifyOptions) {
	flags := cmd.Flags()
	flags.StringVar(&v.Key, "verify-key", "", "deploy only what is signed by this key: file of a public key of cosign's")
	flags.StringVar(&v.Identity, "verify-identity", "", "deploy only what this identity signed, without a key; a workflow of GitHub Actions is\nhttps://github.com/OWNER/REPO/.github/workflows/FILE.yml@refs/heads/BRANCH")
	flags.StringVar(&v.Issuer, "verify-issuer", "", "who vouches for --verify-identity; for GitHub Actions https://token.actions.githubusercontent.com")
	flags.StringArrayVar(&v.Services, "verify-service", nil, "service whose image must be signed (repeatable), beside those with a build section in the manifest or in --config")
	addPlainHTTP(flags, &v.PlainHTTP)
	cmd.MarkFlagsMutuallyExclusive("verify-key", "verify-identity")
	cmd.MarkFlagsRequiredTogether("verify-identity", "verify-issuer")
}

func newRollback(c *console) *cobra.Command {
	var f rollFlags
	var o stages.RollbackOptions
	cmd := command(c, "rollback", "Deploy an earlier release of the host again",
		func(ctx context.Context) (_ stages.HostsResult[stages.DeployResult], err error) {
			if o.RollOptions, err = f.options(c); err != nil {
				return stages.HostsResult[stages.DeployResult]{}, err
			}
			return stages.RollbackHosts(ctx, o, f.hosts)
		}, hostsText(receiptText))
	f.add(cmd.Flags())
	cmd.Flags().StringVar(&o.Release, "release", "", "release to go back to, as status names it (default: the one before the current)")
	return cmd
}

func receiptText(r stages.DeployResult) string {
	lines := []string{fmt.Sprintf("%s %s: %s in %.1f s", r.Kind, cmp.Or(r.Release, r.Commit), r.Outcome, r.Seconds)}
	if r.Requests != nil {
		lines = append(lines, fmt.Sprintf("  Traefik answered %d requests meanwhile, %d of them with 5xx", r.Requests.Total, r.Requests.Failed))
	}
	for _, change := range r.Services {
		line := fmt.Sprintf("  %-14s %s", change.Service, change.Action)
		if change.After != nil {
			line += "  " + change.After.Ref
		}
		lines = append(lines, line)
	}
	for _, warning := range r.Warnings {
		lines = append(lines, "  warning: "+warning)
	}
	return strings.Join(lines, "\n")
}
