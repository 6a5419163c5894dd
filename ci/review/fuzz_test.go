package review

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gitops/ci/cost"
	"gitops/ci/secret"
)

func FuzzPlan(f *testing.F) {
	for _, name := range []string{"create", "everything", "destroy", "nochange", "aws"} {
		f.Add(recorded(f, "plans/"+name+".json"))
	}
	f.Add([]byte(`{"format_version":"1.2","resource_changes":[null,{"change":null},{"change":{"actions":["x"],"replace_paths":[null,[],[1,"a",null,{"b":[]}]]}}],"output_changes":{"a":null},"deferred_changes":[null,{"resource_change":{"change":{}}}]}`))
	f.Add([]byte(`{"format_version":"1.2","resource_changes":[{"address":"a.b","previous_address":"a.c","change":{"actions":["update"],"before":{"a":[1,{"b":null}]},"after":{"a":["x",true]},"after_unknown":{"a":[true],"c":{"d":true}},"after_sensitive":{"a":[false,true]},"importing":{"id":"x","identity":{"y":1e9}}}}],"output_changes":{"o":{"actions":["create"],"after":"v","after_unknown":{"x":true}}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		plan, err := ParsePlan(data)
		if err != nil {
			return
		}
		first := Observe(plan, extra)
		word := first.Fingerprint.String()
		again, err := ParsePlan(data)
		if err != nil || fingerprint(again, extra) != word {
			t.Fatalf("a second look gives another fingerprint, or %v", err)
		}
		body := Render(Comment{Summary: Summarize(plan), Fingerprint: word, Record: first.Record, PlanText: string(data)})
		if difference := Compare(first.Record, Observe(again, extra).Record); !difference.Empty() {
			t.Fatalf("a second look gives other effects: %v", difference)
		}
		if found, ok := ParseFingerprint(body); !ok || found != word || len(body) > Limit {
			t.Fatalf("%d bytes, fingerprint %q", len(body), found)
		}
		if _, rerun := Left(first.Record, first); !rerun {
			t.Fatal("the whole plan is not left of itself")
		}
		if o, err := Recheck(plan, first.Record, first.Masks); err != nil || o.Fingerprint != first.Fingerprint {
			t.Fatalf("read again as it was shown, it is %v, %v", o.Fingerprint, err)
		}
	})
}

func FuzzCost(f *testing.F) {
	paths, err := filepath.Glob("../cost/testdata/*.json")
	if err != nil || len(paths) == 0 {
		f.Fatal("no documents", err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"version":"0.2","currency":"USD","projects":[{"name":"p","breakdown":{"resources":[{"name":"a","monthlyCost":"1.5"}],"totalMonthlyCost":"1.5"}}],"totalMonthlyCost":"-1e9"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := cost.Parse(data)
		if err != nil {
			return
		}
		body := Render(Comment{Summary: Summary{Resources: []Resource{{Address: "a.b", Action: ActionAdd}}}, Cost: &c})
		if len(body) > Limit {
			t.Fatalf("%d bytes", len(body))
		}
		cost.Money(c.Before, c.Currency)
		cost.MoneyDiff(c.After, c.Currency)
	})
}

func FuzzRender(f *testing.F) {
	for _, attack := range attacks {
		f.Add(attack)
	}
	f.Fuzz(func(t *testing.T, text string) { check(t, text) })
}

func FuzzRedacted(f *testing.F) {
	f.Add("before ", " after")
	f.Fuzz(func(t *testing.T, before, after string) {
		const hidden = "geheimnis"
		c := hostile(before + hidden + after)
		c.Redactor = secret.NewRedactor(secret.New(hidden))
		// Directory and workspace stand in the marker, which names them to find it again.
		c.Dir, c.Workspace = "", ""
		if body := Render(c); strings.Contains(body, hidden) {
			t.Fatalf("the secret is in\n%s", body)
		}
	})
}

func FuzzComments(f *testing.F) {
	f.Add(Render(commentOn(f, "create")))
	f.Fuzz(func(t *testing.T, body string) {
		fingerprint, found := ParseFingerprint(body)
		if found && !strings.Contains(body, fingerprint) {
			t.Fatalf("%q is not in the comment", fingerprint)
		}
		ParseRecord(body)
	})
}
