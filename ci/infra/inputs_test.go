package infra

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const everything = `
terraform {
  backend "local" { path = "local.tfstate" }
}

variable "word" {
  type    = string
  default = "one"
}

provider "terraform" {}

module "near" {
  source = "./near"
}

resource "terraform_data" "x" {
  input = [file("${path.module}/motd.txt"), templatefile("../outside/t.tftpl", {}), var.word]

  provisioner "local-exec" {
    command = "sh scripts/run.sh ${self.id}"
  }
}

data "external" "asked" {
  count   = 0
  program = ["sh", "ask.sh"]
}

removed {
  from = terraform_data.old

  lifecycle {
    destroy = true
  }

  provisioner "local-exec" {
    when    = destroy
    command = "echo gone"
  }
}

resource "terraform_data" "many" {
  for_each = fileset(path.module, "policies/*.json")
  input    = file("${path.module}/${each.value}")
}

locals {
  at = plantimestamp()
  id = uuid()
}
`

// tree is a repository with that configuration.
func tree(t *testing.T) string {
	t.Helper()
	top := write(t,
		"root/main.tf", strings.Replace(everything, "data \"external\" \"asked\" {\n  count   = 0\n  program = [\"sh\", \"ask.sh\"]\n}\n", "", 1),
		"root/near/main.tf", `output "near" { value = 1 }`, "root/motd.txt", "hello", "root/scripts/run.sh", ". ./lib.sh", "root/lib.sh", "true",
		"root/policies/a.json", "{}", "root/README.md", "about", "outside/t.tftpl", "hi", "outside/other", "x")
	return filepath.Join(top, "root")
}

// inputsOf plans dir and reads the inputs, as lines.
func inputsOf(t *testing.T, dir string, change func(*Options)) ([]string, Inputs) {
	t.Helper()
	options := Options{Dir: dir}
	if change != nil {
		change(&options)
	}
	w, err := Open(context.Background(), options)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	plan, err := w.Plan(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	in, err := w.Inputs(plan.JSON)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, part := range in.Parts {
		lines = append(lines, strings.Join([]string{part.Kind, part.Name, part.Value, part.Content}, "|"))
	}
	slices.Sort(lines)
	return lines, in
}

// differing returns what is not in both, by kind and name.
func differingInputs(a, b []string) string {
	found := map[string]bool{}
	for _, pair := range [][2][]string{{a, b}, {b, a}} {
		for _, line := range pair[0] {
			if !slices.Contains(pair[1], line) {
				parts := strings.SplitN(line, "|", 3)
				found[strings.TrimSpace(parts[0]+" "+parts[1])] = true
			}
		}
	}
	var all []string
	for name := range found {
		all = append(all, name)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

func put(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Each change is told by its name, or makes no difference.
func TestInputsOfRealConfigurations(t *testing.T) {
	needTerraform(t)
	dir := tree(t)
	was, in := inputsOf(t, dir, nil)
	for name, test := range map[string]struct {
		path, content string
		want          string
	}{
		"a file that is read":               {"motd.txt", "bye", "file motd.txt"},
		"the script of a provisioner":       {"scripts/run.sh", "rm -rf /; . ./lib.sh", "file scripts/run.sh"},
		"what a script runs":                {"lib.sh", "false", "file lib.sh"},
		"a template outside":                {"../outside/t.tftpl", "ho", "file ../outside/t.tftpl"},
		"one of a set":                      {"policies/a.json", "[]", "file policies/a.json"},
		"a new one of a set":                {"policies/b.json", "{}", "file policies/b.json"},
		"a local module":                    {"near/main.tf", `output "near" { value = 2 }`, "configuration near/main.tf"},
		"a new file of configuration":       {"more.tf", `locals { more = 1 }`, "configuration more.tf"},
		"a value":                           {"terraform.tfvars", `word = "two"`, "variable word"},
		"a file that nothing names":         {"README.md", "other", ""},
		"a report":                          {"review.md", "x", ""},
		"a state beside":                    {"local.tfstate.backup", "{}", ""},
		"a file outside that nothing names": {"../outside/other", "y", ""},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, test.path)
			old, err := os.ReadFile(path)
			put(t, path, test.content)
			now, _ := inputsOf(t, dir, nil)
			if got := differingInputs(was, now); got != test.want {
				t.Errorf("differs in %q, want %q", got, test.want)
			}
			if err == nil {
				put(t, path, string(old))
			} else if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		})
	}
	checkRuns(t, in)
}

func checkRuns(t *testing.T, in Inputs) {
	t.Helper()
	var runs, volatile []string
	for _, run := range in.Runs {
		runs = append(runs, run.Kind+" "+run.Address+": "+strings.ReplaceAll(run.Text, "\n", "; "))
	}
	want := []string{`provider provider.terraform: `, `local-exec terraform_data.old: command = "echo gone"; when = destroy`, `local-exec terraform_data.x: command = "sh scripts/run.sh ${self.id}"`}
	if !slices.Equal(runs, want) {
		t.Errorf("it runs\n%s", strings.Join(runs, "\n"))
	}
	for _, v := range in.Volatile {
		if v.File != "main.tf" || v.Line == 0 || v.Remedy == "" {
			t.Errorf("%+v", v)
		}
		volatile = append(volatile, v.Function)
	}
	if slices.Sort(volatile); !slices.Equal(volatile, []string{"plantimestamp()", "uuid()"}) {
		t.Errorf("what changes by itself is %v", volatile)
	}
}

func TestInputsOfSwaps(t *testing.T) {
	needTerraform(t)
	dir := tree(t)
	was, _ := inputsOf(t, dir, nil)
	edit := func(old, new string) func(t *testing.T) {
		return func(t *testing.T) {
			path := filepath.Join(dir, "main.tf")
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(text), old) {
				t.Fatalf("no %s in it", old)
			}
			put(t, path, strings.Replace(string(text), old, new, 1))
			t.Cleanup(func() { put(t, path, string(text)) })
		}
	}
	for name, test := range map[string]struct {
		do     func(*testing.T)
		change func(*Options)
		want   string
	}{
		"provisioner":         {edit("sh scripts/run.sh", "sh -x scripts/run.sh"), nil, "configuration main.tf, runs local-exec terraform_data.x"},
		"provisioner removed": {edit("echo gone", "echo evil"), nil, "configuration main.tf, runs local-exec terraform_data.old"},
		"backend":             {nil, func(o *Options) { o.BackendConfig = []string{"path=elsewhere.tfstate"} }, "backend path"},
		"no backend":          {edit(`backend "local" { path = "local.tfstate" }`, ""), nil, "backend path, configuration main.tf"},
		"region":              {func(t *testing.T) { t.Setenv("AWS_REGION", "us-east-1") }, nil, "environment AWS_REGION"},
		"endpoint":            {func(t *testing.T) { t.Setenv("AWS_ENDPOINT_URL_S3", "http://me:secret@evil.example/x?y=z") }, nil, "environment AWS_ENDPOINT_URL_S3"},
		"account":             {func(t *testing.T) { t.Setenv("AWS_ROLE_ARN", "arn:aws:iam::111111111111:role/x") }, nil, "environment account of AWS_ROLE_ARN"},
		"variable":            {func(t *testing.T) { t.Setenv("TF_VAR_word", "two") }, nil, "variable word"},
		"the same variable":   {func(t *testing.T) { t.Setenv("TF_VAR_word", "one") }, nil, ""},
		"no such variable":    {func(t *testing.T) { t.Setenv("TF_VAR_other", "two") }, nil, ""},
		"a comment":           {edit("locals {", "# a comment\nlocals {"), nil, "configuration main.tf"},
	} {
		t.Run(name, func(t *testing.T) {
			if test.do != nil {
				test.do(t)
			}
			now, _ := inputsOf(t, dir, test.change)
			if got := differingInputs(was, now); got != test.want {
				t.Errorf("differs in %q, want %q", got, test.want)
			}
			if strings.Contains(strings.Join(now, "\n"), "secret@") {
				t.Error("a login is in an input")
			}
		})
	}
}

// A branch of a git repository that moves is another module, though its source is the same.
func TestInputsOfGitModules(t *testing.T) {
	needTerraform(t)
	repository := write(t, "main.tf", `output "x" { value = 1 }`)
	git := func(args ...string) {
		t.Helper()
		command := exec.Command("git", append([]string{"-C", repository, "-c", "user.name=t", "-c", "user.email=t@example.com"}, args...)...)
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	git("init", "-q", "-b", "main")
	git("add", ".")
	git("commit", "-qm", "one")
	git("tag", "v1")
	dir := write(t, "main.tf", `module "far" { source = "git::file://`+repository+`?ref=v1" }`)
	was, _ := inputsOf(t, dir, nil)
	again, _ := inputsOf(t, dir, nil)
	if got := differingInputs(was, again); got != "" {
		t.Errorf("the same module differs in %s", got)
	}
	put(t, filepath.Join(repository, "main.tf"), `output "x" { value = 2 }`)
	git("commit", "-qam", "two")
	git("tag", "-f", "v1")
	now, _ := inputsOf(t, dir, nil)
	if got := differingInputs(was, now); got != "module far" {
		t.Errorf("a moved tag differs in %q", got)
	}
	if !slices.ContainsFunc(now, func(line string) bool {
		return strings.HasPrefix(line, "module|far|git::file:///") && strings.Contains(line, "?ref=v1|")
	}) {
		t.Errorf("the source is not shown: %v", now)
	}
}

func TestInputsOfLockFiles(t *testing.T) {
	lock := func(version, hashes string) string {
		return "# a comment\nprovider \"registry.terraform.io/hashicorp/aws\" {\n  version = \"" + version + "\"\n  hashes = [" + hashes + "]\n}\n"
	}
	of := func(text string) []Input {
		w := &Workspace{tf: &terraform{dir: write(t, lockFile, text)}}
		parts, err := w.providers()
		if err != nil {
			t.Fatal(err)
		}
		return parts
	}
	was := of(lock("5.100.0", `"h1:a=", "zh:b"`))
	for name, test := range map[string]struct {
		text string
		same bool
	}{
		"another order":    {lock("5.100.0", `"zh:b", "h1:a=",`), true},
		"another comment":  {strings.Replace(lock("5.100.0", `"h1:a=", "zh:b"`), "a comment", "another", 1), true},
		"another hash":     {lock("5.100.0", `"h1:evil=", "zh:b"`), false},
		"one hash more":    {lock("5.100.0", `"h1:a=", "zh:b", "h1:evil="`), false},
		"another version":  {lock("5.99.0", `"h1:a=", "zh:b"`), false},
		"another provider": {strings.Replace(lock("5.100.0", `"h1:a=", "zh:b"`), "hashicorp", "evil", 1), false},
	} {
		if got := slices.Equal(of(test.text), was); got != test.same {
			t.Errorf("%s is the same: %v", name, got)
		}
	}
}

// A configuration in Terraform's JSON says what it runs too.
func TestRunsOfJSON(t *testing.T) {
	needTerraform(t)
	dir := write(t, "main.tf.json", `{"resource":{"terraform_data":{"x":{"input":"a","provisioner":[{"local-exec":{"command":"echo hi"}}]}}}}`)
	_, in := inputsOf(t, dir, nil)
	if len(in.Runs) != 1 || in.Runs[0].Address != "terraform_data.x" || !strings.Contains(in.Runs[0].Text, "echo hi") {
		t.Errorf("it runs %+v", in.Runs)
	}
}

func TestPlaceHasNoLogin(t *testing.T) {
	for text, want := range map[string]string{
		"http://me:pw@host:80/a?token=x": "http://host:80/a", "https://host": "https://host", "eu-central-1": "eu-central-1",
		"git::https://me:pw@host/a//b?ref=v1": "git::https://host/a//b",
	} {
		if got := place(text); got != want && !strings.HasPrefix(text, "git::") {
			t.Errorf("place(%s) = %s", text, got)
		}
		if got := source(text); strings.Contains(got, "pw") {
			t.Errorf("source(%s) = %s", text, got)
		}
	}
}
