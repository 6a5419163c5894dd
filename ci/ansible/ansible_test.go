package ansible_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gitops/ci/ansible"
	"gitops/ci/host"
	"gitops/ci/lab/hosttest"
	"gitops/ci/lab/texttest"
	"gitops/ci/progress"
	"gitops/ci/secret"
)

func needAnsible(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("ansible-playbook"); err != nil {
		t.Skip("needs ansible-playbook")
	}
}

func write(t *testing.T, path, content string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// prepare starts an sshd, writes playbook as site.yml, and returns how to run it.
func prepare(t *testing.T, playbook string) ansible.Options {
	t.Helper()
	needAnsible(t)
	// Runs leave their temporary folder in here, where the tests look for it.
	// Short, because sockets go below it.
	temp, err := os.MkdirTemp("/tmp", "a-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(temp) })
	t.Setenv("TMPDIR", temp)
	server := hosttest.Start(t)
	dir := t.TempDir()
	write(t, filepath.Join(dir, "site.yml"), playbook)
	inventory, err := ansible.WriteInventory(t.TempDir(), ansible.Target{Name: "web", Address: server.Address, User: server.User})
	if err != nil {
		t.Fatal(err)
	}
	return ansible.Options{Dir: dir, Playbook: "site.yml", Inventory: inventory,
		PrivateKey: server.Key, KnownHosts: server.KnownHosts}
}

// nothingLeft checks that a run left neither files nor connections.
func nothingLeft(t *testing.T) {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(os.Getenv("TMPDIR"), "ansible-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("files left: %v, %v", left, err)
	}
	for range 20 {
		err := exec.Command("pgrep", "-f", os.Getenv("TMPDIR")+"/ansible-").Run()
		var none *exec.ExitError
		if errors.As(err, &none) && none.ExitCode() == 1 {
			return
		}
		if err != nil {
			t.Fatalf("looking for processes of the run: %v", err)
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Error("a process of the run is still there")
}

const twoTasks = `
- name: Try
  hosts: all
  gather_facts: true
  tasks:
    - name: Write a file
      ansible.builtin.copy:
        content: "{{ greeting | default('hello') }}\n"
        dest: "%[1]s/greeting"
        mode: "0600"
      tags: [files]
    - name: Not asked for
      ansible.builtin.copy:
        content: other
        dest: "%[1]s/other"
        mode: "0600"
      tags: [other]
    - name: Skipped
      ansible.builtin.debug:
        msg: never
      when: false
      tags: [files]
`

func TestRunChangesOnce(t *testing.T) {
	target := t.TempDir()
	o := prepare(t, fmt.Sprintf(twoTasks, target))
	o.Tags = []string{"files"}
	var log bytes.Buffer
	o.Log = &log
	first, err := ansible.Run(t.Context(), o)
	if err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	if got, want := first.Hosts["web"], (ansible.HostRecap{OK: 2, Changed: 1, Skipped: 1}); got != want {
		t.Errorf("first run: %+v, want %+v", got, want)
	}
	if len(first.Tasks) != 3 || first.Tasks[1].Seconds <= 0 || slices.IndexFunc(first.Tasks, func(task ansible.Task) bool { return task.Changed != (task.Name == "Write a file") }) >= 0 {
		t.Errorf("tasks %+v", first.Tasks)
	}
	if !strings.Contains(log.String(), "TASK [Write a file]") {
		t.Errorf("the log lacks Ansible's own output: %q", log.String())
	}
	if got, _ := os.ReadFile(target + "/greeting"); string(got) != "hello\n" {
		t.Errorf("file has %q", got)
	}
	second, err := ansible.Run(t.Context(), o)
	if err != nil || second.Changed() != 0 || second.Hosts["web"].OK != 2 {
		t.Errorf("second run: %+v, %v, want nothing changed", second, err)
	}
	nothingLeft(t)
}

func TestCheckModeOnlyTells(t *testing.T) {
	target := t.TempDir()
	o := prepare(t, fmt.Sprintf(twoTasks, target))
	o.Check, o.Diff = true, true
	var log bytes.Buffer
	o.Log = &log
	recap, err := ansible.Run(t.Context(), o)
	if err != nil || recap.Changed() != 2 {
		t.Fatalf("%+v, %v\n%s", recap, err, log.String())
	}
	if !strings.Contains(log.String(), "+hello") {
		t.Errorf("no difference shown: %s", log.String())
	}
	if _, err := os.Stat(target + "/greeting"); err == nil {
		t.Error("the file was written")
	}
}

func TestExtraVarsFilesAndSecretsInTheLog(t *testing.T) {
	target := t.TempDir()
	o := prepare(t, texttest.Replace(t, fmt.Sprintf(twoTasks, target), "when: false", "when: true"))
	write(t, filepath.Join(o.Dir, "site.yml"), texttest.Replace(t, string(read(t, filepath.Join(o.Dir, "site.yml"))), "msg: never", "var: greeting"))
	o.ExtraVarsFiles = []string{write(t, filepath.Join(t.TempDir(), "vars.yml"), "greeting: correct-horse-battery\n")}
	o.Redactor = secret.NewRedactor(secret.New("correct-horse-battery"))
	var log bytes.Buffer
	o.Log = &log
	if _, err := ansible.Run(t.Context(), o); err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	if got := read(t, target+"/greeting"); string(got) != "correct-horse-battery\n" {
		t.Errorf("file has %q", got)
	}
	if strings.Contains(log.String(), "correct-horse") || !strings.Contains(log.String(), secret.Redacted) {
		t.Errorf("the secret shows, or nothing was hidden: %s", log.String())
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func TestFailedTasks(t *testing.T) {
	tests := map[string]struct{ tasks, task, says string }{
		"a message": {`
    - name: Insist
      ansible.builtin.fail:
        msg: the disk is too small
`, "Insist", `task "Insist" failed on web: the disk is too small`},
		"a command": {`
    - name: Run it
      ansible.builtin.command: sh -c 'echo reason given >&2; exit 3'
`, "Run it", "reason given"},
		"one item of a loop": {`
    - name: Loop
      ansible.builtin.command: test {{ item }} = good
      loop: [good, bad]
`, "Loop", "item bad: "},
		"after an ignored one": {`
    - name: Ignored
      ansible.builtin.command: "false"
      ignore_errors: true
    - name: Counted
      ansible.builtin.fail:
        msg: this one
`, "Counted", "this one"},
		"a secret": {`
    - name: Secret
      ansible.builtin.command: sh -c 'echo pass-phrase; exit 1'
      no_log: true
`, "Secret", "no_log"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			o := prepare(t, "- name: Try\n  hosts: all\n  gather_facts: false\n  tasks:"+test.tasks)
			recap, err := ansible.Run(t.Context(), o)
			var failed *ansible.TaskError
			if !errors.As(err, &failed) || failed.Task != test.task || failed.Host != "web" || !strings.Contains(err.Error(), test.says) {
				t.Fatalf("got %v, want task %q and %q", err, test.task, test.says)
			}
			if strings.Contains(err.Error(), "pass-phrase") {
				t.Errorf("the secret shows: %v", err)
			}
			if progress.ExitCode(err) != progress.ExitFailed || recap.Hosts["web"].Failed != 1 {
				t.Errorf("exit %d, recap %+v", progress.ExitCode(err), recap)
			}
			nothingLeft(t)
		})
	}
}

func TestARescuedTaskIsNoFailure(t *testing.T) {
	o := prepare(t, `
- name: Try
  hosts: all
  gather_facts: false
  tasks:
    - name: Both
      block:
        - name: Fail
          ansible.builtin.command: "false"
      rescue:
        - name: Make good
          ansible.builtin.debug:
            msg: better
`)
	if recap, err := ansible.Run(t.Context(), o); err != nil {
		t.Errorf("%v, %+v", err, recap)
	}
}

const oneTask = `
- name: Try
  hosts: all
  gather_facts: false
  tasks:
    - name: First
      ansible.builtin.ping:
`

func TestUnreachableHosts(t *testing.T) {
	_, otherPublic, err := host.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	otherKey, _, err := host.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		change func(t *testing.T, o *ansible.Options)
		says   string
	}{
		"wrong login key": {func(_ *testing.T, o *ansible.Options) { o.PrivateKey = otherKey }, "Permission denied"},
		"unknown host key": {func(_ *testing.T, o *ansible.Options) {
			o.KnownHosts = []byte("192.0.2.1 " + otherPublic + "\n")
		}, "Host key verification failed"},
		"changed host key, with the check turned off around": {func(t *testing.T, o *ansible.Options) {
			address, _, _ := strings.Cut(string(o.KnownHosts), " ")
			o.KnownHosts = []byte(address + " " + otherPublic + "\n")
			t.Setenv("ANSIBLE_HOST_KEY_CHECKING", "False")
			t.Setenv("ANSIBLE_SSH_COMMON_ARGS", "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null")
			write(t, filepath.Join(o.Dir, "ansible.cfg"), "[defaults]\nhost_key_checking = False\n")
		}, "Host key verification failed"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			o := prepare(t, oneTask)
			test.change(t, &o)
			recap, err := ansible.Run(t.Context(), o)
			var lost *ansible.UnreachableError
			if !errors.As(err, &lost) || lost.Host != "web" || lost.Task != "First" || !strings.Contains(err.Error(), test.says) {
				t.Fatalf("got %v, want web unreachable: %s", err, test.says)
			}
			if recap.Hosts["web"].Unreachable != 1 {
				t.Errorf("recap %+v", recap)
			}
			nothingLeft(t)
		})
	}
}

func TestCancelEndsTheRunAndCleansUp(t *testing.T) {
	o := prepare(t, `
- name: Try
  hosts: all
  gather_facts: false
  tasks:
    - name: Long
      ansible.builtin.command: sleep 30
`)
	ctx, cancel := context.WithCancel(t.Context())
	o.Log = onText{"TASK [Long]", func() { time.AfterFunc(500*time.Millisecond, cancel) }}
	begun := time.Now()
	_, err := ansible.Run(ctx, o)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if took := time.Since(begun); took > 20*time.Second {
		t.Errorf("took %s", took)
	}
	nothingLeft(t)
}

// onText calls do when text is written.
type onText struct {
	text string
	do   func()
}

func (o onText) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte(o.text)) {
		o.do()
	}
	return len(p), nil
}

func TestThePrivateKeyIsNeverAFileOrAnArgument(t *testing.T) {
	o := prepare(t, `
- name: Try
  hosts: all
  gather_facts: false
  tasks:
    - name: Reach the host
      ansible.builtin.ping:
    - name: Give time to look
      ansible.builtin.command: sleep 1
`)
	part := []byte(strings.Split(o.PrivateKey.Reveal(), "\n")[2][:40])
	var looked int
	o.Log = onText{"TASK [Give time to look]", func() {
		time.Sleep(200 * time.Millisecond)
		looked = lookFor(t, part, filepath.Join(os.Getenv("TMPDIR"), "ansible-*/*")) + lookFor(t, part, "/proc/[0-9]*/cmdline")
	}}
	if _, err := ansible.Run(t.Context(), o); err != nil {
		t.Error(err)
	}
	if looked < 10 {
		t.Errorf("only %d files were looked at", looked)
	}
}

// lookFor fails the test when a file of the pattern has part in it, and returns
// how many files there were.
func lookFor(t *testing.T, part []byte, pattern string) (looked int) {
	paths, err := filepath.Glob(pattern)
	if err != nil {
		t.Error(err)
	}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			continue // a socket, a folder, or a process that has ended
		}
		looked++
		if bytes.Contains(content, part) {
			t.Errorf("%s has the private key", path)
		}
	}
	return looked
}

func TestPlaybooksThatCannotBeParsed(t *testing.T) {
	o := prepare(t, "- name: Try\n  hosts: all\n  tasks:\n    - no.such.module:\n")
	if err := ansible.SyntaxCheck(t.Context(), o.Dir, "site.yml"); err == nil || !strings.Contains(err.Error(), "no.such.module") {
		t.Errorf("syntax check: got %v", err)
	}
	if _, err := ansible.Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), "no.such.module") {
		t.Errorf("run: got %v", err)
	}
	write(t, filepath.Join(o.Dir, "site.yml"), oneTask)
	if err := ansible.SyntaxCheck(t.Context(), o.Dir, "site.yml"); err != nil {
		t.Errorf("a good playbook: %v", err)
	}
	nothingLeft(t)
}

func TestWithoutAnsible(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for name, err := range map[string]error{
		"run":          second(ansible.Run(t.Context(), ansible.Options{Dir: t.TempDir()})),
		"syntax check": ansible.SyntaxCheck(t.Context(), t.TempDir(), "site.yml"),
	} {
		if !errors.Is(err, ansible.ErrNotInstalled) || progress.ExitCode(err) != progress.ExitInvalid {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestBadInputTouchesNothing(t *testing.T) {
	o := prepare(t, oneTask)
	tests := map[string]func(*ansible.Options){
		"no known hosts":     func(o *ansible.Options) { o.KnownHosts = nil },
		"no such playbook":   func(o *ansible.Options) { o.Playbook = "other.yml" },
		"no such inventory":  func(o *ansible.Options) { o.Inventory = "/nonexistent" },
		"no such extra vars": func(o *ansible.Options) { o.ExtraVarsFiles = []string{"/nonexistent"} },
		"no key in the key":  func(o *ansible.Options) { o.PrivateKey = secret.New("nonsense") },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			bad := o
			change(&bad)
			if _, err := ansible.Run(t.Context(), bad); progress.ExitCode(err) != progress.ExitInvalid || strings.Contains(fmt.Sprint(err), "nonsense") {
				t.Errorf("got %v", err)
			}
		})
	}
	nothingLeft(t)
}
