package main

import (
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"gitops/ci/github"
	"gitops/ci/host"
	"gitops/ci/infra"
	"gitops/ci/progress"
	"gitops/ci/secret"
)

// terraformFlags say which Terraform configuration a stage works on.
type terraformFlags struct {
	dir         string
	backend     []string
	varFiles    []string
	lockTimeout time.Duration
}

func (t *terraformFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&t.dir, "terraform-dir", "terraform", "folder of the Terraform configuration")
	flags.StringArrayVar(&t.backend, "backend-config", nil, "setting of the state's backend, key=value (repeatable)")
	flags.StringArrayVar(&t.varFiles, "var-file", nil, "file of Terraform variables (repeatable)")
	flags.DurationVar(&t.lockTimeout, "lock-timeout", time.Minute, "how long to wait for the state's lock")
}

func (t *terraformFlags) options(a *app) infra.Options {
	return infra.Options{
		Dir: t.dir, BackendConfig: t.backend, VarFiles: t.varFiles, LockTimeout: t.lockTimeout,
		Progress: a.progress, Redactor: secret.NewRedactor(knownSecrets()...),
	}
}

// githubFlags say which repository a stage comments on.
type githubFlags struct {
	repo   string
	apiURL string
}

func (g *githubFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&g.repo, "github-repo", os.Getenv("GITHUB_REPOSITORY"), "repository on GitHub, owner/name")
	flags.StringVar(&g.apiURL, "github-api", os.Getenv("GITHUB_API_URL"), "root of GitHub's API (GitHub Enterprise)")
}

func (g *githubFlags) client(a *app) (*github.Client, error) {
	token := secret.FromEnv("GITHUB_TOKEN")
	if g.repo == "" || token.Empty() {
		return nil, progress.Invalid("talking to GitHub needs --github-repo owner/name and GITHUB_TOKEN in the environment")
	}
	return github.New(github.Config{APIURL: g.apiURL, Token: token, Repo: g.repo, Progress: a.progress})
}

// defaultHostWait is how long a stage waits for a host: a new EC2 instance boots
// and runs cloud-init in one to three minutes.
const defaultHostWait = 5 * time.Minute

// hostFlags say how a stage reaches the host: by Terraform's outputs, or by hand.
type hostFlags struct {
	outputs string
	address string
	user    string
	hostKey string
	keyFile string
	wait    time.Duration
}

func (h *hostFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&h.outputs, "outputs", "", "file with Terraform's outputs as JSON; gives host, user and host key")
	flags.StringVar(&h.address, "host", "", "address of the host, instead of --outputs")
	flags.StringVar(&h.user, "ssh-user", "ubuntu", "login on the host, with --host")
	flags.StringVar(&h.hostKey, "host-key", "", "public key of the host such as \"ssh-ed25519 AAAA…\", with --host")
	flags.StringVar(&h.keyFile, "ssh-key-file", "", "file with the private login key (default: SSH_PRIVATE_KEY in the environment)")
	flags.DurationVar(&h.wait, "host-wait", defaultHostWait, "how long to wait until the host is ready")
}

// resolve returns the host as Terraform's outputs describe one.
func (h *hostFlags) resolve() (infra.Outputs, error) {
	if (h.outputs == "") == (h.address == "") {
		return infra.Outputs{}, progress.Invalid("the host is named by --outputs FILE or by --host with --host-key: give one of them")
	}
	if h.address != "" {
		if h.hostKey == "" {
			return infra.Outputs{}, progress.Invalid("--host needs --host-key: nothing connects to a host whose key is not known")
		}
		return infra.Outputs{StaticIP: h.address, SSHUser: h.user, SSHHostPublicKey: h.hostKey}, nil
	}
	data, err := os.ReadFile(h.outputs)
	if err != nil {
		return infra.Outputs{}, progress.Invalid("reading Terraform's outputs: %w", err)
	}
	outputs, err := infra.ParseOutputs(data)
	if err != nil {
		return infra.Outputs{}, progress.Invalid("%s: %w", h.outputs, err)
	}
	return outputs, nil
}

// config returns what it takes to log in to the host.
func (h *hostFlags) config() (host.Config, error) {
	outputs, err := h.resolve()
	if err != nil {
		return host.Config{}, err
	}
	known, err := outputs.KnownHosts()
	if err != nil {
		return host.Config{}, progress.Invalid("%w", err)
	}
	key, err := h.key()
	if err != nil {
		return host.Config{}, err
	}
	return host.Config{Address: outputs.StaticIP, User: outputs.SSHUser, Key: key, KnownHosts: known, Timeout: h.wait}, nil
}

func (h *hostFlags) key() (secret.Value, error) {
	key := secret.FromEnv("SSH_PRIVATE_KEY")
	if h.keyFile != "" {
		var err error
		if key, err = secret.FromFile(h.keyFile); err != nil {
			return key, progress.Invalid("%w", err)
		}
	}
	if key.Empty() {
		return key, progress.Invalid("logging in to the host needs SSH_PRIVATE_KEY in the environment or --ssh-key-file")
	}
	return secret.New(strings.TrimRight(key.Reveal(), "\n") + "\n"), nil
}

// addRegistry adds the flag that names the registry of the one login.
func addRegistry(flags *pflag.FlagSet, registry *string) {
	flags.StringVar(registry, "registry", "", "registry that REGISTRY_USERNAME and REGISTRY_PASSWORD log in to (default docker.io); REGISTRY_AUTH has the logins of several")
}

// pairs parses repeated key=value flags.
func pairs(flag string, values []string) (map[string]string, error) {
	parsed := map[string]string{}
	for _, value := range values {
		key, rest, found := strings.Cut(value, "=")
		if !found || key == "" || rest == "" {
			return nil, progress.Invalid("--%s %q is not of the form key=value", flag, value)
		}
		if _, twice := parsed[key]; twice {
			return nil, progress.Invalid("--%s names %q twice", flag, key)
		}
		parsed[key] = rest
	}
	return parsed, nil
}
