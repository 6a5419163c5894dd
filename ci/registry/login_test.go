package registry

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"

	"gitops/ci/progress"
	"gitops/ci/secret"
)

func setEnv(t *testing.T, username, password, auth string) {
	t.Helper()
	t.Setenv("REGISTRY_USERNAME", username)
	t.Setenv("REGISTRY_PASSWORD", password)
	t.Setenv(AuthVariable, auth)
}

func encoded(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

func TestLoginsFromEnv(t *testing.T) {
	several := `{"auths": {"https://index.docker.io/v1/": {"auth": "` + encoded("me:hub:password") + `"}, "ghcr.io": {"username": "you", "password": "token"}}}`
	for name, c := range map[string]struct {
		username, password, auth, host string
		want                           string
	}{
		"none":                      {"", "", "", "", ""},
		"Docker Hub":                {"me", "pass", "", "", "docker.io me pass"},
		"another":                   {"AWS", "pass", "", "1.dkr.ecr.eu-central-1.amazonaws.com", "1.dkr.ecr.eu-central-1.amazonaws.com AWS pass"},
		"several":                   {"", "", several, "", "ghcr.io you token, docker.io me hub:password"},
		"several and one":           {"x", "y", several, "r.local:5000", "ghcr.io you token, docker.io me hub:password, r.local:5000 x y"},
		"one of several":            {"", "", several, "index.docker.io", "ghcr.io you token, docker.io me hub:password"},
		"as a credential of podman": {"", "", `{"auths": {"r.local": {"auth": "` + encoded("a:b") + `"}}}`, "", "r.local a b"},
	} {
		t.Run(name, func(t *testing.T) {
			setEnv(t, c.username, c.password, c.auth)
			logins, err := LoginsFromEnv(c.host)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, l := range logins {
				got = append(got, l.Host+" "+l.Username+" "+l.Password.Reveal())
			}
			if strings.Join(got, ", ") != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestLoginsThatAreNone(t *testing.T) {
	for says, c := range map[string]struct{ username, password, auth, host string }{
		"alone":                       {"me", "", "", ""},
		"alone: set both":             {"", "hunter2222", "", ""},
		"not of the form":             {"", "", "hunter2222", ""},
		"form {":                      {"", "", `{"auths": {}}`, ""},
		"credential helper":           {"", "", `{"auths": {"r.local": {}}, "credsStore": "hunter2222"}`, ""},
		"no login for the registry r": {"", "", "", "r.local"},
	} {
		setEnv(t, c.username, c.password, c.auth)
		_, err := LoginsFromEnv(c.host)
		if progress.ExitCode(err) != progress.ExitInvalid || !strings.Contains(fmt.Sprint(err), says) || strings.Contains(fmt.Sprint(err), "hunter2222") {
			t.Errorf("%+v: got %v, want exit 2 and %q", c, err, says)
		}
	}
}

// A registry gets its own login and nobody else's.
func TestKeychainGivesEachRegistryItsOwn(t *testing.T) {
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	keys := keychain{{"docker.io", "hub", secret.New("h")}, {"r.local:5000", "own", secret.New("o")}}
	for image, want := range map[string]string{
		"me/app": "hub", "docker.io/me/app": "hub", "index.docker.io/me/app": "hub", "r.local:5000/app": "own", "r.local/app": "", "ghcr.io/me/app": "",
	} {
		repository, err := name.NewRepository(image)
		if err != nil {
			t.Fatal(err)
		}
		login, err := keys.Resolve(repository.Registry)
		if err != nil {
			t.Fatal(err)
		}
		got, err := login.Authorization()
		if err != nil || got.Username != want {
			t.Errorf("%s: user %q, %v; want %q", image, got.Username, err, want)
		}
	}
}

// What DockerConfig writes, Docker's own reader and LoginsFromEnv understand.
func TestDockerConfigIsDockers(t *testing.T) {
	logins := []Login{{"docker.io", "me", secret.New("pass:word")}, {"r.local:5000", "you", secret.New("t")}}
	setEnv(t, "", "", DockerConfig(logins).Reveal())
	back, err := LoginsFromEnv("")
	if err != nil || len(back) != 2 || back[0] != logins[0] || back[1] != logins[1] {
		t.Errorf("got %v, %v", back, err)
	}
	if !strings.Contains(DockerConfig(logins).Reveal(), `"`+authn.DefaultAuthKey+`"`) {
		t.Error("Docker Hub has not the name that Docker gives it")
	}
}
