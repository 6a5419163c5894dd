package actions

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rhysd/actionlint"
)

func TestPatterns(t *testing.T) {
	tests := []struct {
		patterns, name string
		matches        bool
	}{
		{"main", "main", true},
		{"main", "mainly", false},
		{"feature/*", "feature/a", true},
		{"feature/*", "feature/a/b", false},
		{"feature/**", "feature/a/b", true},
		{"**", "a/b", true},
		{"*", "a/b", false},
		{"*.jsx?", "page.js", true},
		{"*.jsx?", "page.jsx", true},
		{"*.jsx?", "page.jsxx", false},
		{"v[12].[0-9]+", "v2.10", true},
		{"v[12].[0-9]+", "v3.1", false},
		{"**/docs/**", "docs/a.md", true},
		{"**/docs/**", "a/docs/b/c.md", true},
		{"docs/**", "a/docs/b.md", false},
		{"**.js", "src/js/app.js", true},
		{`a\*b`, "a*b", true},
		{`a\*b`, "axb", false},
		{"a.b", "axb", false},
		{"release/** !release/**-alpha", "release/1", true},
		{"release/** !release/**-alpha", "release/1-alpha", false},
		{"!a a", "a", true},
	}
	for _, test := range tests {
		given := &actionlint.WebhookEventFilter{Name: &actionlint.String{Value: "branches"}}
		for _, pattern := range strings.Fields(test.patterns) {
			given.Values = append(given.Values, &actionlint.String{Value: pattern})
		}
		compiled, err := newFilter(given)
		if err != nil || compiled.matches(test.name) != test.matches {
			t.Errorf("%s matches %s: %v, %v", test.patterns, test.name, !test.matches, err)
		}
	}
	if _, err := admits(&actionlint.WebhookEventFilter{Name: &actionlint.String{Value: "paths"}, Values: []*actionlint.String{{Value: "[a"}}}, nil, "a"); err == nil {
		t.Error("an open bracket is no pattern")
	}
}

func TestWhatStarts(t *testing.T) {
	push := func(branch string, changed ...string) *occurrence {
		return &occurrence{Event: Event{Name: "push", Branch: branch}, changed: changed}
	}
	pull := func(before string, changed ...string) *occurrence {
		return &occurrence{Event: Event{Name: "pull_request", Before: before, PullRequest: &PullRequest{Head: "f", Base: "main"}}, changed: changed}
	}
	after := func(workflow, branch string) *occurrence {
		return &occurrence{Event: Event{Name: "workflow_run", WorkflowRun: &Run{Workflow: workflow, HeadBranch: branch}}}
	}
	skipped := push("main")
	skipped.skip = true
	tests := []struct {
		on     string
		o      *occurrence
		starts bool
	}{
		{"push", push("any"), true},
		{"[push, pull_request]", pull(""), true},
		{"push", pull(""), false},
		{"push", skipped, false},
		{"{push: {branches: [main]}}", push("main"), true},
		{"{push: {branches: [main]}}", push("other"), false},
		{"{push: {branches-ignore: [main]}}", push("other"), true},
		{"{push: {branches-ignore: [main]}}", push("main"), false},
		{"{push: {tags: ['v*']}}", push("v1"), false},
		{"{push: {tags: ['v*'], branches: [main]}}", push("main"), true},
		{"{push: {paths: [app/**]}}", push("main", "a", "app/b"), true},
		{"{push: {paths: [app/**]}}", push("main", "a"), false},
		{"{push: {paths-ignore: [app/m.yml]}}", push("main", "app/m.yml"), false},
		{"{push: {paths-ignore: [app/m.yml]}}", push("main", "app/m.yml", "a"), true},
		{"{push: {branches: [main], paths: [a]}}", push("other", "a"), false},
		{"{pull_request: {branches: [main]}}", pull(""), true},
		{"{pull_request: {branches: [f]}}", pull(""), false},
		{"{pull_request: {types: [opened]}}", pull(""), true},
		{"{pull_request: {types: [opened]}}", pull("sha"), false},
		{"{pull_request: {types: [closed]}}", pull(""), false},
		{"{pull_request: {paths: [a]}}", pull("", "b"), false},
		{"{workflow_run: {workflows: [Plan]}}", after("Plan", "f"), true},
		{"{workflow_run: {workflows: [Plan], types: [requested]}}", after("Plan", "f"), false},
		{"{workflow_run: {workflows: [Plan]}}", after("Other", "f"), false},
		{"{workflow_run: {workflows: [Plan], branches: [main]}}", after("Plan", "f"), false},
		{"{schedule: [{cron: '1 1 * * *'}]}", &occurrence{Event: Event{Name: "schedule"}}, true},
		{"workflow_dispatch", &occurrence{Event: Event{Name: "workflow_dispatch"}}, true},
		{"{schedule: [{cron: '1 1 * * *'}]}", push("main"), false},
	}
	for _, test := range tests {
		w := newWorkflow("a.yml", []byte("on: "+test.on+"\njobs: {a: {runs-on: x, steps: [{run: x}]}}\n"))
		starts, err := w.starts(test.o)
		if err != nil || w.invalid != "" || starts != test.starts {
			t.Errorf("on %s, %s %s %q: starts %v, %v, %s", test.on, test.o.Name, test.o.Branch, test.o.changed, starts, err, w.invalid)
		}
	}
}

func TestInvalidWorkflows(t *testing.T) {
	const jobs = "\njobs: {a: {runs-on: x, steps: [{run: x}]}}\n"
	for text, want := range map[string]string{
		"on: push\nconcurrency: deploy-${{ github.ref }}-${{ inputs.a || 'b' }}" + jobs:                                    "",
		"on: push\nconcurrency: deploy-${{ github.ref" + jobs:                                                              "is no expression",
		"on: push\nconcurrency: {group: '${{ github.ref == }}'}" + jobs:                                                    "is no expression",
		"on: push\nconcurrency: ${{ secrets.A }}" + jobs:                                                                   "has secrets, which is unknown there: there are github, inputs, vars",
		"on: push\njobs: {a: {runs-on: x, concurrency: 'x${{ env.A }}', steps: [{run: x}]}}\n":                             "has env, which is unknown there",
		"on: push\njobs: {a: {runs-on: x, needs: b, steps: [{run: x}]}, b: {runs-on: x, needs: [a], steps: [{run: x}]}}\n": "form a circle",
		"on: push\njob: {}\n": "job",
		"on: [push":           "could not parse",
	} {
		w := newWorkflow("a.yml", []byte(text))
		if (want == "") != (w.invalid == "") || !strings.Contains(w.invalid, want) {
			t.Errorf("%s\nis invalid by %q, want %q", text, w.invalid, want)
		}
		if starts, err := w.starts(&occurrence{Event: Event{Name: "push"}}); !starts || err != nil {
			t.Errorf("%s\nstarts nothing that could say so: %v", text, err)
		}
	}
}

// The project's own files start at what the table of branches says.
func TestTheProjectsWorkflows(t *testing.T) {
	const folder = "../../../" + workflowFolder
	files, err := os.ReadDir(folder)
	if err != nil || len(files) < 6 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	push := func(branch, changed string) *occurrence {
		return &occurrence{Event: Event{Name: "push", Branch: branch}, changed: []string{changed}}
	}
	for want, o := range map[string]*occurrence{
		"ci.yml":                 push("main", "x"),
		"terraform-validate.yml": push("infra_features", "x"),
		"terraform-apply.yml":    push("infra_main", "x"),
		"ci-application.yml":     push("integration", "app/x"),
		"":                       push("integration", "app/docker-compose.yml"),
		"cd-application.yml":     push("deployment", "app/docker-compose.yml"),
		"drift.yml":              {Event: Event{Name: "schedule"}},
		"terraform-plan.yml terraform-validate.yml": {Event: Event{Name: "pull_request", PullRequest: &PullRequest{Base: "infra_main"}}},
		"terraform-review.yml":                      {Event: Event{Name: "workflow_run", WorkflowRun: &Run{Workflow: "Terraform plan"}}},
	} {
		var started []string
		for _, file := range files {
			text, err := os.ReadFile(filepath.Join(folder, file.Name()))
			if err != nil {
				t.Fatal(err)
			}
			w := newWorkflow(file.Name(), text)
			if starts, err := w.starts(o); err != nil || w.invalid != "" {
				t.Errorf("%s: %v, %s", file.Name(), err, w.invalid)
			} else if starts {
				started = append(started, file.Name())
			}
			for _, job := range w.Jobs {
				task := &task{workflow: w, job: job}
				if err := task.supported(); err != nil || task.withoutStandIn() != "" && !slices.Contains([]string{"ci.yml", "release.yml"}, file.Name()) {
					t.Errorf("%s: %v, no stand-in for %s", file.Name(), err, task.withoutStandIn())
				}
			}
		}
		if got := strings.Join(started, " "); got != want {
			t.Errorf("%s of %s starts %q, want %q", o.Name, o.Branch, got, want)
		}
	}
}
