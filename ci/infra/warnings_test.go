package infra

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWarnings(t *testing.T) {
	for name, test := range map[string]struct{ printed, want string }{
		"none":    {"No changes. Your infrastructure matches the configuration.\n", ""},
		"a frame": {"╷\n│ Warning: Argument is deprecated\n│ \n│   with aws_eip.a,\n│   on main.tf line 12, in resource \"aws_eip\" \"a\":\n│   12:   vpc = true\n╵\n", "Argument is deprecated at main.tf:12"},
		"several": {"Warning: One\n\n  on a.tf line 1:\n\nWarning: Check block assertion failed\n\n  on b.tf line 2:\n\nWarning: Two\n\nError: x\n\n  on c.tf line 3:\n", "One at a.tf:1|Two"},
	} {
		if got := strings.Join(warnings(test.printed), "|"); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// Terraform warns of values for variables that the configuration does not have.
func TestPlanTellsWarnings(t *testing.T) {
	needTerraform(t)
	dir := write(t, "main.tf", `resource "terraform_data" "x" { input = "1" }`)
	file := filepath.Join(t.TempDir(), "more.tfvars")
	if err := os.WriteFile(file, []byte("missing = 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w, err := Open(t.Context(), Options{Dir: dir, VarFiles: []string{file}})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	plan, err := w.Plan(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(plan.Warnings, "|"); got != "Value for undeclared variable" {
		t.Errorf("the warnings are %q", got)
	}
}
