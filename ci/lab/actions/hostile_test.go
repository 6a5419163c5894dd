package actions

import (
	"encoding/base64"
	"regexp"
	"strings"
	"testing"

	"gitops/ci/secret"
)

// conclusions returns the jobs of runs as "workflow job conclusion".
func conclusions(runs []Run) []string {
	var all []string
	for _, run := range runs {
		for _, job := range run.Jobs {
			all = append(all, run.Workflow+" "+job.Name+" "+job.Conclusion)
		}
	}
	return all
}

// The module of a pull request runs in its plan job. It gets the host's private key
// and the role that reads; the code that comments is the base's.
func TestHostileModule(t *testing.T) {
	h := newHostile(t)
	runs := h.attack(".dagger/main.sh", thief, "terraform/main.tf", "data \"external\" \"thief\" { program = [\"env\"] }\n")
	h.want("jobs", conclusions(runs), []string{"Terraform plan plan success", "Terraform review review success", "Terraform validate validate skipped"})
	h.want("jobs with the attacker's code", list(t, h.loot), []string{"plan"})
	found := h.read("plan/environment") + h.read("plan/files")
	h.want("secrets", h.stolen(found), []string{"plan SSH_HOST_PRIVATE_KEY"})
	h.has(found, "AWS_SECRET_ACCESS_KEY=secret-of-gitops-plan", "ACTIONS_ID_TOKEN_REQUEST_TOKEN=")
	for _, none := range append([]string{"gitops-apply"}, revealedAll(h.tokens)...) {
		if strings.Contains(found, none) {
			t.Errorf("the module found %q", none)
		}
	}
	token := regexp.MustCompile(`"value":"([^"]*)"`).FindStringSubmatch(h.read("plan/id-token"))
	if token == nil || claimsOf(token[1])["sub"] != "repo:example/loop:environment:plan" || h.assume(applyRole, token[1]) || !h.assume(roleOf("plan"), token[1]) {
		t.Errorf("the ID token %q", token)
	}
	// On a runner of GitHub's the token is in the memory of another process.
	h.want("the token of the plan job may", h.may(h.tokens[0].Reveal()), []string{"fetch"})
	h.has(h.recorded(), "call review --plan plan --pull-request 7 --commit ", "forged")
}

// revealedAll returns the tokens as variables have them, and as git's configuration.
func revealedAll(tokens []secret.Value) []string {
	var all []string
	for _, token := range tokens {
		all = append(all, token.Reveal(), base64.StdEncoding.EncodeToString([]byte("x-access-token:"+token.Reveal())))
	}
	return all
}

// asking is a workflow that asks for every environment, and for none, with every right.
func asking() string {
	text := "name: Terraform plan\non: {pull_request: {branches: [infra_main]}}\npermissions: write-all\njobs:\n"
	for _, place := range []string{"drift", "plan", "production", "release", "repository"} {
		text += "  " + place + ":\n    runs-on: ubuntu-24.04\n"
		if place != "repository" {
			text += "    environment: " + place + "\n"
		}
		text += `    steps:
      - env: {ALL: "${{ toJSON(secrets) }}", TOKEN: "${{ github.token }}", ROLE: "${{ vars.AWS_ROLE }}"}
        run: |
          env >"$LOOT/$GITHUB_JOB"
          curl --silent --header "Authorization: Bearer $ACTIONS_ID_TOKEN_REQUEST_TOKEN" "$ACTIONS_ID_TOKEN_REQUEST_URL&audience=sts.amazonaws.com" >>"$LOOT/$GITHUB_JOB"
`
	}
	return text
}

// A pull request brings its workflow along, which can ask for a token that writes; no
// rule of an environment keeps it from that. Of the environments with rules it gets
// nothing.
func TestHostileWorkflow(t *testing.T) {
	h := newHostile(t)
	runs := h.attack(workflowFolder+"terraform-plan.yml", asking())
	h.want("jobs", conclusions(runs), []string{"Terraform plan drift failure", "Terraform plan plan success", "Terraform plan production failure",
		"Terraform plan release failure", "Terraform plan repository success", "Terraform review review failure", "Terraform validate validate skipped"})
	h.has(runs[0].Jobs[2].Log, `Branch "refs/pull/7/merge" is not allowed to deploy to production`)
	h.want("jobs with the attacker's steps", list(t, h.loot), []string{"plan", "repository"})
	h.want("secrets beside the environment plan", h.stolen(h.read("plan")), []string{"INFRACOST_API_KEY", "plan SSH_HOST_PRIVATE_KEY"})
	h.want("secrets without an environment", h.stolen(h.read("repository")), []string{"INFRACOST_API_KEY"})
	for job, subject := range map[string]string{"plan": "repo:example/loop:environment:plan", "repository": "repo:example/loop:pull_request"} {
		token := regexp.MustCompile(`"value":"([^"]*)"`).FindStringSubmatch(h.read(job))
		if token == nil || claimsOf(token[1])["sub"] != subject || h.assume(applyRole, token[1]) || h.assume(roleOf("plan"), token[1]) != (job == "plan") {
			t.Errorf("the ID token of %s: %q", job, token)
		}
	}
	token := regexp.MustCompile(`(?m)^TOKEN=(.*)$`).FindStringSubmatch(h.read("repository"))
	if token == nil {
		t.Fatal("no token")
	}
	// docs/aws.md says so: rules for branches have to stop the push, and people the rest.
	h.want("the token may", h.may(token[1]), []string{"comment", "fetch", "open issues", "push to infra_main", "read issues", "read pull requests"})
}

// What runs after a plan, and on pushes to other branches, is not the pull request's.
func TestWorkflowsOfAPullRequestThatDoNotRun(t *testing.T) {
	const steps = "\njobs:\n  thief:\n    runs-on: ubuntu-24.04\n    environment: production\n    permissions: write-all\n    steps: [{run: 'env >\"$LOOT/$GITHUB_JOB-$GITHUB_EVENT_NAME\"'}]\n"
	h := newHostile(t)
	runs := h.attack(
		workflowFolder+"terraform-review.yml", "name: Terraform review\non: {workflow_run: {workflows: [Terraform plan], types: [completed]}}"+steps,
		workflowFolder+"cd-application.yml", "name: CD application\non: {push: {branches: [deployment]}, pull_request: {branches: [infra_main]}}"+steps)
	h.want("jobs", conclusions(runs), []string{"CD application thief failure", "Terraform plan plan success", "Terraform review review success", "Terraform validate validate skipped"})
	h.want("jobs with the attacker's steps", list(t, h.loot), nil)
	h.has(h.recorded(), "call plan", "call review --plan plan --pull-request 7 --commit ", "honest")
	runs = h.happen(h.actions, Event{Name: "push", Branch: "deployment", Commit: h.base})
	h.want("jobs of a deploy", conclusions(runs), []string{"CD application deploy success"})
	h.want("jobs with the attacker's steps", list(t, h.loot), nil)
}

// Who may push to integration has what release has: the branch needs rules too.
func TestAPushToIntegrationReachesRelease(t *testing.T) {
	h := newHostile(t)
	head := h.commit("Harmless", ".dagger/main.sh", thief)
	h.git("push", "--quiet", "origin", "HEAD:refs/heads/integration")
	h.happen(h.actions, Event{Name: "push", Branch: "integration", Commit: head, Before: h.base})
	h.want("secrets", h.stolen(h.read("release/environment")+h.read("release/files")),
		[]string{"release COSIGN_PASSWORD", "release COSIGN_PRIVATE_KEY", "release DOCKERHUB_TOKEN"})
}
