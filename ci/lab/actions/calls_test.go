package actions

import (
	"os"
	"testing"

	"gitops/ci/lab/texttest"
	"gitops/ci/secret"
)

// calling is a workflow that deploys with an input of dagger-for-github.
func calling(input string) string {
	return `
name: Deploy
on:
  push:
    branches: [main]
jobs:
  deploy:
    runs-on: ubuntu-24.04
    steps:
      - uses: ` + checkout + `
        with:
          persist-credentials: false
      - uses: ` + call + `
        env:
          SEEN_SECRET: ${{ secrets.SSH_PRIVATE_KEY }}
          SEEN_TOKEN: ${{ github.token != '' }}
        with:
          version: v0.21.8
          call: ` + input + "\n"
}

const workflowFile = workflowFolder + "deploy.yml"

func TestNewCallHandsOverArguments(t *testing.T) {
	team := newTeam(t)
	team.options.Environments[""] = Environment{Secrets: map[string]secret.Value{"ssh_private_key": secret.New("very secret")}}
	log := team.one(team.push("main", workflowFile, calling(`deploy --commit "$GITHUB_SHA"`)), "success")
	team.has(log, "it ran")
	want := "[--progress][plain][call][deploy][--commit][" + team.git("rev-parse", "HEAD") + "]\nSEEN_SECRET=very secret\nSEEN_TOKEN=true\n"
	if got := team.recorded(); got != want {
		t.Errorf("dagger got\n%s\nwant\n%s", got, want)
	}
}

// What the workflows had in call before their step was one line without expressions.
func TestOldCallFailsOnAQuotedHostKey(t *testing.T) {
	team := newTeam(t)
	team.options.Environments[""] = Environment{Variables: map[string]string{"HOST_KEY": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5"}}
	log := team.one(team.push("main", workflowFile, calling(`deploy --host-key "${{ vars.HOST_KEY }}"`)), "failure")
	team.has(log, "syntax error in conditional expression")
	if got := team.recorded(); got != "" {
		t.Errorf("dagger got %s", got)
	}
}

func TestOldCallRunsWhatAVariableSays(t *testing.T) {
	for name, input := range map[string]string{"old": `deploy --address ${{ vars.SERVER_IP }}`, "new": `deploy --address "$SERVER_IP"`} {
		t.Run(name, func(t *testing.T) {
			team := newTeam(t)
			mark := t.TempDir() + "/ran"
			team.options.Environments[""] = Environment{Variables: map[string]string{"SERVER_IP": "$(touch " + mark + ")"}}
			team.options.Env["SERVER_IP"] = "$(touch " + mark + ")"
			team.push("main", workflowFile, calling(input))
			if _, err := os.Stat(mark); (err == nil) != (name == "old") {
				t.Errorf("the variable was run: %v", err == nil)
			}
		})
	}
}

func TestAFailedCallFailsTheJob(t *testing.T) {
	team := newTeam(t)
	team.options.Env["EXIT"] = "3"
	log := team.one(team.push("main", workflowFile, calling("validate")), "failure")
	team.has(log, "it ran", "exit status 3")
}

func TestAnotherVersionOfDaggerIsRefused(t *testing.T) {
	team := newTeam(t)
	workflow := texttest.Replace(t, calling("validate"), "v0.21.8", "v0.9.0")
	log := team.one(team.push("main", workflowFile, workflow), "failure")
	team.has(log, "the workflow asks for dagger v0.9.0, and v0.21.8 is here")
}
