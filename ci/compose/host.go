package compose

import (
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"

	"gitops/ci/progress"
	"gitops/ci/secret"
)

// projectVariable is the variable that Compose sets itself.
const projectVariable = "COMPOSE_PROJECT_NAME"

var (
	// loginVariables are those that every login on a host sets.
	loginVariables = []string{"HOME", "USER", "LOGNAME", "SHELL", "PATH"}
	// reservedForm has the names by which the loader, Docker's CLI and Compose on the
	// host go.
	reservedForm = regexp.MustCompile(`^(PATH|HOME|PWD|LD_.*|COMPOSE_.*|DOCKER_(API_VERSION|AUTH_CONFIG|BUILDKIT|CERT_PATH|CLI_.*|CONFIG|` +
		`CONTENT_TRUST.*|CONTEXT|CUSTOM_HEADERS|DEFAULT_PLATFORM|HIDE_.*|HOST|TLS.*))$`)
)

// CheckVariable refuses a name that no variable of a manifest can have: another
// program on the host goes by it. A manifest may still use those that are set there:
// PWD, HOME, USER, LOGNAME, SHELL, PATH and COMPOSE_PROJECT_NAME.
func CheckVariable(name string) error {
	switch {
	case !variableName.MatchString(name):
		return progress.Invalid("%q is not a name for a variable", name)
	case name == projectVariable:
		return progress.Invalid("variable %s is the compose project: give that with --project", name)
	case name == "PWD":
		return progress.Invalid("variable %s is the folder of the release on the host: leave it out", name)
	case reservedForm.MatchString(name):
		return progress.Invalid("variable %s would change how commands on the host work: use another name in the manifest", name)
	}
	return nil
}

// Values of variables that only the host knows. They look like absolute paths, as
// the real ones do, and hostText puts the text of a manifest in their place.
const (
	projectDirectory = "/.gitops-project-directory"
	ofLogin          = "/.gitops-login-variable."
)

// hostEnvironment returns the variables that Compose on the host has.
func hostEnvironment(env map[string]secret.Value) types.Mapping {
	all := types.Mapping{"PWD": projectDirectory}
	for _, name := range loginVariables {
		all[name] = ofLogin + name + "."
	}
	for name, value := range env {
		all[name] = value.Reveal()
	}
	return all
}

var loginText = regexp.MustCompile(regexp.QuoteMeta(ofLogin) + `([A-Z]+)\.`)

// hostText replaces the values that only the host knows: PWD by folder, the
// project directory, and NAME by ${NAME}.
func hostText(text, folder string) string {
	return loginText.ReplaceAllString(strings.ReplaceAll(text, projectDirectory, folder), "$${$1}")
}

// checkNeeded returns an error that names the variables without value and default.
func checkNeeded(names []string) error {
	if len(names) == 0 {
		return nil
	}
	slices.Sort(names)
	names = slices.Compact(names)
	for _, name := range names {
		if err := CheckVariable(name); err != nil {
			return progress.Invalid("the manifest needs %s, and it cannot be given: %w", name, err)
		}
	}
	are := "are"
	if len(names) == 1 {
		are = "is"
	}
	return progress.Invalid("the manifest needs %s, which %s not set: give a value by --env-file FILE or --env NAME, or a default as in ${%s:-value}", strings.Join(names, ", "), are, names[0])
}
