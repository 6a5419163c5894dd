package stages

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gitops/ci/progress"
	"gitops/ci/review"
)

// desk is a folder with a configuration that is reviewed and applied by hand.
type desk struct {
	*testing.T
	o ApplyOptions
}

func newDesk(t *testing.T, configuration string) desk {
	t.Helper()
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	return desk{t, ApplyOptions{Terraform: plainTerraform(t, configuration)}}
}

func (d desk) path(name string) string { return filepath.Join(d.o.Terraform.Dir, name) }

func (d desk) put(name, content string) {
	d.Helper()
	if err := os.WriteFile(d.path(name), []byte(content), 0o644); err != nil {
		d.Fatal(err)
	}
}

// edit replaces text in main.tf.
func (d desk) edit(old, new string) {
	d.Helper()
	text, err := os.ReadFile(d.path("main.tf"))
	if err != nil || !strings.Contains(string(text), old) {
		d.Fatalf("no %q to replace: %v", old, err)
	}
	d.put("main.tf", strings.Replace(string(text), old, new, 1))
}

// review returns the file of a review, which has the record, and its fingerprint.
func (d desk) review() (file, fingerprint string) {
	d.Helper()
	file = filepath.Join(d.TempDir(), "review.md")
	r, err := Review(d.Context(), ReviewOptions{Terraform: d.o.Terraform, Out: file})
	if err != nil {
		d.Fatal(err)
	}
	return file, r.Fingerprint
}

func (d desk) apply(reviewed string) (ApplyResult, error) {
	o := d.o
	o.Reviewed = reviewed
	return Apply(d.Context(), o)
}

func (d desk) refused(reviewed string, want ...string) {
	d.Helper()
	_, err := d.apply(reviewed)
	if progress.ExitCode(err) != progress.ExitRefused {
		d.Fatalf("%v, want a refusal", err)
	}
	for _, part := range want {
		if !strings.Contains(err.Error(), part) {
			d.Errorf("no %q in\n%v", part, err)
		}
	}
}

const prov = `
terraform {
  backend "local" { path = "local.tfstate" }
}
resource "terraform_data" "x" {
  input = "same"
  provisioner "local-exec" { command = "echo fine > effect.txt" }
}
`

// What also runs is bound: another command is refused, also under the same effects, and
// is never run.
func TestAnotherProvisionerIsRefused(t *testing.T) {
	d := newDesk(t, prov)
	file, fingerprint := d.review()
	d.edit("echo fine", "echo EVIL")
	d.refused(file, "other inputs: configuration main.tf has another content", "other inputs: runs local-exec terraform_data.x has another content")
	d.refused(fingerprint, "other inputs: runs local-exec terraform_data.x has another content")
	if _, err := os.Stat(d.path("effect.txt")); err == nil {
		t.Error("the command was run")
	}
	d.edit("echo EVIL", "echo fine")
	if _, err := d.apply(fingerprint); err != nil {
		t.Fatal(err)
	}
	// The same for a provisioner of what is removed.
	d.put("main.tf", `
terraform {
  backend "local" { path = "local.tfstate" }
}
removed {
  from = terraform_data.x
  lifecycle { destroy = true }
  provisioner "local-exec" {
    when    = destroy
    command = "echo gone"
  }
}`)
	file, fingerprint = d.review()
	d.edit("echo gone", "touch evil")
	d.refused(file, "other inputs: runs local-exec terraform_data.x has another content")
	d.edit("touch evil", "echo gone")
	if r, err := d.apply(fingerprint); err != nil || r.Headline != "1 to destroy" {
		t.Errorf("%+v, %v", r, err)
	}
}

// A fingerprint alone tells which half differs, and where no record is known no more.
func TestRefusalWithoutARecord(t *testing.T) {
	d := newDesk(t, prov)
	_, fingerprint := d.review()
	t.Setenv("XDG_CACHE_HOME", t.TempDir()) // another machine
	d.edit("echo fine", "echo EVIL")
	d.refused(fingerprint, "The effects are the reviewed ones; an input is another", "run gitops plan on the reviewed commit")
	d.edit("echo EVIL", "echo fine")
	d.edit("same", "another")
	d.refused(fingerprint, "Both the effects and the inputs are other ones")
	_, err := d.apply("sha256:" + strings.Repeat("0", 64))
	if progress.ExitCode(err) != progress.ExitInvalid || !strings.Contains(err.Error(), "is not a fingerprint") {
		t.Errorf("an old fingerprint: %v", err)
	}
}

// Another backend before the first apply is another place for everything.
func TestAnotherBackendIsRefused(t *testing.T) {
	d := newDesk(t, prov)
	file, _ := d.review()
	d.o.Terraform.Backend = []string{"path=elsewhere.tfstate"}
	d.refused(file, "other inputs: backend path: reviewed local.tfstate, now elsewhere.tfstate")
}

func TestAnotherVariableIsRefused(t *testing.T) {
	d := newDesk(t, `
variable "unused" {
  type    = string
  default = "a"
}
resource "terraform_data" "x" { input = 1 }
output "o" { value = terraform_data.x.id }
`)
	if _, err := d.apply(d.file()); err != nil {
		t.Fatal(err)
	}
	d.edit("input = 1", "input = 2")
	file, _ := d.review()
	t.Setenv("TF_VAR_unused", "b")
	d.refused(file, "other inputs: variable unused has another content")
}

func (d desk) file() string {
	file, _ := d.review()
	return file
}

// The state has moved between review and apply: that is what the refusal says.
func TestMovedStateIsRefused(t *testing.T) {
	d := newDesk(t, `resource "terraform_data" "x" { input = 1 }`)
	if _, err := d.apply(d.file()); err != nil {
		t.Fatal(err)
	}
	d.edit("1", "3")
	file, _ := d.review()
	d.edit("3", "2")
	if _, err := d.apply(d.file()); err != nil {
		t.Fatal(err)
	}
	d.edit("2", "3")
	d.refused(file, "change terraform_data.x, with other values than reviewed of: input", "All inputs are the reviewed ones, so the state, or the cloud behind it, has changed since the review")
}

const half = `
terraform {
  backend "local" { path = "local.tfstate" }
}
resource "terraform_data" "one" { input = "1" }
resource "terraform_data" "two" {
  input = "2 ${terraform_data.one.id}"
  provisioner "local-exec" { command = "test -e gate" }
}
resource "terraform_data" "three" {
  input = ["3", terraform_data.two.id]
}
output "three" { value = terraform_data.three.input }
`

// An apply that failed half-way is gone on with, by the fingerprint or by the file: what
// was unknown is known by then, and what was half made is made anew.
func TestHalfFailedApplyIsGoneOnWith(t *testing.T) {
	for _, by := range []string{"file", "fingerprint"} {
		t.Run(by, func(t *testing.T) {
			d := newDesk(t, half)
			file, fingerprint := d.review()
			reviewed := map[string]string{"file": file, "fingerprint": fingerprint}[by]
			r, err := d.apply(reviewed)
			if progress.ExitCode(err) != progress.ExitFailed || r.Done != 1 || r.Of != 3 {
				t.Fatalf("%+v, %v", r, err)
			}
			d.put("gate", "")
			// Beyond what was reviewed, whichever it is.
			d.edit(`["3", `, `["4", `)
			d.refused(reviewed, "other inputs: configuration main.tf has another content")
			d.edit(`["4", `, `["3", `)
			d.put("more.tf", `resource "terraform_data" "four" { input = "4" }`)
			d.refused(reviewed, "other inputs: configuration more.tf is new", "now, but not reviewed: add terraform_data.four")
			if err := os.Remove(d.path("more.tf")); err != nil {
				t.Fatal(err)
			}
			if r, err := d.apply(reviewed); err != nil || r.Done != 2 || r.Of != 2 || !strings.Contains(string(r.Outputs), `"three"`) {
				t.Errorf("the rerun: %+v, %v", r, err)
			}
			if r, err := d.apply(reviewed); err != nil || r.Headline != "No changes" {
				t.Errorf("after it: %+v, %v", r, err)
			}
		})
	}
}

// Any root module can be applied, with variables that nobody keeps.
func TestApplyWithoutHostAndWithEphemeralVariables(t *testing.T) {
	d := newDesk(t, `
variable "token" {
  type      = string
  ephemeral = true
}
variable "size" { type = number }
resource "terraform_data" "x" {
  input = var.size
  provisioner "local-exec" {
    command     = "echo $T > token.txt"
    environment = { T = var.token }
  }
}
output "plain" { value = var.size }
`)
	values := filepath.Join(t.TempDir(), "v.tfvars")
	if err := os.WriteFile(values, []byte("token = \"of-the-file\"\nsize = 3\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	d.o.Terraform.VarFiles = []string{values}
	d.o.Out = filepath.Join(t.TempDir(), "outputs.json")
	file, _ := d.review()
	if r, err := d.apply(file); err != nil || r.Done != 1 || r.Of != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	token, _ := os.ReadFile(d.path("token.txt"))
	outputs, err := os.ReadFile(d.o.Out)
	if string(token) != "of-the-file\n" || !strings.Contains(string(outputs), `"plain"`) {
		t.Errorf("the token is %q, the outputs %s, %v", token, outputs, err)
	}
	if _, err := Outputs(t.Context(), OutputsOptions{Terraform: d.o.Terraform}); err != nil {
		t.Errorf("reading outputs without a host: %v", err)
	}
}

// A folder with one plan's fingerprint and another's content is not shown.
func TestALyingPlanFolderIsRefused(t *testing.T) {
	d := newDesk(t, prov)
	folders := map[string]string{}
	for name, command := range map[string]string{"harmless": "echo fine", "evil": "echo EVIL"} {
		folders[name] = filepath.Join(t.TempDir(), "plan")
		d.put("main.tf", strings.Replace(prov, "echo fine", command, 1))
		if name == "evil" {
			d.edit(`"same"`, `"evil"`)
		}
		if _, err := Plan(t.Context(), PlanOptions{Terraform: d.o.Terraform, Dir: folders[name]}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Review(t.Context(), ReviewOptions{PlanDir: folders["evil"]}); err != nil {
		t.Fatalf("an honest folder: %v", err)
	}
	for _, lie := range [][]string{{planJSON}, {planJSON, planText}, {planEffects}, {planMeta}, {planJSON, planText, planEffects}} {
		dir := filepath.Join(t.TempDir(), "plan")
		if err := os.CopyFS(dir, os.DirFS(folders["evil"])); err != nil {
			t.Fatal(err)
		}
		for _, name := range lie {
			data, err := os.ReadFile(filepath.Join(folders["harmless"], name))
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, name), data, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		badInput(t, dir, "the folder contradicts itself")
	}
	// Runs that are left out of the list.
	meta, err := os.ReadFile(filepath.Join(folders["evil"], planMeta))
	if err != nil {
		t.Fatal(err)
	}
	dir := folders["evil"]
	hidden := strings.Replace(string(meta), "echo EVIL", "echo fine", 1)
	if err := os.WriteFile(filepath.Join(dir, planMeta), []byte(hidden), 0o600); err != nil || hidden == string(meta) {
		t.Fatal(err)
	}
	badInput(t, dir, "is not what its fingerprint covers")
}

// With a review key the first apply binds secrets too; without one nothing of them is in
// the comment.
func TestSecretsOfTheFirstApply(t *testing.T) {
	d := newDesk(t, `
variable "password" {
  type      = string
  sensitive = true
}
resource "terraform_data" "x" { input = var.password }
`)
	word := func(password string) string {
		t.Setenv("TF_VAR_password", password)
		_, fingerprint := d.review()
		return fingerprint
	}
	if a, b := word("hunter2hunter2"), word("hunter3hunter3"); a != b {
		t.Errorf("without a key, a password can be tried: %s, %s", a, b)
	}
	d.o.Terraform.ReviewKey = reviewKey
	a, b := word("hunter2hunter2"), word("hunter3hunter3")
	one, _ := review.ReadFingerprint(a)
	two, err := review.ReadFingerprint(b)
	if err != nil || one.Effects == two.Effects || one.Inputs == two.Inputs {
		t.Errorf("with a key, two passwords have %s and %s", a, b)
	}
	d.refused(a, "other inputs: variable password has another content", "add terraform_data.x, with other values than reviewed of: input")
}
