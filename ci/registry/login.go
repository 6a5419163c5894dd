package registry

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"

	"gitops/ci/progress"
	"gitops/ci/secret"
)

// DockerHub is the registry of images whose name has none.
const DockerHub = "docker.io"

// Login is what one registry is told about who asks.
type Login struct {
	// Host is the registry as in the names of images, with its port if it has one.
	Host     string
	Username string
	// Password is a password or a token; ECR's comes from aws ecr get-login-password.
	Password secret.Value
}

// Secrets returns every form in which the login's password travels.
func (l Login) Secrets() []secret.Value {
	return []secret.Value{l.Password, secret.New(l.Username + ":" + l.Password.Reveal())}
}

// AuthVariable is the environment variable with the logins of several registries,
// in the form of Docker's config.json.
const AuthVariable = "REGISTRY_AUTH"

// LoginsFromEnv returns the logins in the environment: REGISTRY_USERNAME and
// REGISTRY_PASSWORD for host (Docker Hub when empty), and those of REGISTRY_AUTH.
func LoginsFromEnv(host string) ([]Login, error) {
	var logins []Login
	if text := secret.FromEnv(AuthVariable); !text.Empty() {
		var err error
		if logins, err = parseConfig([]byte(text.Reveal())); err != nil {
			return nil, err
		}
	}
	username, password := os.Getenv("REGISTRY_USERNAME"), secret.FromEnv("REGISTRY_PASSWORD")
	switch {
	case username == "" && password.Empty():
		if host != "" && !slices.ContainsFunc(logins, func(l Login) bool { return sameHost(l.Host, host) }) {
			return nil, progress.Invalid("no login for the registry %s: set REGISTRY_USERNAME and REGISTRY_PASSWORD, or %s", host, AuthVariable)
		}
		return logins, nil
	case username == "" || password.Empty():
		return nil, progress.Invalid("the registry login has a user name or a password alone: set both REGISTRY_USERNAME and REGISTRY_PASSWORD")
	}
	if host == "" {
		host = DockerHub
	}
	return append(logins, Login{Host: host, Username: username, Password: password}), nil
}

// config is the part of Docker's config.json with logins.
type config struct {
	Auths map[string]entry `json:"auths"`
}

type entry struct {
	// Auth is the base64 form of user:password.
	Auth     string `json:"auth,omitempty"`
	Username string `json:"username,omitempty"`
	Password string `json:"password,omitempty"`
}

// parseConfig reads logins in the form of Docker's config.json. Its errors quote
// nothing of it.
func parseConfig(text []byte) ([]Login, error) {
	var c config
	if err := json.Unmarshal(text, &c); err != nil || len(c.Auths) == 0 {
		return nil, progress.Invalid(`%s is not of the form {"auths": {"HOST": {"auth": "…"}}}, as docker login writes it`, AuthVariable)
	}
	var logins []Login
	for _, host := range slices.Sorted(maps.Keys(c.Auths)) {
		e := c.Auths[host]
		if decoded, err := base64.StdEncoding.DecodeString(e.Auth); err == nil && e.Auth != "" {
			e.Username, e.Password, _ = strings.Cut(string(decoded), ":")
		}
		if e.Username == "" || e.Password == "" {
			return nil, progress.Invalid("%s has no user name or no password for %s: a credential helper's answer cannot be passed on, name both", AuthVariable, host)
		}
		logins = append(logins, Login{Host: bareHost(host), Username: e.Username, Password: secret.New(e.Password)})
	}
	return logins, nil
}

// DockerConfig returns logins in the form of Docker's config.json, for tools that
// read it.
func DockerConfig(logins []Login) secret.Value {
	c := config{Auths: map[string]entry{}}
	for _, l := range logins {
		auth := base64.StdEncoding.EncodeToString([]byte(l.Username + ":" + l.Password.Reveal()))
		c.Auths[ConfigHost(l.Host)] = entry{Auth: auth}
	}
	text, _ := json.Marshal(c) // strings always marshal
	return secret.New(string(text))
}

// ConfigHost returns the name by which Docker's configuration knows host.
func ConfigHost(host string) string {
	if sameHost(host, DockerHub) {
		return authn.DefaultAuthKey
	}
	return host
}

// bareHost takes what Docker writes around a host name off it.
func bareHost(host string) string {
	host = strings.TrimPrefix(strings.TrimPrefix(host, "https://"), "http://")
	host, _, _ = strings.Cut(host, "/")
	if sameHost(host, DockerHub) {
		return DockerHub
	}
	return host
}

// sameHost reports whether two names are the same registry: Docker Hub has several.
func sameHost(a, b string) bool { return canonical(a) == canonical(b) }

func canonical(host string) string {
	switch host {
	case DockerHub, "registry-1.docker.io":
		return name.DefaultRegistry
	}
	return host
}

// keychain answers with the login of a registry, and else as Docker is configured.
type keychain []Login

// Resolve implements authn.Keychain.
func (k keychain) Resolve(resource authn.Resource) (authn.Authenticator, error) {
	for _, l := range k {
		if sameHost(l.Host, resource.RegistryStr()) {
			return &authn.Basic{Username: l.Username, Password: l.Password.Reveal()}, nil
		}
	}
	return authn.DefaultKeychain.Resolve(resource)
}
