package deploy

import (
	"path"
	"regexp"
	"strings"
	"time"

	"gitops/ci/compose"
	"gitops/ci/progress"
	"gitops/ci/registry"
	"gitops/ci/secret"
)

// Defaults of Options.
const (
	DefaultNetwork     = "web_net"
	DefaultGateTimeout = 2 * time.Minute
	DefaultStable      = 3 * time.Second
	DefaultLockWait    = 5 * time.Minute
	DefaultLockTTL     = time.Minute
	DefaultKeep        = 5
	DefaultRestarts    = 5
	DefaultDrain       = 30 * time.Second
)

// Options say what is deployed, where on the host, and how long to wait.
type Options struct {
	// Dir is the folder on the host that has releases, receipts and the lock;
	// <home>/deploy when empty.
	Dir string
	// Project is the compose project, which volumes belong to; the last part of
	// Dir when empty, as for `cd deploy && docker compose up`. It goes before a
	// name in the manifest, so that all that is done to a place agrees.
	Project string
	// Engine is what runs the manifest: EngineCompose, when empty, or EngineSwarm.
	Engine string
	// Source is what the manifest is read from: compose files, kept byte for byte, and
	// what they name. Its Env is that of the options.
	Source compose.Source
	// Commit is the SHA that the manifest comes from.
	Commit string
	// Actor is who deploys, for the lock and the receipt.
	Actor string
	// Network is the shared network that is made when missing (DefaultNetwork).
	Network string
	// GateTimeout bounds the rollout until every service is healthy.
	GateTimeout time.Duration
	// Stable is how long a service without a health check must run.
	Stable time.Duration
	// Restarts is how often a service may restart before it counts as failed.
	Restarts int
	// Drain is how long an old container may take to finish what it has, once the new
	// one serves (DefaultDrain). It ends when Traefik has no connection to it.
	Drain time.Duration
	// Before are commands that run once in a new container of their service, before
	// that service changes: migrations.
	Before []Before
	// Probes are requests that have to be answered as expected before an old container
	// goes.
	Probes []Probe
	// Watch is how long Traefik's answers are watched before the old containers go; a
	// rise of 5xx takes the release back. Zero does not watch.
	Watch time.Duration
	// Rename drops container_name from services, so that they can roll.
	Rename bool
	// OverRollback deploys a commit from which a person went back.
	OverRollback bool
	// LockWait is how long to wait for another deploy's lock.
	LockWait time.Duration
	// LockTTL is the age of a heartbeat at which a lock counts as left behind.
	LockTTL time.Duration
	// Keep is how many releases stay on the host.
	Keep int
	// Progress is told what happens; nil is silent.
	Progress *progress.Progress
	// Env has the values of the manifest's variables.
	Env map[string]secret.Value
	// Logins are those of the registries that the host pulls from; the host keeps
	// none of them.
	Logins []registry.Login
	// Warnings are problems that the caller found, for the receipt.
	Warnings []string
}

// Engines that run a manifest on a host.
const (
	// EngineCompose is Docker Compose, on the host alone.
	EngineCompose = "compose"
	// EngineSwarm is Docker Swarm, of which the host is a manager: the project is a stack.
	EngineSwarm = "swarm"
)

// Place is a folder and a compose project on a host, and what runs it; see Options.
type Place struct{ Dir, Project, Engine string }

var (
	commitForm   = regexp.MustCompile(`^[0-9a-f]{7,64}$`)
	projectForm  = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]*$`)
	networkForm  = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]*$`)
	registryForm = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9.:/_-]*$`)
)

// checked returns o with its defaults, or an error that names the wrong option.
func (o Options) checked() (Options, error) {
	if len(o.Source.Manifests) == 0 {
		return o, progress.Invalid("no manifest to deploy: give --manifest FILE")
	}
	if !commitForm.MatchString(o.Commit) {
		return o, progress.Invalid("commit %q is not a git SHA: give the commit that the manifest comes from, as in --commit \"$(git rev-parse HEAD)\"", o.Commit)
	}
	return o.common()
}

// common checks what a deploy and a rollback both need.
func (o Options) common() (Options, error) {
	o = o.withDefaults()
	if err := (Place{o.Dir, o.Project, o.Engine}).check(); err != nil {
		return o, err
	}
	if !networkForm.MatchString(o.Network) {
		return o, progress.Invalid("%q is not a name for a Docker network", o.Network)
	}
	for _, login := range o.Logins {
		if !registryForm.MatchString(login.Host) {
			return o, progress.Invalid("%q is not the name of a registry", login.Host)
		}
		if login.Username == "" || login.Password.Empty() {
			return o, progress.Invalid("registry %s has no user name or no password: give both, or leave the registry out", login.Host)
		}
	}
	if o.Engine == EngineSwarm {
		if err := o.checkSwarm(); err != nil {
			return o, err
		}
	}
	return o, checkEnv(o.Env)
}

func checkEnv(env map[string]secret.Value) error {
	for name, value := range env {
		if err := compose.CheckVariable(name); err != nil {
			return err
		}
		if strings.ContainsRune(value.Reveal(), 0) {
			return progress.Invalid("variable %s has a NUL byte, which no environment can carry", name)
		}
	}
	return nil
}

func (o Options) withDefaults() Options {
	orString(&o.Network, DefaultNetwork)
	orString(&o.Actor, "unknown")
	orPositive(&o.GateTimeout, DefaultGateTimeout)
	orPositive(&o.Stable, DefaultStable)
	orPositive(&o.LockWait, DefaultLockWait)
	orPositive(&o.LockTTL, DefaultLockTTL)
	orPositive(&o.Drain, DefaultDrain)
	orPositive(&o.Keep, DefaultKeep)
	orPositive(&o.Restarts, DefaultRestarts)
	o.Actor = strings.Join(strings.Fields(o.Actor), " ")
	return o
}

func orString(value *string, otherwise string) {
	if *value == "" {
		*value = otherwise
	}
}

func orPositive[T int | time.Duration](value *T, otherwise T) {
	if *value <= 0 {
		*value = otherwise
	}
}

func (p Place) check() error {
	if p.Dir != "" && (!path.IsAbs(p.Dir) || path.Clean(p.Dir) != p.Dir || p.Dir == "/") {
		return progress.Invalid("folder %q on the host is not a clean absolute path", p.Dir)
	}
	if p.Project != "" && !projectForm.MatchString(p.Project) {
		return progress.Invalid("%q is not a name for a compose project: lower case letters, digits, - and _", p.Project)
	}
	if p.Engine != "" && p.Engine != EngineCompose && p.Engine != EngineSwarm {
		return progress.Invalid("there is no engine %q: give --engine %s or --engine %s", p.Engine, EngineCompose, EngineSwarm)
	}
	return nil
}

// in returns p with its defaults for a user with this home folder.
func (p Place) in(home string) Place {
	if p.Dir == "" {
		p.Dir = path.Join(home, "deploy")
	}
	if p.Project == "" {
		p.Project = projectName(path.Base(p.Dir))
	}
	return p
}

// projectName makes a project name of a folder's name as Docker Compose does.
func projectName(folder string) string {
	kept := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return -1
	}, strings.ToLower(folder))
	if kept = strings.TrimLeft(kept, "_-"); kept == "" {
		return "deploy"
	}
	return kept
}
