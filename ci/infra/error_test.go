package infra

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"gitops/ci/progress"
)

// The texts in testdata/errors are what Terraform 1.11.4 wrote to stderr, with
// addresses and names replaced.

func TestExplain(t *testing.T) {
	ended := errors.New("exit status 1")
	for name, test := range map[string]struct{ has, hasNot []string }{
		"checksums":   {has: []string{"Error: Failed to install provider", "terraform providers lock -platform=linux_amd64"}},
		"registry":    {has: []string{"Error: Failed to query available provider packages", "name a provider mirror in TF_CLI_CONFIG_FILE"}},
		"credentials": {has: []string{"Error: No valid credential sources found", "AWS_WEB_IDENTITY_TOKEN_FILE"}},
		"bucket":      {has: []string{`S3 bucket "nonesuch" does not exist`, "make it, with versioning on"}},
		"validation": {
			has:    []string{"Error: Invalid value for variable", "on main.tf line 5:", "bad t", "main.tf:9,3-13"},
			hasNot: []string{"hunter2", "╷", "├", "There are some problems with the CLI configuration"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			said := string(read(t, "errors/"+name+".txt"))
			err := explain("planning", "/terraform", said, ended)
			if progress.ExitCode(err) != progress.ExitFailed || !errors.Is(err, ended) {
				t.Errorf("exit %d, %v", progress.ExitCode(err), err)
			}
			if !strings.HasPrefix(err.Error(), "planning: terraform failed:\nError: ") {
				t.Errorf("begins with %.60q", err.Error())
			}
			for _, want := range test.has {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is not in\n%v", want, err)
				}
			}
			for _, not := range test.hasNot {
				if !strings.Contains(said, not) {
					t.Errorf("Terraform did not say %q: its absence proves nothing", not)
				}
				if strings.Contains(err.Error(), not) {
					t.Errorf("%q is in\n%v", not, err)
				}
			}
		})
	}
}

func TestExplainLocks(t *testing.T) {
	for name, want := range map[string]Lock{
		"lock-local": {ID: "08bf680a-428a-b22a-90f0-30971d1ceb2f", Path: "terraform.tfstate", Operation: "OperationTypeApply", Who: "root@machine", Created: "2026-11-23 08:34:52.934501522 +0000 UTC"},
		"lock-s3":    {ID: "5b8c5f2e-0000-4000-8000-000000000001", Path: "state/lab/terraform.tfstate", Operation: "OperationTypeApply", Who: "ann@laptop", Created: "2026-01-02 03:04:05 +0000 UTC"},
	} {
		err := explain("planning", "/terraform", string(read(t, "errors/"+name+".txt")), errors.New("exit status 1"))
		var locked *LockedError
		if !errors.As(err, &locked) || locked.Lock != want {
			t.Errorf("%s: %+v", name, err)
			continue
		}
		if at, known := locked.Lock.Since(); !known || at.Year() != 2026 {
			t.Errorf("%s: held since %s, %v", name, at, known)
		}
		for _, part := range []string{want.Who, want.Created, "--lock-timeout", "gitops unlock-state --lock " + want.ID, "terraform -chdir=/terraform force-unlock " + want.ID} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %q is not in %v", name, part, err)
			}
		}
	}
}

func TestLockWithoutHolderIsAnOrdinaryError(t *testing.T) {
	err := explain("planning", "", "\nError: Error acquiring the state lock\n\nError message: AccessDenied\n", errors.New("exit status 1"))
	var failed *Error
	if !errors.As(err, &failed) || !strings.Contains(failed.Words, "AccessDenied") {
		t.Errorf("%v", err)
	}
}

func TestEnding(t *testing.T) {
	for signal, want := range map[string]string{"INT": "in order", "KILL": "was killed"} {
		err := exec.Command("sh", "-c", "kill -"+signal+" $$").Run()
		if got := ending(fmt.Errorf("running: %w", err)); !strings.Contains(got, want) {
			t.Errorf("SIG%s: %s", signal, got)
		}
	}
	if got := ending(context.Canceled); !strings.Contains(got, "had not begun") {
		t.Errorf("no process: %s", got)
	}
}

func TestLastWords(t *testing.T) {
	framed := "╷\n│ Warning: beware\n╵\n\r\n╷\n│ Error: first\n│ \n│ \n│ \n│ detail\n╵\n╷\n│ Error: second\n╵\n"
	if got, want := lastWords(framed), "Error: first\n\ndetail\n\nError: second"; got != want {
		t.Errorf("lastWords = %q, want %q", got, want)
	}
	if got := lastWords("panic: no errors in it\n"); got != "panic: no errors in it" {
		t.Errorf("lastWords without an error = %q", got)
	}
	long := lastWords("Error: first\n" + strings.Repeat("ü", maxWords))
	if !strings.HasPrefix(long, "Error: first\n") || !strings.HasSuffix(long, "bytes more") || strings.ContainsRune(long, '\uFFFD') || len(long) > maxWords+40 {
		t.Errorf("a long text: %d bytes, ends %q", len(long), long[len(long)-40:])
	}
}

// Terraform quotes the lines of variable files and of the backend's settings, whose values
// may be secrets.
func TestNoValueOfAVariableFileIsQuoted(t *testing.T) {
	for file, shown := range map[string]bool{"main.tf": true, "net.tf.json": true, "secret.tfvars": false, "be.hcl": false, "<value for var.tok>": false} {
		words := "│ Error: Unsupported argument\n│ \n│   on " + file + " line 1:\n│    1: pasword = \"planted-value\"\n│    2: more = \"planted-value\"\n│ \n│ An argument is not expected here.\n"
		got := withoutValues(words)
		if strings.Contains(got, "planted-value") != shown || !strings.Contains(got, "on "+file+" line 1") || !strings.Contains(got, "not expected here") {
			t.Errorf("of %s it says\n%s", file, got)
		}
	}
}
