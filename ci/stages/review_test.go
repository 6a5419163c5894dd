package stages

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"gitops/ci/lab/githubtest"
	"gitops/ci/progress"
	"gitops/ci/review"
	"gitops/ci/secret"
)

// unmarked is a configuration in which secrets have lost their marks: in a value, in
// an address and in an output.
const unmarked = `
variable "password" {
  type      = string
  sensitive = true
}

variable "ssh_host_private_key" {
  type = string
}

variable "generation" {
  type = number
}

variable "size" {
  type = number
}

resource "terraform_data" "marked" {
  input = [var.password, var.generation]
}

resource "terraform_data" "copied" {
  input = "${nonsensitive(var.password)} ${var.generation}"
}

resource "terraform_data" "passed" {
  input = "${var.ssh_host_private_key} in the Infracost room, ${var.generation}"
}

resource "terraform_data" "keyed" {
  for_each = toset([var.ssh_host_private_key])
  input    = var.generation
}

resource "terraform_data" "sized" {
  input = var.size
}

output "passed" {
  value = "${var.ssh_host_private_key} ${var.generation}"
}

output "static_ip" {
  value = "192.0.2.7"
}

output "ssh_user" {
  value = "ubuntu"
}

output "ssh_host_public_key" {
  value = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti"
}
`

// The secrets in unmarked: the plan marks the first, the stages are told the second.
const (
	markedSecret = "a-marked-secret-value"
	passedSecret = "a-secret-that-is-passed"
)

// noSecret fails if text holds a secret of unmarked.
func noSecret(t *testing.T, where, text string) {
	t.Helper()
	for _, hidden := range []string{markedSecret, passedSecret} {
		if strings.Contains(text, hidden) {
			t.Errorf("%s holds %s:\n%.2000s", where, hidden, text)
		}
	}
}

// TestRefusalNamesOnlyWhatDiffers reviews a plan with secrets without marks and lets
// Apply find another one. Masks must not make resources differ that are the same,
// also where Apply knows more secrets than Review did.
func TestRefusalNamesOnlyWhatDiffers(t *testing.T) {
	terraform := unmarkedTerraform(t)
	double := githubtest.New(githubtest.Options{Repo: "owner/shop"})
	server := httptest.NewServer(double)
	t.Cleanup(server.Close)
	apply := ApplyOptions{
		Terraform: terraform, Output: Output{Redactor: secret.NewRedactor(secret.New(passedSecret))},
		GitHub: GitHubOptions{Repo: "owner/shop", APIURL: server.URL, Token: secret.New("ghs_token-of-the-job")},
	}
	first := apply
	first.AcceptUnreviewed = true
	if _, err := Apply(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TF_VAR_generation", "2")
	apply.Commit = reviewAndMerge(t, double, apply)

	t.Setenv("TF_VAR_size", "2")
	wiser := apply
	wiser.Output.Redactor = secret.NewRedactor(secret.New(passedSecret), secret.New("Infracost room"))
	_, err := Apply(t.Context(), wiser)
	if progress.ExitCode(err) != progress.ExitRefused {
		t.Fatalf("error is %v, want a refusal", err)
	}
	const want = "other inputs: variable size has another content\nnow, but not reviewed: change terraform_data.sized"
	if difference := between(err.Error(), "5 to change\n", "\nSomething changed"); difference != want {
		t.Errorf("the difference is\n%s\nwant\n%s\nin\n%v", difference, want, err)
	}
	noSecret(t, "the refusal", err.Error())
	comments := double.State().Comments
	if len(comments) != 2 || !strings.Contains(comments[1].Body, "now, but not reviewed: change terraform_data.sized") {
		t.Fatalf("the pull request was told %+v", comments)
	}
	noSecret(t, "the refusal's comment", comments[1].Body)

	t.Setenv("TF_VAR_size", "1")
	if r, err := Apply(t.Context(), apply); err != nil || r.Headline != "4 to change" || r.Reviewed != "pull request 1" {
		t.Errorf("the reviewed plan is not applied: %+v, %v", r, err)
	}
}

// unmarkedTerraform writes the configuration unmarked and sets its variables.
func unmarkedTerraform(t *testing.T) TerraformOptions {
	t.Helper()
	if _, err := exec.LookPath("terraform"); err != nil {
		t.Skip("needs terraform")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.tf"), []byte(unmarked), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"TF_CLI_CONFIG_FILE": os.DevNull,
		"TF_VAR_password":    markedSecret, "TF_VAR_ssh_host_private_key": passedSecret, "TF_VAR_generation": "1", "TF_VAR_size": "1",
	} {
		t.Setenv(name, value)
	}
	return TerraformOptions{Dir: dir}
}

// reviewAndMerge reviews in both ways, with a plan folder and without, and merges the
// pull request. It returns the merged commit.
func reviewAndMerge(t *testing.T, double *githubtest.Server, o ApplyOptions) string {
	t.Helper()
	commit, merged := strings.Repeat("1", 40), strings.Repeat("2", 40)
	pull := double.OpenPull(0, "change", "change", "infra_main", commit)
	folder := filepath.Join(t.TempDir(), "plan")
	if _, err := Plan(t.Context(), PlanOptions{Terraform: o.Terraform, Dir: folder, Output: o.Output}); err != nil {
		t.Fatal(err)
	}
	noSecretIn(t, folder)
	direct, err := Review(t.Context(), ReviewOptions{Terraform: o.Terraform, Output: o.Output})
	if err != nil {
		t.Fatal(err)
	}
	// As in another container, where the secrets of the plan are not known.
	_, err = Review(t.Context(), ReviewOptions{
		Terraform: TerraformOptions{Dir: o.Terraform.Dir}, PlanDir: folder, GitHub: o.GitHub, PullRequest: pull, Commit: commit,
	})
	if err != nil {
		t.Fatal(err)
	}
	body := double.State().Comments[0].Body
	noSecret(t, "the review", body)
	record, found := review.ParseRecord(body)
	again, _ := review.ParseRecord(direct.Text)
	if !found || len(record.Effects) != 5 || !reflect.DeepEqual(record, again) {
		t.Errorf("the record is\n%v, and without a folder\n%v", record, again)
	}
	if !double.MergePull(pull, merged) {
		t.Fatal("the pull request cannot be merged")
	}
	return merged
}

// noSecretIn fails if a file of a plan folder that others read holds a secret.
func noSecretIn(t *testing.T, folder string) {
	t.Helper()
	for _, name := range []string{planJSON, planEffects, planText, planMeta} {
		content, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		noSecret(t, name, string(content))
	}
	if content, err := os.ReadFile(filepath.Join(folder, planJSON)); err != nil || !strings.Contains(string(content), secret.Redacted) {
		t.Errorf("nothing is masked in %s: %v", planJSON, err)
	}
}

// between returns the text after the first from and before the next to.
func between(text, from, to string) string {
	_, text, _ = strings.Cut(text, from)
	text, _, _ = strings.Cut(text, to)
	return text
}
