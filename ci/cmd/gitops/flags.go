package main

import (
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"gitops/ci/deploy"
	"gitops/ci/progress"
	"gitops/ci/registry"
	"gitops/ci/secret"
	"gitops/ci/stages"
)

// Defaults of flags that several commands share.
const (
	defaultManifest  = "app/docker-compose.yml"
	defaultTerraform = "terraform"
	defaultAnsible   = "ansible"
	defaultPlaybook  = "site.yml"
)

func addTerraform(flags *pflag.FlagSet, t *stages.TerraformOptions) {
	flags.StringVar(&t.Dir, "terraform-dir", defaultTerraform, "folder of the Terraform configuration")
	addTerraformRest(flags, t)
}

// addTerraformRest adds what several folders share.
func addTerraformRest(flags *pflag.FlagSet, t *stages.TerraformOptions) {
	flags.StringArrayVar(&t.Backend, "backend-config", nil, "setting of the state's backend, key=value, or a file of them (repeatable)")
	flags.StringVar(&t.Workspace, "workspace", "", "Terraform workspace (default: default)")
	flags.StringArrayVar(&t.VarFiles, "var-file", nil, "file of Terraform variables (repeatable)")
	flags.DurationVar(&t.LockTimeout, "lock-timeout", time.Minute, "how long to wait for the state's lock")
	addPass(flags, &t.Pass, "terraform")
	t.ReviewKey = secret.FromEnv("GITOPS_REVIEW_KEY")
}

// addValues adds the flag for the file in which a release sets the tags of images.
func addValues(flags *pflag.FlagSet, file *string) {
	flags.StringVar(file, "values", "", "file in the repository whose NAME=value lines set variables of the manifest; it is bumped where it sets an image's tag")
}

// addPlatforms adds the flag for what images are built for, which stages that know the
// server warn by.
func addPlatforms(flags *pflag.FlagSet, platforms *[]string) {
	flags.StringArrayVar(platforms, "default-platform", nil, "platform that release builds images for, to warn where the server is another (repeatable; default: the builder's)")
}

// addPass adds the flag for the variables that a tool gets besides its usual ones.
func addPass(flags *pflag.FlagSet, names *[]string, tool string) {
	variable := "GITOPS_" + strings.ToUpper(tool) + "_ENV"
	given := strings.FieldsFunc(os.Getenv(variable), func(r rune) bool { return r == ',' })
	flags.StringSliceVar(names, tool+"-env", given, "names of further environment variables that "+tool+" gets, NAME or PREFIX_* (default: "+variable+" in the environment)")
}

// addGitHub adds the flags that name the repository on GitHub. The token comes from
// the environment.
func addGitHub(flags *pflag.FlagSet, g *stages.GitHubOptions) {
	flags.StringVar(&g.Repo, "github-repo", os.Getenv("GITHUB_REPOSITORY"), "repository on GitHub, owner/name")
	flags.StringVar(&g.APIURL, "github-api", os.Getenv("GITHUB_API_URL"), "root of GitHub's API (GitHub Enterprise)")
	g.Token = secret.FromEnv("GITHUB_TOKEN")
}

// addRun adds the flag for the run of GitHub Actions that comments and issues lead to.
func addRun(flags *pflag.FlagSet, address *string) {
	given := ""
	if run := os.Getenv("GITHUB_RUN_ID"); run != "" {
		given = os.Getenv("GITHUB_SERVER_URL") + "/" + os.Getenv("GITHUB_REPOSITORY") + "/actions/runs/" + run
	}
	flags.StringVar(address, "run-url", given, "address of the run that this is, for what is told on GitHub (default: from GITHUB_SERVER_URL, GITHUB_REPOSITORY and GITHUB_RUN_ID)")
}

func addPlace(flags *pflag.FlagSet, place *deploy.Place) {
	flags.StringVar(&place.Dir, "deploy-dir", "", "folder on the host (default: deploy in the login's home)")
	flags.StringVar(&place.Project, "project", "", "compose project (default: the base name of --deploy-dir)")
	flags.StringVar(&place.Engine, "engine", deploy.EngineCompose, "what runs the manifest: compose, on the host alone, or swarm, of which the host is a manager")
}

// addRegistry adds the flag that names the registry of the one login.
func addRegistry(flags *pflag.FlagSet, address *string) {
	flags.StringVar(address, "registry", "", "registry that REGISTRY_USERNAME and REGISTRY_PASSWORD log in to (default docker.io); "+
		registry.AuthVariable+" has the logins of several")
}

func addPlainHTTP(flags *pflag.FlagSet, hosts *[]string) {
	flags.StringArrayVar(hosts, "plain-http-host", nil, "host, without its port, of a registry that speaks no TLS (repeatable)")
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
