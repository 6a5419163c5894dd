package stages

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gitops/ci/lab/githubtest"
	"gitops/ci/progress"
	"gitops/ci/review"
	"gitops/ci/secret"
)

// configuration writes a root module and returns its folder.
func configuration(t *testing.T, text string) string {
	t.Helper()
	if _, err := exec.LookPath("terraform"); err != nil {
		t.Skip("needs terraform")
	}
	t.Setenv("TF_CLI_CONFIG_FILE", os.DevNull)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.tf"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// A variable that nobody marked as sensitive is a secret by its value: the comment has it
// in no form. A region is none, and stays readable.
func TestAVariableFromTheEnvironmentIsNowhere(t *testing.T) {
	dir := configuration(t, `
variable "api_token" { type = string }
variable "region"    { type = string }
variable "settings"  { type = object({ url = string, size = string }) }
resource "terraform_data" "x" {
  input = { url = "https://user:${var.api_token}@example.com", region = var.region, settings = var.settings, parts = split("_", var.api_token) }
}
output "region" { value = var.region }
`)
	t.Setenv("TF_VAR_api_token", "sk_live_51Habcdef0123456789")
	t.Setenv("TF_VAR_region", "eu-central-1")
	t.Setenv("TF_VAR_settings", `{ url = "postgres://shop:pa55word-of-db@db", size = "t3.micro" }`)
	redactor := secret.NewRedactor(secret.InEnvironment(os.Environ())...)
	page := filepath.Join(t.TempDir(), "page.html")
	r, err := Review(t.Context(), ReviewOptions{Terraform: TerraformOptions{Dir: dir}, HTML: page, Output: Output{Redactor: redactor}})
	if err != nil {
		t.Fatal(err)
	}
	shown, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{r.Text, string(shown)} {
		for _, hidden := range []string{"sk_live_51Habcdef0123456789", "pa55word-of-db"} {
			if strings.Contains(text, hidden) {
				t.Errorf("%s is in\n%s", hidden, text)
			}
		}
		for _, want := range []string{"eu-central-1", "t3.micro", secret.Redacted} {
			if !strings.Contains(text, want) {
				t.Errorf("%s is not in\n%s", want, text)
			}
		}
	}
}

// What fails is named, with its place.
func TestFailuresAreNamed(t *testing.T) {
	for name, test := range map[string]struct{ text, step, place string }{
		"init": {"terraform {\n  required_version = \"0.1.0\"\n}\n", "init", "`Unsupported Terraform Core version` at `main.tf:2`"},
		"plan": {"resource \"terraform_data\" \"x\" {\n  input = var.missing\n}\n", "plan", "`Reference to undeclared input variable` at `main.tf:2`"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := configuration(t, test.text)
			folder := filepath.Join(t.TempDir(), "plan")
			terraform := TerraformOptions{Dir: dir}
			if _, err := Plan(t.Context(), PlanOptions{Terraform: terraform, Dir: folder}); err == nil {
				t.Fatal("the plan succeeds")
			}
			for _, o := range []ReviewOptions{{Terraform: terraform}, {Terraform: terraform, PlanDir: folder}} {
				r, err := Review(t.Context(), o)
				if err == nil || r.Headline != test.step+" failed" || !strings.Contains(r.Text, "`terraform "+test.step+"` failed") || !strings.Contains(r.Text, test.place) {
					t.Errorf("%q, %v in\n%s", r.Headline, err, r.Text)
				}
			}
		})
	}
}

// A comment that replaces another says what is different since.
func TestTheCommentSaysWhatIsNewSince(t *testing.T) {
	dir := configuration(t, `resource "terraform_data" "one" { input = "1" }`)
	double := githubtest.New(githubtest.Options{Repo: "owner/shop"})
	server := httptest.NewServer(double)
	t.Cleanup(server.Close)
	commit := strings.Repeat("1", 40)
	o := ReviewOptions{
		Terraform: TerraformOptions{Dir: dir}, Commit: commit, PullRequest: double.OpenPull(0, "change", "change", "infra_main", commit),
		GitHub: GitHubOptions{Repo: "owner/shop", APIURL: server.URL, Token: secret.New("ghs_token-of-the-job")},
	}
	next := func(text, want string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "main.tf"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		r, err := Review(t.Context(), o)
		if want == "" && strings.Contains(r.Text, "Since you last looked") || !strings.Contains(r.Text, want) {
			t.Errorf("%v, want %q in\n%s", err, want, r.Text)
		}
	}
	next(`resource "terraform_data" "one" { input = "1" }`, "")
	next(`resource "terraform_data" "two" { input = "1" }`, "**Since you last looked**: 1 new, 1 gone, 1 other input\n\n- new: **add** `terraform_data.two`\n- gone: **add** `terraform_data.one`\n- input `configuration main.tf`\n")
	next(`resource "terraform_data" "two" {`, "failed")
	next(`resource "terraform_data" "two" { input = "1" }`, "**Since you last looked**: there was no plan then")
	if comments := double.State().Comments; len(comments) != 1 {
		t.Errorf("there are %d comments", len(comments))
	}
}

// What an apply runs besides its changes stands in the comment, as does what would make
// another plan of it each time.
func TestTheCommentSaysWhatElseRuns(t *testing.T) {
	dir := configuration(t, `
resource "terraform_data" "x" {
  input = plantimestamp()
  provisioner "local-exec" { command = "echo EVIL-command > effect.txt" }
}
`)
	file := filepath.Join(dir, "more.tfvars")
	if err := os.WriteFile(file, []byte("missing = 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := Review(t.Context(), ReviewOptions{Terraform: TerraformOptions{Dir: dir, VarFiles: []string{file}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"**Terraform warns**\n\n- `main.tf:3: plantimestamp() gives another value each time: ", "- `Value for undeclared variable`", "**What this plan also runs**", "| `local-exec` | `terraform_data.x` | `", "EVIL-command"} {
		if !strings.Contains(r.Text, want) {
			t.Errorf("no %q in\n%s", want, r.Text)
		}
	}
}

// A policy that the plan breaks fails the stage after the comment says so.
func TestABrokenPolicyIsRefused(t *testing.T) {
	plan := "../review/testdata/plans/shop.json"
	out := filepath.Join(t.TempDir(), "review.md")
	o := ReviewOptions{Plan: plan, Cost: "../cost/testdata/shop.json", Out: out, Policy: review.Policy{NoDestroy: []string{"aws_db_instance"}}}
	r, err := Review(t.Context(), o)
	if progress.ExitCode(err) != progress.ExitRefused || len(r.Violations) != 1 {
		t.Errorf("%v and %v, want a refusal", r.Violations, err)
	}
	body, err := os.ReadFile(out)
	if err != nil || !strings.Contains(string(body), "### Policy: 1 violation · 1 to add") || !strings.Contains(string(body), "**The policy forbids this plan**") {
		t.Errorf("%v in\n%s", err, body)
	}
	o.Facts.Labels = []string{"allow-destroy"}
	if r, err := Review(t.Context(), o); err != nil || len(r.Violations) != 0 {
		t.Errorf("with the label: %v, %v", r.Violations, err)
	}
	o.Policy.MaxCost = "lots"
	if _, err := Review(t.Context(), o); progress.ExitCode(err) != progress.ExitInvalid {
		t.Errorf("%v, want exit 2", err)
	}
}

// A quota makes Infracost answer zeros: that is no estimate.
func TestAQuotaIsNoCost(t *testing.T) {
	o := ReviewOptions{Plan: "../review/testdata/plans/shop.json", Cost: "../cost/testdata/quota.json"}
	r, err := Review(t.Context(), o)
	if err != nil || r.CostUnavailable != "Infracost free monthly run limit exceeded." || strings.Contains(r.Text, "$0.00") {
		t.Errorf("%v, %q in\n%s", err, r.CostUnavailable, r.Text)
	}
	o.RequireCost = true
	if _, err := Review(t.Context(), o); err == nil || !strings.Contains(err.Error(), "--require-cost") {
		t.Errorf("required: %v", err)
	}
}

// A plan from a file is masked as one that was just made.
func TestAPlanFromAFileIsMasked(t *testing.T) {
	r, err := Review(t.Context(), ReviewOptions{Plan: "../review/testdata/plans/values.json"})
	if err != nil {
		t.Fatal(err)
	}
	for _, hidden := range []string{"first-password", "second-password", "the-same-password"} {
		if strings.Contains(r.Text, hidden) {
			t.Errorf("%s is in\n%s", hidden, r.Text)
		}
	}
	for _, want := range []string{"! input.old: (sensitive, changed)", "! input.shown: (sensitive from now on, unchanged)"} {
		if !strings.Contains(r.Text, want) {
			t.Errorf("no %q in\n%s", want, r.Text)
		}
	}
	if _, err := Review(t.Context(), ReviewOptions{Plan: "../review/testdata/cases/state-json-as-plan.json"}); progress.ExitCode(err) != progress.ExitInvalid {
		t.Errorf("a state gives %v", err)
	}
}
