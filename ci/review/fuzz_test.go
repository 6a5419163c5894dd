package review

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gitops/ci/cost"
	"gitops/ci/secret"
)

func FuzzPlan(f *testing.F) {
	for _, name := range []string{"create", "everything", "destroy", "nochange", "aws", "values", "target", "shop"} {
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
		s := Summarize(plan)
		s.Errored = ParseState(data).Errored
		before := Render(Comment{Summary: s, Fingerprint: word, Record: first.Record})
		body := Render(Comment{Summary: s, Fingerprint: word, Record: first.Record, PlanText: string(data), Before: before})
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

// FuzzValues compares two values of a plan: JSON where they are, else texts, which may be
// JSON or YAML themselves.
func FuzzValues(f *testing.F) {
	for _, name := range []string{"values", "shop"} {
		for _, rc := range recordedPlan(f, name).ResourceChanges {
			f.Add(CompactJSON(rc.Change.Before), CompactJSON(rc.Change.After), CompactJSON(rc.Change.AfterUnknown), CompactJSON(rc.Change.AfterSensitive))
		}
	}
	f.Add("a: &x [1]\nb: *x\n", "a: [1, 2]\nb: ~\n", `{"a":true}`, `true`)
	f.Add(`[1,2,3,4]`, `[0,1,3,4,"geheimnis"]`, `[]`, `[]`)
	f.Fuzz(func(t *testing.T, before, after, unknown, sensitive string) {
		const hidden = "geheimnis"
		plan, err := ParsePlan([]byte(`{"format_version":"1.2","resource_changes":[{"address":"a.b","change":{"actions":["update"],"before":` + jsonOr(before) +
			`,"after":` + jsonOr(after) + `,"after_unknown":` + jsonOr(unknown) + `,"after_sensitive":` + jsonOr(sensitive) + `,"replace_paths":[["a"]]}}]}`))
		if err != nil {
			return
		}
		s := Summarize(plan)
		for _, action := range []Action{ActionChange, ActionReplace, ActionAdd, ActionAnew} {
			s.Resources[0].Action = action
			s.Drift = s.Resources
			body := Render(Comment{Summary: s, Redactor: secret.NewRedactor(secret.New(hidden))})
			if strings.Contains(body, hidden) || len(body) > Limit {
				t.Fatalf("%d bytes:\n%s", len(body), body)
			}
			if strings.Contains(before+after, canary) {
				confined(t, body)
			}
		}
	})
}

// jsonOr returns text if it is JSON, and else text as a JSON string.
func jsonOr(text string) string {
	if json.Valid([]byte(text)) {
		return text
	}
	return CompactJSON(text)
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
