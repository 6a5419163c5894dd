package actions

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gitops/ci/secret"
)

// The project's own workflow files, from the event to the arguments of dagger.
func TestTheProjectsCalls(t *testing.T) {
	team := newTeam(t)
	team.options.DefaultBranch = "infra_main"
	cloud := Environment{
		Secrets:   map[string]secret.Value{"AWS_ACCESS_KEY_ID": secret.New("AKIAEXAMPLE"), "AWS_SECRET_ACCESS_KEY": secret.New("static")},
		Variables: map[string]string{"AWS_REGION": "eu-central-1"},
	}
	team.options.Environments = map[string]Environment{"plan": cloud, "production": cloud, "drift": cloud}
	var files []string
	for _, name := range list(t, "../../../"+workflowFolder) {
		text, err := os.ReadFile(filepath.Join("../../..", workflowFolder, name))
		team.check(err)
		files = append(files, workflowFolder+name, string(text))
	}
	base := team.commit("Start", append(files, "app/docker-compose.yml", "services: {}\n")...)
	for _, branch := range []string{"infra_main", "integration", "deployment"} {
		team.git("push", "--quiet", "origin", "HEAD:refs/heads/"+branch)
	}
	head := team.commit("Change", "terraform/a.tf", "# changed\n")
	for _, branch := range []string{"infra_features", "integration"} {
		team.git("push", "--quiet", "origin", "HEAD:refs/heads/"+branch)
	}
	a := team.start()
	pull := &PullRequest{Number: 7, Head: "infra_features", Base: "infra_main"}
	team.double.OpenPull(7, "t", "infra_features", "infra_main", head)
	for _, test := range []struct {
		e     Event
		calls string // without what dagger always gets; one call a line
	}{
		{Event{Name: "push", Branch: "infra_features"}, "validate"},
		{Event{Name: "push", Branch: "infra_main", Before: head}, "provision --commit " + base},
		{Event{Name: "push", Branch: "integration", Before: base}, "release --commit " + head},
		{Event{Name: "push", Branch: "deployment"}, "deploy --commit " + base},
		{Event{Name: "schedule"}, "drift --deployed deployment"},
		{Event{Name: "pull_request", PullRequest: pull}, "plan without-file --path tfplan export --path plan\n" +
			"review --plan plan --pull-request 7 --commit " + head},
	} {
		for _, run := range team.happen(a, test.e) {
			if run.Conclusion != "success" && run.Workflow != "Terraform validate" {
				t.Errorf("%s of %s is %s: %s%+v", run.Workflow, test.e.Name, run.Conclusion, run.Message, run.Jobs)
			}
		}
		got := strings.NewReplacer("[--progress][plain][call]", "", "][", " ", "[", "", "]", "").Replace(team.recorded())
		if strings.TrimSpace(got) != test.calls {
			t.Errorf("%s %s calls\n%s\nwant\n%s", test.e.Name, test.e.Branch, got, test.calls)
		}
	}
}
