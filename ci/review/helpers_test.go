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
	Parts: []Part{
		{Kind: "workspace", Value: "default"},
		{Kind: "provider", Name: "registry.terraform.io/hashicorp/aws", Value: "5.100.0", Content: "h1:abc="},
		{Kind: "configuration", Name: "main.tf", Content: "0123456789abcdef"},
		{Kind: "variable", Name: "region", Content: "\"eu-central-1\"", Secret: true},
	},
}

// fingerprint is the word that names what plan would do.
func fingerprint(plan *tfjson.Plan, e Extra) string { return Observe(plan, e).Fingerprint.String() }

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
		Fingerprint: fingerprint(plan, extra),
		Record:      Observe(plan, extra).Record,
		Commit:      "0123456789abcdef0123456789abcdef01234567",
		Time:        time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
}
