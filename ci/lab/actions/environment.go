package actions

import (
	"fmt"
	"maps"
	"path"
	"strings"

	"github.com/rhysd/actionlint"

	"gitops/ci/secret"
)

// environment returns the name and the settings of the job's environment. GitHub does
// not tell upper from lower case in names.
func (a *Actions) environment(t *task) (string, Environment) {
	if t.job.Environment == nil || t.job.Environment.Name == nil {
		return "", Environment{}
	}
	name := t.job.Environment.Name.Value
	for known, environment := range a.options.Environments {
		if known != "" && strings.EqualFold(known, name) {
			return name, environment
		}
	}
	return name, Environment{}
}

// refusal is what GitHub says where the environment does not admit the ref, and empty
// where it does.
func (e Environment) refusal(name, ref string) string {
	branch := strings.TrimPrefix(ref, "refs/heads/")
	for _, pattern := range e.Branches {
		// A rule for branches is for refs/heads/ alone.
		if matched, err := path.Match(pattern, branch); branch != ref && (matched || err != nil && pattern == branch) {
			return ""
		}
	}
	if len(e.Branches) == 0 {
		return ""
	}
	return fmt.Sprintf("Branch %q is not allowed to deploy to %s due to environment protection rules.\n"+
		"The deployment was rejected or didn't satisfy other protection rules.\n", branch, name)
}

// settings returns the secrets and variables of a job: those of the repository under
// those of its environment. A fork's run gets no secrets.
func (a *Actions) settings(t *task, environment Environment) (map[string]secret.Value, map[string]string) {
	secrets, variables := map[string]secret.Value{}, map[string]string{}
	for _, from := range []Environment{a.options.Environments[""], environment} {
		maps.Copy(variables, from.Variables)
		if !t.fork {
			maps.Copy(secrets, from.Secrets)
		}
	}
	return secrets, variables
}

// scopes are the permissions that read-all and write-all name.
var scopes = strings.Fields("actions attestations checks contents deployments discussions issues packages pages pull-requests security-events statuses")

// permissions returns those of the job's token: the job's over the workflow's over
// the restricted default. Whoever names some has the others not.
func (t *task) permissions() map[string]string {
	given := t.job.Permissions
	if given == nil {
		given = t.workflow.Permissions
	}
	all := map[string]string{}
	switch {
	case given == nil:
		all["contents"], all["packages"] = "read", "read"
	case given.All != nil:
		all = everything(given.All)
	default:
		for name, scope := range given.Scopes {
			all[name] = scope.Value.Value
		}
	}
	if t.fork {
		delete(all, "id-token")
		for name, access := range all {
			all[name] = strings.Replace(access, "write", "read", 1)
		}
	}
	return all
}

func everything(given *actionlint.String) map[string]string {
	access, found := strings.CutSuffix(given.Value, "-all")
	all := map[string]string{}
	for _, scope := range scopes {
		if found {
			all[scope] = access
		}
	}
	if found && access == "write" {
		all["id-token"] = "write"
	}
	return all
}
