package cost

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/shopspring/decimal"

	"gitops/ci/progress"
)

func TestParse(t *testing.T) {
	tests := map[string]struct{ before, after, diff, currency, resources string }{
		"v02-diff": {"10.468", "18.834", "8.366", "USD",
			`aws_instance.web:8.468>15.184=6.716 aws_eip.web["a|b"]:->3.65=3.65 aws_ebs_volume.old:2>-=-2 aws_s3_bucket.logs:?>?=0`},
		"v01":  {"0", "7.3", "7.3", "USD", `aws_instance.web@network:->7.3=7.3 aws_instance.web@data:->?=0`},
		"zero": {"7.3", "7.3", "0", "EUR", `a.b:7.3>7.3=0`},
	}
	for name, test := range tests {
		data, err := os.ReadFile("testdata/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		cost, err := Parse(data)
		if err != nil {
			t.Fatal(err)
		}
		if cost.Before.String() != test.before || cost.After.String() != test.after || cost.Diff.String() != test.diff || cost.Currency != test.currency {
			t.Errorf("%s: %s to %s, difference %s %s", name, cost.Before, cost.After, cost.Diff, cost.Currency)
		}
		var resources []string
		for _, r := range cost.Resources {
			if r.Project != "" {
				r.Name += "@" + r.Project
			}
			resources = append(resources, fmt.Sprintf("%s:%s>%s=%s", r.Name, side(r.Before, r.Added), side(r.After, r.Removed), r.Diff))
		}
		if got := strings.Join(resources, " "); got != test.resources {
			t.Errorf("%s: resources are\n%s, want\n%s", name, got, test.resources)
		}
	}
}

// A quota makes Infracost answer zeros and end with 0.
func TestNothingPricedIsNoCost(t *testing.T) {
	data, err := os.ReadFile("testdata/quota.json")
	if err != nil {
		t.Fatal(err)
	}
	var unavailable *Unavailable
	if _, err := Parse(data); !errors.As(err, &unavailable) || unavailable.Why != "Infracost free monthly run limit exceeded." {
		t.Errorf("error is %v, want that the limit is exceeded", err)
	}
}

// Amounts are shown with two decimals, and what is shown must add up.
func TestRoundedAmountsAddUp(t *testing.T) {
	data, err := os.ReadFile("testdata/rounding.json")
	if err != nil {
		t.Fatal(err)
	}
	c, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	c = c.Rounded()
	got := strings.Join([]string{Money(c.Before, "USD"), Money(c.After, "USD"), MoneyDiff(c.Diff, "USD"), c.Resources[0].Diff.String()}, " ")
	if got != "$10.47 $18.83 +$8.36 8.36" {
		t.Errorf("the amounts are %s", got)
	}
}

func side(value *decimal.Decimal, absent bool) string {
	switch {
	case absent:
		return "-"
	case value == nil:
		return "?"
	}
	return value.String()
}

func TestParseRefuses(t *testing.T) {
	for name, document := range map[string]string{
		"no JSON":          `{`,
		"no version":       `{"projects":[]}`,
		"later version":    `{"version":"0.3","projects":[]}`,
		"no projects":      `{"version":"0.2"}`,
		"a bomb":           `{"version":"0.2","projects":[],"totalMonthlyCost":"1e999999999"}`,
		"not a number":     `{"version":"0.2","projects":[],"totalMonthlyCost":"$7"}`,
		"a plan's JSON":    `{"format_version":"1.2"}`,
		"number too large": `{"version":"0.2","projects":[],"totalMonthlyCost":"` + strings.Repeat("9", 99) + `"}`,
	} {
		if _, err := Parse([]byte(document)); progress.ExitCode(err) != progress.ExitInvalid {
			t.Errorf("%s: %v, want exit 2", name, err)
		}
	}
}
