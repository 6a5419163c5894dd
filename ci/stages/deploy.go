package stages

import (
	"context"
	"maps"
	"os"
	"slices"
	"time"

	"gitops/ci/compose"
	"gitops/ci/deploy"
	"gitops/ci/host"
	"gitops/ci/progress"
	"gitops/ci/registry"
	"gitops/ci/secret"
)

// RollOptions are what deploy and rollback share: where to, with which
// values, and how long to wait.
type RollOptions struct {
	Host HostOptions `json:"host"`
	// Place is the folder on the host and the compose project.
	Place deploy.Place `json:"place"`
	// Variables are values for the manifest. DOMAIN is the host's address unless it is
	// given.
	Variables map[string]secret.Value `json:"-"`
	// EnvFile is a file of NAME=value lines with more of them, as Docker Compose reads
	// it; Variables win.
	EnvFile string `json:"env_file,omitempty"`
	// Logins are those of the registries that the host pulls from.
	Logins []registry.Login `json:"-"`
	// GateTimeout is how long a service may take to become healthy, and LockWait how
	// long to wait for another deploy to the same host.
	GateTimeout time.Duration `json:"gate_timeout,omitempty"`
	LockWait    time.Duration `json:"lock_wait,omitempty"`
	// Keep is how many releases stay on the host.
	Keep int `json:"keep,omitempty"`
	// Actor is who deploys, for the lock and the receipt.
	Actor  string `json:"actor,omitempty"`
	Output Output `json:"-"`
}

// DeployOptions say what is deployed.
type DeployOptions struct {
	RollOptions
	// Manifest is the compose manifest, a file.
	Manifest string `json:"manifest"`
	// Commit is the full SHA of the commit that the manifest is from.
	Commit string        `json:"commit"`
	Verify VerifyOptions `json:"verify"`
}

// DeployResult is the receipt of a deploy or a rollback.
type DeployResult struct{ deploy.Receipt }

// Deploy puts the manifest on the host, rolls its services, waits for their gates,
// and goes back if one fails. With a signature to verify it refuses images without
// one before the host is contacted.
func Deploy(ctx context.Context, o DeployOptions) (DeployResult, error) {
	text, err := os.ReadFile(o.Manifest)
	if err != nil {
		return DeployResult{}, progress.Invalid("reading the manifest: %w", err)
	}
	options, err := o.options()
	if err != nil {
		return DeployResult{}, err
	}
	options.Manifest, options.Commit = text, o.Commit
	if err := o.Verify.check(ctx, text, o.Logins, o.Output); err != nil {
		return DeployResult{}, err
	}
	if err := options.Check(); err != nil {
		return DeployResult{}, err
	}
	return onHost(ctx, o.Host, o.Output, func(c *host.Client) (DeployResult, error) {
		return receipt(deploy.Deploy(ctx, c, options))
	})
}

// receipt hands on a receipt, also beside an error, if the deploy began.
func receipt(r deploy.Receipt, err error) (DeployResult, error) {
	if r.Outcome == "" {
		return DeployResult{}, err
	}
	return DeployResult{r}, err
}

// options returns what the deploy package needs, the manifest and commit left out.
func (o RollOptions) options() (deploy.Options, error) {
	outputs, err := o.Host.resolve()
	if err != nil {
		return deploy.Options{}, err
	}
	env, err := o.environment(outputs.StaticIP)
	if err != nil {
		return deploy.Options{}, err
	}
	return deploy.Options{
		Dir: o.Place.Dir, Project: o.Place.Project, Actor: o.Actor, Env: env, Logins: o.Logins,
		GateTimeout: o.GateTimeout, LockWait: o.LockWait, Keep: o.Keep, Progress: o.Output.Progress,
	}, nil
}

func (o RollOptions) environment(address string) (map[string]secret.Value, error) {
	env := map[string]secret.Value{"DOMAIN": secret.New(address)}
	if o.EnvFile != "" {
		values, err := compose.EnvironmentFile(o.EnvFile)
		if err != nil {
			return nil, err
		}
		maps.Copy(env, values)
	}
	maps.Copy(env, o.Variables)
	o.Output.Redactor.Add(slices.Collect(maps.Values(env))...)
	return env, nil
}
