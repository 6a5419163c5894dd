package review

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gitops/ci/progress"
)

// caseComment renders a plan of testdata/cases, as a laptop does.
func caseComment(t *testing.T, name string) (headline, body string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "cases", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	plan, err := ParsePlan(data)
	if err != nil {
		t.Fatal(err)
	}
	s := Summarize(plan)
	s.Errored = ParseState(data).Errored
	return Headline(s, nil), Render(Comment{Summary: s})
}

func TestCases(t *testing.T) {
	for name, test := range map[string]struct {
		headline string
		want     []string
	}{
		"action-invocation-only": {"1 action to run", []string{"**What this plan also runs**", "| action | `action.bufo_print.success` | asked for |"}},
		"create-then-forget": {"1 to make anew", []string{
			"> **1 resource is made anew: the old one stays, and Terraform no longer knows it**",
			"> - **make anew** `aws_db_instance.prod` · forced by `engine`: `\"postgres\"` → `\"mysql\"`"}},
		"drift-and-failing-check": {"No changes · 1 check fails · 1 changed outside of Terraform", []string{
			"> - `check.health` fails: `certificate expires in 2 days`", "Changed outside of Terraform (1)",
			"`aws_security_group.sg`\n\n```diff\n+ ingress[0].cidr: \"0.0.0.0/0\"\n```"}},
		"errored-plan": {"The plan failed half-way: 1 to add · only a part was planned", []string{
			"**Planning ended with an error.**", "**The plan is not complete**"}},
	} {
		headline, body := caseComment(t, name)
		if headline != test.headline {
			t.Errorf("%s: the headline is %q, want %q", name, headline, test.headline)
		}
		for _, want := range append(test.want, "### "+test.headline) {
			if !strings.Contains(body, want) {
				t.Errorf("%s: no %q in\n%s", name, want, body)
			}
		}
	}
}

// What is not a plan, or does not mark its secrets, is refused with what to give.
func TestWhatIsNoPlan(t *testing.T) {
	file := func(name string) string {
		data, err := os.ReadFile(filepath.Join("testdata", "cases", name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	wrapped := "[command]/opt/terraform-bin show -json tfplan\n" + string(recorded(t, "plans/create.json")) + "::debug::stdout\n"
	for name, test := range map[string]struct{ document, want string }{
		"state":           {file("state-json-as-plan"), "this is a state"},
		"Terraform 0.12":  {file("tf012-sensitive-output"), "plan with Terraform 0.15 or later"},
		"validate":        {`{"format_version":"1.0","valid":true,"error_count":0,"warning_count":0,"diagnostics":[]}`, "the output of terraform validate"},
		"provider schema": {`{"format_version":"1.0","provider_schemas":{}}`, "the output of terraform providers schema"},
		"state file":      {`{"version":4,"terraform_version":"1.11.4","serial":1,"lineage":"x","resources":[]}`, "a state file"},
		"wrapped":         {wrapped, "set terraform_wrapper: false"},
		"log":             {`{"@level":"info","@message":"Terraform 1.11.4"}` + "\n" + `{"@level":"info"}` + "\n", "the log of terraform plan -json"},
		"saved plan":      {"PK\x03\x04rest", "a saved plan"},
		"empty":           {" \n", "this is empty"},
		"version alone":   {`{"format_version":"1.2"}`, "this is no plan"},
		"no version":      {`{"resource_changes":[]}`, "format version is missing"},
		"text before":     {"Terraform used the selected providers", "invalid character"},
	} {
		_, err := ParsePlan([]byte(test.document))
		if progress.ExitCode(err) != progress.ExitInvalid || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want exit 2 and %q", name, err, test.want)
		}
		if err != nil && strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%s: the error holds a value: %v", name, err)
		}
	}
}
