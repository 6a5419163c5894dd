package rehearsal

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gitops/ci/host"
	"gitops/ci/secret"
)

// The names under which stages reach the stand-ins, and the names of what they hold.
const (
	GitAddress      = githubServer + GitHubRepo + ".git"
	githubServer    = "https://github.local:8080/"
	GitHubAPI       = githubServer + "api/v3/"
	awsAddress      = "http://aws.local:5000"
	RegistryAddress = "registry.local:5000"
	galaxyAddress   = "https://galaxy.local:8080/" // where no registry is reachable
	GitHubRepo      = "example/loop"
	bucket          = "rehearsal" // for Terraform's state
	superuser       = "admin@example.com"
	user            = "robot" // at the GitHub and registry stand-ins
)

// Credentials are what the stand-ins of one rehearsal let in, made for it alone.
type Credentials struct {
	User             string
	GitPassword      secret.Value
	GitHubToken      secret.Value
	RegistryPassword secret.Value
	ReviewKey        secret.Value // signs reviews
	HostKey          secret.Value // of the host's sshd, PEM
	HostPublicKey    string
	LoginKey         secret.Value // PEM
	LoginPublicKey   string
	Superuser        secret.Value // password of the application's first account
	Signing          SigningKey   // of the images
}

// NewCredentials makes credentials.
func NewCredentials() (Credentials, error) {
	c := Credentials{User: user, GitPassword: random(), GitHubToken: random(), RegistryPassword: random(), ReviewKey: random()}
	var err error
	if c.HostKey, c.HostPublicKey, err = host.GenerateKey(); err != nil {
		return c, fmt.Errorf("making the host key: %w", err)
	}
	if c.LoginKey, c.LoginPublicKey, err = host.GenerateKey(); err != nil {
		return c, fmt.Errorf("making the login key: %w", err)
	}
	return c.Complete()
}

// Complete returns c with what no stand-in needs to know: the password of the
// application's first account, and the key that images are signed with.
func (c Credentials) Complete() (Credentials, error) {
	c.Superuser = random()
	var err error
	c.Signing, err = newSigningKey()
	return c, err
}

func random() secret.Value { return secret.New(rand.Text()) }

// Inputs are what the stages of a rehearsal are given: what a team keeps in its
// repository's variables and secrets.
type Inputs struct {
	Credentials Credentials
	Variables   map[string]string       // environment of every stage: where the stand-ins are
	Secrets     map[string]secret.Value // environment of Terraform, secret
	ExtraVars   secret.Value            // variables of the playbook, YAML
	DeployEnv   secret.Value            // variables of the manifest, NAME=value lines
}

// NewInputs returns the inputs for credentials. Mirrors are registries that the
// host pulls Docker Hub's images from; leaveOut are variables of the playbook for
// what is not available here. With mirrors, Ansible asks the stand-in of Galaxy.
func NewInputs(c Credentials, mirrors []string, leaveOut map[string]any) (Inputs, error) {
	vars, err := extraVars(mirrors, leaveOut)
	if err != nil {
		return Inputs{}, err
	}
	variables := map[string]string{
		"AWS_ENDPOINT_URL": awsAddress, "AWS_EC2_METADATA_DISABLED": "true", "CHECKPOINT_DISABLE": "1",
	}
	if len(mirrors) > 0 {
		variables["ANSIBLE_GALAXY_SERVER"] = galaxyAddress
	}
	return Inputs{
		Credentials: c,
		Variables:   variables,
		Secrets: map[string]secret.Value{
			"AWS_ACCESS_KEY_ID": random(), "AWS_SECRET_ACCESS_KEY": random(),
			"TF_VAR_ssh_host_private_key": c.HostKey,
		},
		ExtraVars: vars,
		DeployEnv: deployEnv(c),
	}, nil
}

// Environment returns the variables as NAME=value, sorted.
func (i Inputs) Environment() (all []string) {
	for _, name := range slices.Sorted(maps.Keys(i.Variables)) {
		all = append(all, name+"="+i.Variables[name])
	}
	return all
}

func extraVars(mirrors []string, leaveOut map[string]any) (secret.Value, error) {
	engine := map[string]any{"insecure-registries": []string{RegistryAddress}}
	if len(mirrors) > 0 {
		engine["registry-mirrors"] = mirrors
	}
	vars := map[string]any{
		"common_docker_daemon_options": engine,
		// A container cannot make swap.
		"common_swap_size_mb":               0,
		"monitoring_grafana_admin_password": random().Reveal(),
	}
	for name, value := range leaveOut {
		vars[name] = value
	}
	text, err := json.Marshal(vars) // JSON is YAML
	if err != nil {
		return secret.Value{}, fmt.Errorf("writing the playbook's variables: %w", err)
	}
	return secret.New(string(text)), nil
}

// deployEnv returns the variables that the manifest requires.
func deployEnv(c Credentials) secret.Value {
	lines := []string{
		"POSTGRES_PASSWORD=" + random().Reveal(),
		"SECRET_KEY=" + random().Reveal() + random().Reveal(),
		"FIRST_SUPERUSER=" + superuser,
		"FIRST_SUPERUSER_PASSWORD=" + c.Superuser.Reveal(),
		// bcrypt of a password that nobody keeps: the dashboard stays shut.
		"TRAEFIK_DASHBOARD_USERS=nobody:$2y$05$" + strings.Repeat(".", 53),
	}
	return secret.New(strings.Join(lines, "\n") + "\n")
}
