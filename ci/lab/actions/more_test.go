package actions

import (
	"strings"
	"testing"
)

func TestPushesAreComparedAsGitHubDoes(t *testing.T) {
	team := newTeam(t)
	first := team.commit("First", "a", "1", workflowFile, running("Docs", "on: {push: {paths: [docs/**]}}", "", "echo docs"))
	second := team.commit("Second", "docs/a", "1")
	third := team.commit("Third", "a", "2")
	team.git("push", "--quiet", "origin", first+":refs/heads/main")
	a := team.start()
	count := func(why string, want int, e Event) {
		t.Helper()
		e.Name = "push"
		if runs := team.happen(a, e); len(runs) != want {
			t.Errorf("%s: %+v", why, runs)
		}
	}
	count("the first branch has no docs", 0, Event{Branch: "main", Commit: first})
	team.git("push", "--quiet", "origin", third+":refs/heads/new")
	count("a new branch changes docs", 1, Event{Branch: "new", Commit: third})
	count("the last commit alone does not", 0, Event{Branch: "new", Commit: third, Before: second})
	count("both commits do", 1, Event{Branch: "new", Commit: third, Before: first})
	skipped := team.commit("Fourth [skip ci]", "docs/a", "2")
	team.git("push", "--quiet", "origin", skipped+":refs/heads/new")
	count("it says [skip ci]", 0, Event{Branch: "new", Commit: skipped, Before: third})
}

// The files of another branch than the default one count for pushes to it alone.
func TestScheduleIsOfTheDefaultBranch(t *testing.T) {
	team := newTeam(t)
	const head = "on: {schedule: [{cron: '1 1 * * *'}], workflow_dispatch: {}}"
	main := team.commit("Main", workflowFile, running("Drift", head, "", `echo "main $GITHUB_SHA $GITHUB_REF ${{ github.event_name }}"`))
	team.git("push", "--quiet", "origin", "main")
	other := team.commit("Other", workflowFile, running("Drift", head, "", `echo "other $GITHUB_SHA $GITHUB_REF ${{ github.event_name }}"`))
	team.git("push", "--quiet", "origin", "HEAD:refs/heads/other")
	a := team.start()
	team.has(team.one(team.happen(a, Event{Name: "schedule", Branch: "other"}), "success"), "main "+main+" refs/heads/main schedule")
	team.has(team.one(team.happen(a, Event{Name: "workflow_dispatch", Branch: "other"}), "success"), "other "+other+" refs/heads/other workflow_dispatch")
}

// Drift checks two branches out.
func TestCheckoutOfOtherRefs(t *testing.T) {
	team := newTeam(t)
	deployed := team.commit("Deployed", "manifest", "deployed")
	team.git("push", "--quiet", "origin", "HEAD:refs/heads/deployment")
	team.commit("Main", "manifest", "main")
	workflow := func(path string) string {
		return "name: Drift\n" + onPush + "\njobs:\n  work:\n    runs-on: ubuntu-24.04\n    steps:\n      - uses: " + checkout + "\n" +
			"      - uses: " + checkout + "\n        with: {ref: deployment, path: " + path + ", persist-credentials: false}\n" +
			"      - run: echo \"$(cat manifest) $(git branch --show-current) $(cat deployment/manifest) $(git -C deployment rev-parse HEAD)\"\n"
	}
	log := team.one(team.push("main", workflowFile, workflow("deployment")), "success")
	team.has(log, "main main deployed "+deployed)
	log = team.one(team.push("main", workflowFile, workflow("../out")), "failure")
	team.has(log, "is not under")
}

func TestWhatCannotRun(t *testing.T) {
	team := newTeam(t)
	log := team.one(team.push("main", workflowFile, "on: push\njobs: {a: {runs-on: x, steps: [{uses: actions/setup-go@v6}]}}\n"), "failure")
	team.has(log, "no stand-in for the action actions/setup-go@v6, which must be pinned by its commit")
	runs := team.push("main", workflowFile, "on: push\njobs: {a: {runs-on: x, needs: z, steps: [{run: x}]}}\n")
	if len(runs) != 1 || runs[0].Conclusion != "startup_failure" || !strings.HasPrefix(runs[0].Message, "Invalid workflow file: ") {
		t.Errorf("%+v", runs)
	}
	team.commit("Call", workflowFile, "on: push\njobs: {a: {uses: ./.github/workflows/b.yml}}\n")
	team.git("push", "--quiet", "origin", "main")
	if _, err := team.start().Happen(t.Context(), Event{Name: "push", Branch: "main"}); err == nil || !strings.Contains(err.Error(), "reusable workflows") {
		t.Errorf("a reusable workflow: %v", err)
	}
	if _, err := team.start().Happen(t.Context(), Event{Name: "release"}); err == nil || !strings.Contains(err.Error(), "no such event") {
		t.Errorf("an unknown event: %v", err)
	}
	if _, err := New(t.Context(), Options{Act: "act"}); err == nil {
		t.Error("Actions without a server")
	}
}

func TestNothingIsLeftOnTheMachine(t *testing.T) {
	team := newTeam(t)
	team.commit("Start", workflowFile, running("Show", onPush, "", "pwd"))
	team.git("push", "--quiet", "origin", "main")
	a := team.start()
	log := team.one(team.happen(a, Event{Name: "push", Branch: "main"}), "success")
	team.has(log, a.path("jobs"))
	if left := list(t, a.path("jobs")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}
