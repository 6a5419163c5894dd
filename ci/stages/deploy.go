package stages

import (
	"context"
	"maps"
	"path/filepath"
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
	// Place is the folder on the host, the compose project and what runs it.
	Place deploy.Place `json:"place"`
	// Variables are values for the manifest. DOMAIN is the host's address unless it is
	// given.
	Variables map[string]secret.Value `json:"-"`
	// EnvFiles are files of NAME=value lines with more of them, as Docker Compose reads
	// them; a later one wins over an earlier one, and Variables over all.
	EnvFiles []string `json:"env_files,omitempty"`
	// Logins are those of the registries that the host pulls from.
	Logins []registry.Login `json:"-"`
	// GateTimeout is how long a service may take to become healthy, and LockWait how
	// long to wait for another deploy to the same host.
	GateTimeout time.Duration `json:"gate_timeout,omitempty"`
	LockWait    time.Duration `json:"lock_wait,omitempty"`
	// Drain is how long an old container may take to finish what it has.
	Drain time.Duration `json:"drain,omitempty"`
	// Probes are requests, [HOST]/PATH=STATUS, that must be answered as expected before
	// an old container goes, and Watch is how long Traefik's answers are watched then.
	Probes []string      `json:"probes,omitempty"`
	Watch  time.Duration `json:"watch,omitempty"`
	// Keep is how many releases stay on the host.
	Keep int `json:"keep,omitempty"`
	// Actor is who deploys, for the lock and the receipt.
	Actor  string `json:"actor,omitempty"`
	Output Output `json:"-"`
}

// DeployOptions say what is deployed.
type DeployOptions struct {
	RollOptions
	// Manifests are the compose files, as docker compose takes them with -f; the folder
	// of the first is the project directory. Files that they name may be anywhere in the
	// repository, which is the current directory.
	Manifests []string `json:"manifests"`
	// Profiles are those of the manifest that start.
	Profiles []string `json:"profiles,omitempty"`
	// Data are relative paths of binds that hold data on the host, and are no files of
	// the repository.
	Data []string `json:"data,omitempty"`
	// Before are commands, SERVICE:COMMAND, that run once before their service changes.
	Before []string `json:"before,omitempty"`
	// Rename drops container_name, so that services can roll. A rollback does what the
	// release did.
	Rename bool `json:"rename,omitempty"`
	// OverRollback deploys a commit from which a person went back.
	OverRollback bool `json:"over_rollback,omitempty"`
	// Commit is the full SHA of the commit that the manifest is from. Where the files are
	// in a git work tree and differ from it, the deploy warns.
	Commit string        `json:"commit"`
	Verify VerifyOptions `json:"verify"`
}

// DeployResult is the receipt of a deploy or a rollback.
type DeployResult struct{ deploy.Receipt }

// Deploy puts the manifest on the host, rolls its services, waits for their gates,
// and goes back if one fails. With a signature to verify it refuses images without
// one before the host is contacted.
func Deploy(ctx context.Context, o DeployOptions) (DeployResult, error) {
	options, err := o.deployment(ctx)
	if err != nil {
		return DeployResult{}, err
	}
	return onHost(ctx, o.Host, o.Output, func(c *host.Client) (DeployResult, error) {
		return receipt(deploy.Deploy(ctx, c, options))
	})
}

// PlanDeployResult is what a deploy would do.
type PlanDeployResult struct{ deploy.Plan }

// PlanDeploy says what Deploy would do, service by service, and changes nothing.
func PlanDeploy(ctx context.Context, o DeployOptions) (PlanDeployResult, error) {
	options, err := o.deployment(ctx)
	if err != nil {
		return PlanDeployResult{}, err
	}
	return onHost(ctx, o.Host, o.Output, func(c *host.Client) (PlanDeployResult, error) {
		plan, err := deploy.Preview(ctx, c, options)
		return PlanDeployResult{plan}, err
	})
}

// deployment returns what the deploy package needs, checked as far as that goes
// without the host.
func (o DeployOptions) deployment(ctx context.Context) (deploy.Options, error) {
	options, err := o.options()
	if err != nil {
		return options, err
	}
	if options.Source, err = sourceOf(".", o.Manifests, o.Profiles, o.Data); err != nil {
		return options, err
	}
	options.Source.Withheld = below(options.Source.Root, o.EnvFiles)
	options.Commit, options.Rename, options.OverRollback = o.Commit, o.Rename, o.OverRollback
	for _, text := range o.Before {
		before, err := deploy.ParseBefore(text)
		if err != nil {
			return options, err
		}
		options.Before = append(options.Before, before)
	}
	manifest, err := options.Check(ctx)
	if err != nil {
		return options, err
	}
	options.Warnings = compareCommit(ctx, options.Source.Root, o.Commit, manifest)
	return options, o.Verify.check(ctx, manifest, o.Logins, o.Output)
}

// sourceOf returns where manifests are read from: the root, which their paths are
// relative to, or the folder of a manifest that is elsewhere.
func sourceOf(root string, manifests, profiles, data []string) (compose.Source, error) {
	s, base := compose.Source{Root: root, Profiles: profiles, Data: data}, "."
	if len(manifests) == 0 {
		return s, progress.Invalid("no manifest: give --manifest FILE")
	}
	if !filepath.IsLocal(manifests[0]) {
		s.Root = filepath.Dir(manifests[0])
		base = s.Root
	}
	for _, manifest := range manifests {
		relative, err := filepath.Rel(base, manifest)
		if err != nil || !filepath.IsLocal(relative) {
			return s, progress.Invalid("manifest %s is not below %s, the folder of the first", manifest, s.Root)
		}
		s.Manifests = append(s.Manifests, filepath.ToSlash(relative))
	}
	return s, nil
}

// below returns the files that are below root, relative to it.
func below(root string, files []string) (inside []string) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil
	}
	for _, file := range files {
		full, err := filepath.Abs(file)
		if err != nil {
			continue
		}
		if relative, err := filepath.Rel(root, full); err == nil && filepath.IsLocal(relative) {
			inside = append(inside, filepath.ToSlash(relative))
		}
	}
	return inside
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
	options := deploy.Options{
		Dir: o.Place.Dir, Project: o.Place.Project, Engine: o.Place.Engine, Actor: o.Actor, Env: env, Logins: o.Logins, Drain: o.Drain, Watch: o.Watch,
		GateTimeout: o.GateTimeout, LockWait: o.LockWait, Keep: o.Keep, Progress: o.Output.Progress,
	}
	for _, text := range o.Probes {
		probe, err := deploy.ParseProbe(text)
		if err != nil {
			return options, err
		}
		options.Probes = append(options.Probes, probe)
	}
	return options, nil
}

func (o RollOptions) environment(address string) (map[string]secret.Value, error) {
	env := map[string]secret.Value{"DOMAIN": secret.New(address)}
	given, err := environment(o.EnvFiles, o.Variables, o.Output)
	maps.Copy(env, given)
	return env, err
}

// environment returns the variables of files, a later one before an earlier one, and
// of given before all. Their values are taken out of what is told.
func environment(files []string, given map[string]secret.Value, out Output) (map[string]secret.Value, error) {
	env := map[string]secret.Value{}
	for _, file := range files {
		values, err := compose.EnvironmentFile(file)
		if err != nil {
			return nil, err
		}
		maps.Copy(env, values)
	}
	maps.Copy(env, given)
	out.Redactor.Add(slices.Collect(maps.Values(env))...)
	return env, nil
}
