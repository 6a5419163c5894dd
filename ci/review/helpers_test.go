package review

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	tfjson "github.com/hashicorp/terraform-json"

	"gitops/ci/cost"
	"gitops/ci/lab/golden"
)

// recorded reads a file of testdata, of which those that end in .gz are compressed.
func recorded(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if os.IsNotExist(err) {
		data, err = os.ReadFile(filepath.Join("testdata", name+".gz"))
		if err == nil {
			data, err = unzip(data)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func unzip(data []byte) ([]byte, error) {
	reader, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(reader)
}

func recordedPlan(t testing.TB, name string) *tfjson.Plan {
	t.Helper()
	plan, err := ParsePlan(recorded(t, "plans/"+name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

func recordedCost(t testing.TB, name string) *cost.Cost {
	t.Helper()
	c, err := cost.Parse(recorded(t, "../../cost/testdata/"+name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return &c
}

// compare compares got with a file of testdata/golden.
func compare(t *testing.T, name, got string) {
	t.Helper()
	golden.Compare(t, filepath.Join("testdata", "golden", name), got)
}

var extra = Extra{
	Lineage: "3f1d2c6e-0000-1111-2222-333344445555",
	LockFile: []byte(`# This file is maintained automatically by "terraform init".
provider "registry.terraform.io/hashicorp/aws" {
  version     = "5.100.0"
  constraints = "~> 5.100"
  hashes = [
    "h1:abc=",
  ]
}
`),
	Modules: []byte(`{"Modules":[{"Key":"","Source":"","Dir":"."},{"Key":"vpc","Source":"registry.terraform.io/terraform-aws-modules/vpc/aws","Version":"5.1.0","Dir":".terraform/modules/vpc"},{"Key":"web","Source":"./web","Dir":"web"}]}`),
}

// commentOn is the comment that a pull request gets for a recorded plan.
func commentOn(t testing.TB, name string) Comment {
	t.Helper()
	plan := recordedPlan(t, name)
	text := ""
	if name != "everything-again" {
		text = string(recorded(t, "plans/"+name+".txt"))
	}
	return Comment{
		Dir:         "terraform",
		Summary:     Summarize(plan),
		PlanText:    text,
		Fingerprint: Fingerprint(plan, extra),
		Effects:     Effects(plan, extra),
		Commit:      "0123456789abcdef0123456789abcdef01234567",
		Time:        time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
}
