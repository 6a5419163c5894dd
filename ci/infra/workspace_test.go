package infra

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"gitops/ci/lab/texttest"
	"gitops/ci/progress"
	"gitops/ci/secret"
)

// local is a configuration that needs no provider, with its state where the
// backend's settings say.
const local = `
terraform {
  backend "local" {}
}

variable "size" {
  type    = number
  default = 1
}

variable "password" {
  type      = string
  sensitive = true
}

variable "pause" {
  type    = number
  default = 0
}

resource "terraform_data" "disk" {
  input = { size = var.size, password = var.password }

  provisioner "local-exec" {
    command = "sleep ${var.pause}"
  }
}

output "static_ip" {
  value = "127.0.0.${terraform_data.disk.output.size}"
}

output "ssh_user" {
  value = "ubuntu"
}

output "ssh_host_public_key" {
  value = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOSdtKWwhW9wkEmXrBbbAsyEVbIinCbsbxC6lhkJlEdI"
}

output "password" {
  value     = var.password
  sensitive = true
}
`

const password = "correct-horse-battery"

// begin opens dir with its state in its own file.
func begin(t *testing.T, dir, state string, change func(*Options)) (*Workspace, error) {
	t.Helper()
	o := Options{Dir: dir, BackendConfig: []string{"path=" + state}}
	if change != nil {
		change(&o)
	}
	w, err := Open(context.Background(), o)
	if err == nil {
		t.Cleanup(func() {
			if err := w.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	return w, err
}

func must(t *testing.T, dir, state string) *Workspace {
	t.Helper()
	w, err := begin(t, dir, state, nil)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestPlanApplyOutputs(t *testing.T) {
	needTerraform(t)
	ctx := context.Background()
	dir := write(t, "main.tf", local, "production.tfvars", "size = 7\n")
	state := filepath.Join(t.TempDir(), "terraform.tfstate")
	t.Setenv("TF_VAR_password", password)
	var said bytes.Buffer
	w, err := begin(t, dir, state, func(o *Options) {
		o.VarFiles = []string{filepath.Join(dir, "production.tfvars")}
		o.Progress = progress.NewProgress(&said)
	})
	if err != nil {
		t.Fatal(err)
	}

	file := filepath.Join(t.TempDir(), "plan")
	plan, err := w.Plan(ctx, file)
	if err != nil {
		t.Fatal(err)
	}
	if !plan.HasChanges || plan.File != file {
		t.Errorf("first plan: changes %v in %s", plan.HasChanges, plan.File)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("plan file: %v, %v", info.Mode(), err)
	}
	if !strings.Contains(plan.Text, "Plan: 1 to add, 0 to change, 0 to destroy.") || strings.Contains(plan.Text, password) {
		t.Errorf("plan text:\n%s", plan.Text)
	}
	if got := plan.JSON.ResourceChanges[0].Address; got != "terraform_data.disk" {
		t.Errorf("plan JSON speaks of %s", got)
	}
	if _, err := os.Stat(state); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("planning made a state: %v", err)
	}

	if err := w.Apply(ctx, plan.File); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(said.String(), "  terraform_data.disk: Creation complete after") {
		t.Errorf("progress does not name the resource:\n%s", said.String())
	}
	outputs, err := w.Outputs(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if outputs.StaticIP != "127.0.0.7" || outputs.SSHUser != "ubuntu" {
		t.Errorf("outputs: %+v", outputs)
	}
	if strings.Contains(string(outputs.Raw), password) || !strings.Contains(string(outputs.Raw), secret.Redacted) {
		t.Errorf("raw outputs: %s", outputs.Raw)
	}

	again, err := w.Plan(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	if again.HasChanges || !strings.Contains(again.Text, "No changes.") {
		t.Errorf("second plan has changes:\n%s", again.Text)
	}
	drift, err := w.Drift(ctx)
	if err != nil || len(drift.Changes) > 0 {
		t.Errorf("drift: %+v, %v", drift, err)
	}
}

func TestApplyInAnotherWorkspace(t *testing.T) {
	needTerraform(t)
	ctx := context.Background()
	dir := write(t, "main.tf", local)
	state := filepath.Join(t.TempDir(), "terraform.tfstate")
	file := filepath.Join(t.TempDir(), "plan")
	t.Setenv("TF_VAR_password", password)
	if _, err := must(t, dir, state).Plan(ctx, file); err != nil {
		t.Fatal(err)
	}
	if err := must(t, dir, state).Apply(ctx, file); err != nil {
		t.Fatal(err)
	}
	err := must(t, dir, state).Apply(ctx, file)
	if progress.ExitCode(err) != progress.ExitRefused || !strings.Contains(err.Error(), "plan again") {
		t.Errorf("applying a plan twice: %v", err)
	}
}

func TestNothingIsLeftBehind(t *testing.T) {
	needTerraform(t)
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	t.Setenv("TF_VAR_password", password)
	t.Setenv("TF_DATA_DIR", "data-of-the-caller")
	dir := write(t, "main.tf", local)
	before := names(t, dir)
	w, err := Open(context.Background(), Options{Dir: dir, BackendConfig: []string{"path=" + filepath.Join(temp, "state")}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Plan(context.Background(), ""); err != nil {
		t.Fatal(err)
	}
	if after := names(t, dir); !slices.Equal(before, after) {
		t.Errorf("in the checkout while open: %q", after)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if after := names(t, dir); !slices.Equal(before, after) {
		t.Errorf("in the checkout: %q", after)
	}
	if left := names(t, temp); len(left) > 0 {
		t.Errorf("in the temporary folder: %q", left)
	}
}

func TestWorkspacesAreApart(t *testing.T) {
	needTerraform(t)
	ctx := context.Background()
	dir := write(t, "main.tf", local)
	state := filepath.Join(t.TempDir(), "terraform.tfstate")
	t.Setenv("TF_VAR_password", password)
	t.Setenv("TF_WORKSPACE", "from-the-environment")
	_, err := begin(t, dir, state, func(o *Options) { o.Workspace = "staging" })
	if err == nil || !strings.Contains(err.Error(), `Workspace "staging" doesn't exist`) {
		t.Errorf("a workspace that is not there: %v", err)
	}
	w := must(t, dir, state)
	if err := w.tf.WorkspaceNew(ctx, "staging"); err != nil {
		t.Fatal(err)
	}
	staging, err := begin(t, dir, state, func(o *Options) { o.Workspace = "staging" })
	if err != nil {
		t.Fatal(err)
	}
	if name, err := staging.tf.WorkspaceShow(ctx); err != nil || name != "staging" {
		t.Errorf("workspace %q, %v", name, err)
	}
}

func TestBadOptions(t *testing.T) {
	dir := write(t, "main.tf", local)
	for name, o := range map[string]Options{
		"no configuration":  {Dir: t.TempDir()},
		"no directory":      {Dir: filepath.Join(dir, "missing")},
		"no variable file":  {Dir: dir, VarFiles: []string{"missing.tfvars"}},
		"no backend file":   {Dir: dir, BackendConfig: []string{"missing.hcl"}},
		"no setting's name": {Dir: dir, BackendConfig: []string{"secret key=hunter2hunter2"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(context.Background(), o)
			if progress.ExitCode(err) != progress.ExitInvalid {
				t.Errorf("%v (exit %d), want exit 2", err, progress.ExitCode(err))
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the value is repeated: %v", err)
			}
		})
	}
}

func TestMissingTerraform(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := Open(context.Background(), Options{Dir: write(t, "main.tf", local)})
	if err == nil || !strings.Contains(err.Error(), "install it") {
		t.Errorf("without terraform: %v", err)
	}
}

func TestLockHeldBySomebodyElse(t *testing.T) {
	needTerraform(t)
	ctx := context.Background()
	dir := write(t, "main.tf", local)
	state := filepath.Join(t.TempDir(), "terraform.tfstate")
	t.Setenv("TF_VAR_password", password)
	first, second := must(t, dir, state), must(t, dir, state)

	stop := holdLock(t, first, state)
	_, err := second.Plan(ctx, "")
	var locked *LockedError
	if !errors.As(err, &locked) {
		t.Fatalf("planning under a lock: %v", err)
	}
	if !strings.Contains(locked.Lock.Who, "@") || locked.Lock.Operation != "OperationTypeApply" || locked.Lock.Path != state {
		t.Errorf("lock: %+v", locked.Lock)
	}
	if !strings.Contains(err.Error(), "force-unlock "+locked.Lock.ID) {
		t.Errorf("no remedy: %v", err)
	}

	// Interrupted in the middle of a resource, terraform gives the lock back.
	if err := stop(); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "in order") {
		t.Errorf("interrupted apply: %v", err)
	}
	if _, err := second.Plan(ctx, ""); err != nil {
		t.Errorf("planning after the interruption: %v", err)
	}
}

func TestLockIsWaitedFor(t *testing.T) {
	needTerraform(t)
	dir := write(t, "main.tf", local)
	state := filepath.Join(t.TempDir(), "terraform.tfstate")
	t.Setenv("TF_VAR_password", password)
	first := must(t, dir, state)
	patient, err := begin(t, dir, state, func(o *Options) { o.LockTimeout = time.Minute })
	if err != nil {
		t.Fatal(err)
	}
	stop := holdLock(t, first, state)
	time.AfterFunc(time.Second, func() { _ = stop() })
	if _, err := patient.Plan(context.Background(), ""); err != nil {
		t.Errorf("waiting for the lock: %v", err)
	}
}

// holdLock begins an apply that lasts a minute, returns once it holds the lock,
// and returns the function that interrupts it and gives its error.
func holdLock(t *testing.T, w *Workspace, state string) (stop func() error) {
	t.Helper()
	t.Setenv("TF_VAR_pause", "60")
	slow := must(t, w.tf.dir, state)
	plan, err := slow.Plan(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- slow.Apply(ctx, plan.File) }()
	info := filepath.Join(filepath.Dir(state), "."+filepath.Base(state)+".lock.info")
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if _, err := os.Stat(info); err == nil {
			break
		}
		if time.Now().After(deadline) {
			cancel()
			t.Fatalf("no lock after 30 s: %v", <-done)
		}
	}
	stop = func() error { cancel(); err := <-done; done <- err; return err }
	t.Cleanup(func() { _ = stop() })
	return stop
}

func TestErrorsSurfaceLastWords(t *testing.T) {
	needTerraform(t)
	dir := write(t, "main.tf", local+`
resource "terraform_data" "broken" {
  provisioner "local-exec" {
    command = "echo on the brink with ${nonsensitive(var.password)}; exit 3"
  }
}
`)
	state := filepath.Join(t.TempDir(), "terraform.tfstate")
	t.Setenv("TF_VAR_password", password)
	w, err := begin(t, dir, state, func(o *Options) {
		o.Redactor = secret.NewRedactor(secret.New(password))
	})
	if err != nil {
		t.Fatal(err)
	}
	plan, err := w.Plan(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	err = w.Apply(context.Background(), plan.File)
	var failed *Error
	if !errors.As(err, &failed) {
		t.Fatalf("applying: %v", err)
	}
	if !strings.HasPrefix(failed.Words, "Error: local-exec provisioner error") || !strings.Contains(failed.Words, "on the brink with [REDACTED]") {
		t.Errorf("last words:\n%s", failed.Words)
	}
	if strings.Contains(err.Error(), password) {
		t.Errorf("the secret is in the error:\n%v", err)
	}
	// What was made before the failure is in the state, and its outputs.
	if outputs, err := w.Outputs(context.Background()); err != nil || outputs.StaticIP != "127.0.0.1" {
		t.Errorf("outputs after a failed apply: %+v, %v", outputs, err)
	}
}

func TestMissingVariable(t *testing.T) {
	needTerraform(t)
	w := must(t, write(t, "main.tf", local), filepath.Join(t.TempDir(), "state"))
	_, err := w.Plan(context.Background(), "")
	if err == nil || !strings.Contains(err.Error(), "No value for required variable") || !strings.Contains(err.Error(), "main.tf line 11") {
		t.Errorf("planning without a variable: %v", err)
	}
}

// TestFailedValidationKeepsTheSecret covers what Terraform 1.11.4 does: it
// prints the value of a sensitive variable whose validation fails.
func TestFailedValidationKeepsTheSecret(t *testing.T) {
	needTerraform(t)
	dir := write(t, "main.tf", texttest.Replace(t, local, "sensitive = true\n}", `sensitive = true

  validation {
    condition     = length(var.password) > 100
    error_message = "password is too short."
  }
}`))
	t.Setenv("TF_VAR_password", password)
	w := must(t, dir, filepath.Join(t.TempDir(), "state"))
	_, err := w.Plan(context.Background(), "")
	if err == nil || !strings.Contains(err.Error(), "password is too short.") || strings.Contains(err.Error(), password) {
		t.Errorf("planning with an invalid secret: %v", err)
	}
}

func TestSecretsAreNoArguments(t *testing.T) {
	needTerraform(t)
	// A terraform that writes down its arguments before it becomes the real one.
	bin, log := t.TempDir(), filepath.Join(t.TempDir(), "arguments")
	script := "#!/bin/sh\necho \"$@\" >>" + log + "\nPATH=" + os.Getenv("PATH") + " exec terraform \"$@\"\n"
	if err := os.WriteFile(filepath.Join(bin, "terraform"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	t.Setenv("TF_VAR_password", password)
	state := filepath.Join(t.TempDir(), "state-named-secretly")
	w := must(t, write(t, "main.tf", local), state)
	plan, err := w.Plan(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Apply(context.Background(), plan.File); err != nil {
		t.Fatal(err)
	}
	arguments, err := os.ReadFile(log)
	if err != nil || !strings.Contains(string(arguments), "apply") {
		t.Fatalf("arguments: %q, %v", arguments, err)
	}
	for _, hidden := range []string{password, "state-named-secretly"} {
		if strings.Contains(string(arguments), hidden) {
			t.Errorf("%s is an argument:\n%s", hidden, arguments)
		}
	}
}

func TestBackendFile(t *testing.T) {
	settings, files, err := backendSettings([]string{"bucket=my-state", "key=a=b/${c}%{d}", `profile=quo"te`, "use_path_style=true"})
	if err != nil || files != nil {
		t.Fatal(settings, files, err)
	}
	want := `bucket = "my-state"
key = "a=b/$${c}%%{d}"
profile = "quo\"te"
use_path_style = "true"
`
	if got := string(backendFile(settings)); got != want {
		t.Errorf("backend file:\n%s\nwant:\n%s", got, want)
	}
}

func TestEnviron(t *testing.T) {
	base := []string{"TF_VAR_x=1=2", "AWS_REGION=eu", "TF_DATA_DIR=elsewhere", "TF_CLI_ARGS=-json", "TF_CLI_ARGS_plan=-destroy", "TF_WORKSPACE=other", "EMPTY="}
	want := map[string]string{
		"TF_VAR_x": "1=2", "AWS_REGION": "eu", "EMPTY": "", "TF_DATA_DIR": "/data",
		"CHECKPOINT_DISABLE": "1", "TF_CLI_ARGS_init": "-lockfile=readonly",
	}
	if got := environ(base, "/data", true); !reflect.DeepEqual(got, want) {
		t.Errorf("environ: %v, want %v", got, want)
	}
	if args, set := environ(base, "/data", false)["TF_CLI_ARGS_init"]; set {
		t.Errorf("without a lock file: %q", args)
	}
}
