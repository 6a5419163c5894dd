package main

import (
	"context"
	"fmt"
	"os"
	"os/user"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"gitops/ci/deploy"
	"gitops/ci/host"
	"gitops/ci/progress"
	"gitops/ci/registry"
	"gitops/ci/secret"
)

// deployFlags are what deploy and rollback share.
type deployFlags struct {
	host     hostFlags
	dir      string
	project  string
	env      []string
	envFile  string
	registry string
	gate     time.Duration
	lockWait time.Duration
	keep     int
	actor    string
}

func (d *deployFlags) add(flags *pflag.FlagSet) {
	d.host.add(flags)
	addPlace(flags, &d.dir, &d.project)
	flags.StringSliceVar(&d.env, "env", nil, "names of environment variables that the manifest needs (repeatable); DOMAIN defaults to the host's address")
	flags.StringVar(&d.envFile, "env-file", "", "file of NAME=value lines that the manifest needs")
	addRegistry(flags, &d.registry)
	flags.DurationVar(&d.gate, "gate-timeout", 2*time.Minute, "how long a service may take to become healthy")
	flags.DurationVar(&d.lockWait, "lock-wait", 5*time.Minute, "how long to wait for another deploy to the same host")
	flags.IntVar(&d.keep, "keep", 5, "releases to keep on the host")
	flags.StringVar(&d.actor, "actor", defaultActor(), "who deploys, for the lock and the receipt")
}

func addPlace(flags *pflag.FlagSet, dir, project *string) {
	flags.StringVar(dir, "deploy-dir", "", "folder on the host (default: deploy in the login's home)")
	flags.StringVar(project, "project", "", "compose project (default: the base name of --deploy-dir)")
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

// options returns what the deploy package needs, the manifest and commit left out.
func (d *deployFlags) options(a *app) (deploy.Options, error) {
	outputs, err := d.host.resolve()
	if err != nil {
		return deploy.Options{}, err
	}
	env, err := d.environment(outputs.StaticIP)
	if err != nil {
		return deploy.Options{}, err
	}
	logins, err := registry.LoginsFromEnv(d.registry)
	if err != nil {
		return deploy.Options{}, err
	}
	return deploy.Options{
		Dir: d.dir, Project: d.project, Actor: d.actor, Env: env, Logins: logins,
		GateTimeout: d.gate, LockWait: d.lockWait, Keep: d.keep, Progress: a.progress,
	}, nil
}

func (d *deployFlags) environment(address string) (map[string]secret.Value, error) {
	env := map[string]secret.Value{"DOMAIN": secret.New(address)}
	if d.envFile != "" {
		data, err := os.ReadFile(d.envFile)
		if err != nil {
			return nil, progress.Invalid("reading the environment file: %w", err)
		}
		for number, line := range strings.Split(string(data), "\n") {
			line = strings.TrimRight(line, "\r")
			if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
				continue
			}
			name, value, found := strings.Cut(line, "=")
			if !found {
				return nil, progress.Invalid("%s:%d: not of the form NAME=value", d.envFile, number+1)
			}
			env[name] = secret.New(value)
		}
	}
	for _, name := range d.env {
		value, set := os.LookupEnv(name)
		if !set {
			return nil, progress.Invalid("--env %s: the variable is not set in the environment", name)
		}
		env[name] = secret.New(value)
	}
	return env, nil
}

// receiptResult is a receipt as a stage's result.
type receiptResult struct{ deploy.Receipt }

// Human implements result.
func (r receiptResult) Human() string {
	lines := []string{fmt.Sprintf("%s %s: %s in %.1f s", r.Kind, r.Release, r.Outcome, r.Seconds)}
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

func (a *app) deployCommand() *cobra.Command {
	var f deployFlags
	var v verifyFlags
	var manifestPath, commit string
	cmd := a.command("deploy", "Put the manifest on the host, roll, gate, and go back if it fails",
		func(cmd *cobra.Command, _ []string) (result, error) {
			manifest, err := os.ReadFile(manifestPath)
			if err != nil {
				return nil, progress.Invalid("reading the manifest: %w", err)
			}
			options, err := f.options(a)
			if err != nil {
				return nil, err
			}
			options.Manifest, options.Commit = manifest, commit
			if err := v.check(cmd.Context(), a, manifest, options.Logins); err != nil {
				return nil, err
			}
			return a.onHost(cmd.Context(), f.host, func(ctx context.Context, c *host.Client) (result, error) {
				return receipt(deploy.Deploy(ctx, c, options))
			})
		})
	f.add(cmd.Flags())
	v.add(cmd)
	cmd.Flags().StringVar(&manifestPath, "manifest", "app/docker-compose.yml", "the compose manifest")
	cmd.Flags().StringVar(&commit, "commit", os.Getenv("GITHUB_SHA"), "full SHA of the commit that the manifest is from")
	return cmd
}

func (a *app) rollbackCommand() *cobra.Command {
	var f deployFlags
	var release string
	cmd := a.command("rollback", "Deploy an earlier release of the host again",
		func(cmd *cobra.Command, _ []string) (result, error) {
			options, err := f.options(a)
			if err != nil {
				return nil, err
			}
			return a.onHost(cmd.Context(), f.host, func(ctx context.Context, c *host.Client) (result, error) {
				return receipt(deploy.Rollback(ctx, c, deploy.RollbackOptions{Options: options, Release: release}))
			})
		})
	f.add(cmd.Flags())
	cmd.Flags().StringVar(&release, "release", "", "release to go back to, as status names it (default: the one before the current)")
	return cmd
}

// receipt hands on a receipt also beside an error: it says what was done.
func receipt(r deploy.Receipt, err error) (result, error) {
	if r.Outcome == "" {
		return nil, err
	}
	return receiptResult{r}, err
}

// onHost waits for the host, logs in and runs do.
func (a *app) onHost(ctx context.Context, f hostFlags, do func(context.Context, *host.Client) (result, error)) (result, error) {
	config, err := f.config()
	if err != nil {
		return nil, err
	}
	client, err := host.Wait(ctx, config, host.Needs{Docker: true}, a.progress)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	return do(ctx, client)
}

type statusResult struct{ deploy.State }

// Human implements result.
func (r statusResult) Human() string {
	lines := []string{fmt.Sprintf("%s in %s, current release %s", r.Project, r.Dir, either(r.Current, "none"))}
	for _, s := range r.Services {
		lines = append(lines, fmt.Sprintf("  %-14s %-10s %-10s %s", s.Service, s.State, s.Health, s.Ref))
	}
	for _, release := range r.Releases {
		lines = append(lines, fmt.Sprintf("  release %s by %s", release.Name, release.Actor))
	}
	if r.Lock != nil {
		lines = append(lines, "  locked: "+r.Lock.String())
	}
	if r.Last != nil {
		lines = append(lines, fmt.Sprintf("  last: %s %s: %s", r.Last.Kind, r.Last.Release, r.Last.Outcome))
	}
	return strings.Join(lines, "\n")
}

func either(text, fallback string) string {
	if text == "" {
		return fallback
	}
	return text
}

func (a *app) statusCommand() *cobra.Command {
	var h hostFlags
	var place deploy.Place
	cmd := a.command("status", "Show what runs on the host, its releases and its last receipt",
		func(cmd *cobra.Command, _ []string) (result, error) {
			return a.onHost(cmd.Context(), h, func(ctx context.Context, c *host.Client) (result, error) {
				state, err := deploy.Status(ctx, c, place)
				if err != nil {
					return nil, err
				}
				return statusResult{state}, nil
			})
		})
	h.add(cmd.Flags())
	addPlace(cmd.Flags(), &place.Dir, &place.Project)
	return cmd
}

type unlockResult struct {
	Removed *deploy.Lock `json:"removed"`
}

// Human implements result.
func (r unlockResult) Human() string {
	if r.Removed == nil {
		return "there was no lock"
	}
	return fmt.Sprintf("lock of %s removed", r.Removed.Owner)
}

func (a *app) unlockCommand() *cobra.Command {
	var h hostFlags
	var place deploy.Place
	cmd := a.command("unlock", "Remove the deploy lock of the host by hand",
		func(cmd *cobra.Command, _ []string) (result, error) {
			return a.onHost(cmd.Context(), h, func(ctx context.Context, c *host.Client) (result, error) {
				lock, err := deploy.Unlock(ctx, c, place)
				if err != nil {
					return nil, err
				}
				return unlockResult{lock}, nil
			})
		})
	h.add(cmd.Flags())
	addPlace(cmd.Flags(), &place.Dir, &place.Project)
	return cmd
}
