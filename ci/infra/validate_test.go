package infra

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gitops/ci/progress"
)

func TestValidate(t *testing.T) {
	needTerraform(t)
	for name, test := range map[string]struct {
		files []string
		want  []string // findings, with the directory taken off
	}{
		"sound": {files: []string{"main.tf", local}},
		"not formatted": {
			files: []string{"main.tf", "locals {\n  a=1\n}\n", "tests/x.tftest.hcl", "variables {\n x = 1\n}\n"},
			want: []string{
				"main.tf: error: not in Terraform's format: run terraform fmt -recursive",
				"tests/x.tftest.hcl: error: not in Terraform's format: run terraform fmt -recursive",
			},
		},
		"syntax": {
			files: []string{"main.tf", "resource \"terraform_data\" \"a\" {\n"},
			want:  []string{"main.tf:1:31: error: Unclosed configuration block: There is no closing brace for this block before the end of the file. This may be caused by incorrect brace nesting elsewhere in this file."},
		},
		"reference": {
			files: []string{"main.tf", "output \"o\" {\n  value = var.missing\n}\n"},
			want:  []string{`main.tf:2:11: error: Reference to undeclared input variable: An input variable with the name "missing" has not been declared. This variable can be declared with a variable "missing" {} block.`},
		},
		"in a module": {
			files: []string{"main.tf", "module \"inner\" {\n  source = \"./inner\"\n}\n", "inner/main.tf", "output \"o\" {\n  value = nosuch(1)\n}\n"},
			want:  []string{`inner/main.tf:2:11: error: Call to unknown function: There is no function named "nosuch".`},
		},
		"two files": {
			files: []string{"b.tf", "output \"b\" {\n  value = local.x\n}\n", "a.tf", "output \"a\" {\n  value = local.y\n}\n"},
			want: []string{
				`a.tf:2:11: error: Reference to undeclared local value: A local value with the name "y" has not been declared.`,
				`b.tf:2:11: error: Reference to undeclared local value: A local value with the name "x" has not been declared.`,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := write(t, test.files...)
			before := names(t, dir)
			findings, err := Validate(context.Background(), dir, nil)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, finding := range findings {
				got = append(got, strings.TrimPrefix(finding.String(), dir+string(filepath.Separator)))
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("findings:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
			if after := names(t, dir); !slices.Equal(before, after) {
				t.Errorf("the checkout holds %q", after)
			}
		})
	}
}

func TestValidateNeedsConfiguration(t *testing.T) {
	_, err := Validate(context.Background(), t.TempDir(), nil)
	if progress.ExitCode(err) != progress.ExitInvalid {
		t.Errorf("an empty directory: %v", err)
	}
}

// TestValidateIsNoVerdictWithoutProviders makes sure that a provider that cannot
// be had is an error, not a finding and not a clean bill.
func TestValidateIsNoVerdictWithoutProviders(t *testing.T) {
	needTerraform(t)
	// Nothing answers at this registry, and no mirror is asked.
	config := filepath.Join(t.TempDir(), "terraformrc")
	if err := os.WriteFile(config, []byte("provider_installation {\n  direct {}\n}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TF_CLI_CONFIG_FILE", config)
	t.Setenv("TF_REGISTRY_DISCOVERY_RETRY", "0")
	dir := write(t, "main.tf", "terraform {\n  required_providers {\n    x = {\n      source = \"registry.invalid/nosuch/x\"\n    }\n  }\n}\n")
	findings, err := Validate(context.Background(), dir, nil)
	if err == nil || findings != nil || !strings.Contains(err.Error(), "registry.invalid") {
		t.Errorf("%v, %v", findings, err)
	}
}

func TestValidateIsInterrupted(t *testing.T) {
	needTerraform(t)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	findings, err := Validate(ctx, write(t, "main.tf", local), nil)
	if !errors.Is(err, context.DeadlineExceeded) || findings != nil {
		t.Errorf("%v, %v", findings, err)
	}
}

// TestLockFileOfOurOwnGoes covers a configuration without a lock file, for which
// init makes one.
func TestLockFileOfOurOwnGoes(t *testing.T) {
	needTerraform(t)
	dir := write(t, "main.tf", "locals {\n}\n")
	tf, err := open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, lockFile), []byte("# made by init\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := tf.Close(); err != nil {
		t.Fatal(err)
	}
	if left := names(t, dir); !slices.Equal(left, []string{"main.tf"}) {
		t.Errorf("left: %q", left)
	}
}
