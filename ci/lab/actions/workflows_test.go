package actions

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"gitops/ci/secret"
)

// running is a workflow whose one job runs a script; head is what stands before jobs,
// and job what the job has beside its steps.
func running(name, head, job, script string) string {
	return fmt.Sprintf("name: %s\n%s\njobs:\n  work:\n    runs-on: ubuntu-24.04\n%s    steps:\n      - run: |\n%s",
		name, head, indent(job, 4), indent(script, 10))
}

func indent(text string, by int) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(strings.Repeat(" ", by) + strings.TrimSuffix(line, "\n") + "\n")
	}
	return b.String()
}

const onPush = "on: {push: {branches: [main]}}"

func TestStepsFindGitHubsEnvironment(t *testing.T) {
	team := newTeam(t)
	const script = `
echo "env $GITHUB_SHA $GITHUB_REF $GITHUB_REF_NAME $GITHUB_REF_TYPE $GITHUB_ACTOR $GITHUB_EVENT_NAME"
echo "server $GITHUB_SERVER_URL $GITHUB_API_URL $GITHUB_REPOSITORY $GITHUB_RUN_ID $GITHUB_RUN_ATTEMPT $GITHUB_WORKFLOW_REF"
echo "context ${{ github.sha }} ${{ github.ref }} ${{ github.server_url }} ${{ github.api_url }} ${{ github.run_id }} ${{ github.actor }} ${{ github.workflow }}"
echo "mine $MINE, theirs ${GITOPS_THEIRS:-none}, id ${ACTIONS_ID_TOKEN_REQUEST_URL:-none}"
`
	t.Setenv("GITOPS_THEIRS", "of the rehearsal's own process")
	team.options.Env["MINE"] = "given"
	log := team.one(team.push("main", workflowFile, running("Show", onPush, "", script)), "success")
	sha := team.git("rev-parse", "HEAD")
	team.has(log, "env "+sha+" refs/heads/main main branch ada push",
		"server https://github.local:8080 https://github.local:8080/api/v3 example/loop 1 1 example/loop/.github/workflows/deploy.yml@refs/heads/main",
		"context "+sha+" refs/heads/main https://github.local:8080 https://github.local:8080/api/v3 1 ada Show",
		"mine given, theirs none, id none")
}

func TestFilesOfACheckoutDoNotSteerAct(t *testing.T) {
	team := newTeam(t)
	log := team.one(team.push("main", workflowFile, running("Show", onPush, "", "echo \"found ${PLANTED:-nothing}, ${{ secrets.PLANTED }}\""),
		".env", "PLANTED=env\n", ".secrets", "PLANTED=secret\n", ".actrc", "--env PLANTED=actrc\n"), "success")
	team.has(log, "found nothing, \n")
}

func TestJobsGetTheirEnvironmentsSecretsAlone(t *testing.T) {
	team := newTeam(t)
	team.options.Environments = map[string]Environment{
		"":           {Secrets: map[string]secret.Value{"BOTH": secret.New("repository")}, Variables: map[string]string{"PLACE": "everywhere"}},
		"production": {Secrets: map[string]secret.Value{"BOTH": secret.New("of production"), "APPLY": secret.New("key")}, Variables: map[string]string{"PLACE": "there"}, Branches: []string{"main", "release-*"}},
		"plan":       {Secrets: map[string]secret.Value{"PLAN": secret.New("key")}},
	}
	const steps = `    runs-on: ubuntu-24.04
    steps:
      - env: {BOTH: "${{ secrets.BOTH }}", APPLY: "${{ secrets.APPLY }}", PLAN: "${{ secrets.PLAN }}"}
        run: echo "${#BOTH} ${#APPLY} ${#PLAN} ${{ vars.PLACE }} of $GITHUB_JOB"
`
	const workflow = "name: Secrets\non: {push: {}}\njobs:\n  alone:\n" + steps +
		"  planned:\n    environment: plan\n" + steps +
		"  applied:\n    environment: {name: Production}\n" + steps +
		"  later:\n    needs: applied\n" + steps +
		"  never:\n    environment: production\n    if: github.event_name == 'schedule'\n" + steps
	for _, test := range []struct {
		branch string
		want   []string
	}{ // the first one before there is a default branch
		{"other", []string{"success 10 0 0", "success 10 0 3", `failure Branch "other" is not allowed to deploy to Production due to environment protection rules.`, "skipped", "skipped"}},
		{"main", []string{"success 10 0 0 everywhere of alone", "success 10 0 3 everywhere of planned", "success 13 3 0 there of applied", "success 10 0 0 everywhere of later", "skipped"}},
		{"release-1", []string{"success 10 0 0", "success 10 0 3", "success 13 3 0", "success 10 0 0", "skipped"}},
	} {
		branch, want := test.branch, test.want
		runs := team.push(branch, workflowFile, workflow)
		if len(runs) != 1 || len(runs[0].Jobs) != len(want) {
			t.Fatalf("%s: %+v", branch, runs)
		}
		for i, job := range runs[0].Jobs {
			conclusion, said, _ := strings.Cut(want[i], " ")
			if job.Conclusion != conclusion || !strings.Contains(job.Log, said) {
				t.Errorf("%s: job %s is %s, want %s:\n%s", branch, job.Name, job.Conclusion, want[i], job.Log)
			}
		}
	}
}

const planning = `
if: github.event.pull_request.head.repo.full_name == github.repository
environment: plan
permissions: {contents: read, id-token: write}
`

// A pull request brings its workflow along.
func TestAPullRequestGetsNothingOfProduction(t *testing.T) {
	team := newTeam(t)
	team.options.Environments = map[string]Environment{
		"":           {Secrets: map[string]secret.Value{"EVERYWHERE": secret.New("in the repository")}},
		"production": {Secrets: map[string]secret.Value{"APPLY": secret.New("very secret")}, Branches: []string{"main", "*", "**"}},
		"plan":       {Secrets: map[string]secret.Value{"PLAN": secret.New("read only")}},
	}
	const script = `echo "apply '${{ secrets.APPLY }}' $(printf %s '${{ secrets.PLAN }}' | wc -c) $(printf %s '${{ secrets.EVERYWHERE }}' | wc -c) ${{ github.event.number }} $GITHUB_REF $GITHUB_BASE_REF $GITHUB_HEAD_REF"
echo "id ${ACTIONS_ID_TOKEN_REQUEST_TOKEN:+given}"
echo "$GITHUB_SHA"`
	const onPull = "on: {pull_request: {branches: [main]}}"
	team.commit("Start", workflowFile, running("Plan", onPull, planning, script))
	team.git("push", "--quiet", "origin", "main")
	a := team.start()
	log := team.one(team.propose(a, "", "a.txt", "a"), "success")
	merge := team.git("ls-remote", "origin", "refs/pull/1/merge")[:40]
	team.has(log, "apply '' 9 17 1 refs/pull/1/merge main feature", "id given", merge)

	hostile := running("Plan", onPull, "environment: PRODUCTION\npermissions: write-all", script)
	log = team.one(team.propose(a, "", workflowFile, hostile), "failure")
	want := "Branch \"refs/pull/2/merge\" is not allowed to deploy to PRODUCTION due to environment protection rules.\n" +
		"The deployment was rejected or didn't satisfy other protection rules.\n"
	if log != want {
		t.Errorf("it says\n%s", log)
	}
	log = team.one(team.propose(a, "mallory/loop", workflowFile, running("Plan", onPull, "environment: plan\npermissions: write-all", script)), "success")
	team.has(log, "apply '' 0 0 3", "id \n")
	if runs := team.propose(a, "mallory/loop", "a.txt", "b"); len(runs) != 1 || runs[0].Conclusion != "skipped" {
		t.Errorf("a fork's plan: %+v", runs)
	}
}

func TestTheTokenHasThePermissionsOfItsJob(t *testing.T) {
	const persisted = "git -c user.name=r -c user.email=r@example.com commit --quiet --allow-empty --message=robot\ngit push --quiet origin HEAD:refs/heads/robots"
	tests := []struct{ name, permissions, script, persist, conclusion, said string }{
		{"default", "", persisted, "true", "failure", "Permission to example/loop.git denied to github-actions[bot]."},
		{"none", "permissions: {}", "true", "true", "failure", "not found"},
		{"write", "permissions: {contents: write}", persisted, "true", "success", ""},
		{"write, not persisted", "permissions: {contents: write}", persisted, "false", "failure", "could not read Username"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			team := newTeam(t)
			workflow := "name: Push\n" + onPush + "\njobs:\n  work:\n    runs-on: ubuntu-24.04\n" + indent(test.permissions, 4) +
				"    steps:\n      - uses: " + checkout + "\n        with: {persist-credentials: " + test.persist + "}\n      - run: |\n" + indent(test.script, 10)
			log := team.one(team.push("main", workflowFile, workflow), test.conclusion)
			team.has(log, test.said)
			if pushed := team.git("ls-remote", "origin", "refs/heads/robots") != ""; pushed != (test.conclusion == "success") {
				t.Errorf("pushed: %v", pushed)
			}
		})
	}
}

// The review's shape: the plan runs the pull request's code, and what comments runs
// the default branch's.
func TestWorkflowRunIsOfTheDefaultBranch(t *testing.T) {
	team := newTeam(t)
	plan := "name: Plan\non: {pull_request: {branches: [main]}}\njobs:\n  plan:\n    runs-on: ubuntu-24.04\n    steps:\n" +
		"      - uses: " + checkout + "\n      - run: test \"$(git rev-parse HEAD)\" = \"$GITHUB_SHA\" && test -z \"$(git branch --show-current)\"\n" +
		"      - run: mkdir -p plan/.hidden && echo planned >plan/review.md && echo x >plan/.hidden/x\n" +
		"      - uses: " + upload + "\n        with: {name: plan, path: plan}\n      - run: exit ${{ vars.EXIT }}\n"
	review := func(permissions, says string) string {
		return "name: Review\non: {workflow_run: {workflows: [Plan], types: [completed]}}\npermissions: {" + permissions + "}\njobs:\n  review:\n    runs-on: ubuntu-24.04\n" +
			"    if: github.event.workflow_run.event == 'pull_request' && github.event.workflow_run.head_repository.full_name == github.repository\n    steps:\n" +
			"      - uses: " + checkout + "\n" +
			"      - uses: " + download + "\n        with: {name: plan, path: there, run-id: \"${{ github.event.workflow_run.id }}\", github-token: \"${{ github.token }}\"}\n" +
			"      - run: |\n" + indent(`echo "`+says+` $(cat there/review.md) $(ls -A there | wc -l) ${{ github.event.workflow_run.conclusion }} ${{ github.event.workflow_run.pull_requests[0].number }} ${{ github.event.workflow_run.head_sha }}"
echo "at $GITHUB_REF $GITHUB_SHA"
curl --silent --cacert "$GIT_SSL_CAINFO" --connect-to "$LAB_CONNECT_TO" --header "Authorization: Bearer ${{ github.token }}" --data '{"body": "reviewed"}' "$GITHUB_API_URL/repos/$GITHUB_REPOSITORY/issues/${{ github.event.workflow_run.pull_requests[0].number }}/comments"`, 10)
	}
	const rights = "actions: read, contents: read, pull-requests: write"
	reviewFile := workflowFolder + "review.yml"
	for exit, conclusion := range map[string]string{"0": "success", "1": "failure"} {
		team.options.Environments[""] = Environment{Variables: map[string]string{"EXIT": exit}}
		main := team.commit("Start", workflowFolder+"plan.yml", plan, reviewFile, review(rights, "trusted"))
		team.git("push", "--quiet", "origin", "main")
		runs := team.propose(team.start(), "", reviewFile, review(rights, "hostile"))
		if len(runs) != 2 || runs[0].Conclusion != conclusion || runs[1].Conclusion != "success" || runs[1].HeadSHA != main {
			t.Fatalf("%+v", runs)
		}
		log := runs[1].Jobs[0].Log
		team.has(log, fmt.Sprintf("trusted planned 1 %s %d %s", conclusion, team.pull, runs[0].HeadSHA), "at refs/heads/main "+main, `"body": "reviewed"`)
	}
	for missing, said := range map[string]string{"actions": "403", "pull-requests": "Resource not accessible by integration"} {
		few := slices.DeleteFunc(strings.Split(rights, ", "), func(right string) bool { return strings.HasPrefix(right, missing) })
		team.commit("Take "+missing, reviewFile, review(strings.Join(few, ", "), "trusted"))
		team.git("push", "--quiet", "origin", "main")
		runs := team.propose(team.start(), "", "a.txt", missing)
		if len(runs) != 2 {
			t.Fatalf("%+v", runs)
		}
		team.has(runs[1].Jobs[0].Log, said)
	}
	if comments := team.double.State().Comments; len(comments) != 2 {
		t.Errorf("there are %d comments, want those of the two that may write", len(comments))
	}
}
