package review

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gitops/ci/secret"
)

func FuzzPlan(f *testing.F) {
	for _, name := range []string{"create", "everything", "destroy", "nochange", "aws"} {
		f.Add(recorded(f, "plans/"+name+".json"))
	}
	f.Add([]byte(`{"format_version":"1.2","resource_changes":[null,{"change":null},{"change":{"actions":["x"],"replace_paths":[null,[],[1,"a",null,{"b":[]}]]}}],"output_changes":{"a":null},"deferred_changes":[null,{"resource_change":{"change":{}}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		plan, err := ParsePlan(data)
		if err != nil {
			return
		}
		fingerprint := Fingerprint(plan, Extra{LockFile: data, Modules: data})
		again, err := ParsePlan(data)
		if err != nil || Fingerprint(again, Extra{LockFile: data, Modules: data}) != fingerprint {
			t.Fatalf("a second look gives another fingerprint, or %v", err)
		}
		body := Render(Comment{Summary: Summarize(plan), Fingerprint: fingerprint, PlanText: string(data)})
		if found, ok := ParseFingerprint(body); !ok || found != fingerprint || len(body) > Limit {
			t.Fatalf("%d bytes, fingerprint %q", len(body), found)
		}
	})
}

func FuzzCost(f *testing.F) {
	paths, err := filepath.Glob("testdata/cost/*.json")
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
	f.Fuzz(func(t *testing.T, data []byte) {
		cost, err := ParseCost(data)
		if err != nil {
			return
		}
		body := Render(Comment{Summary: Summary{Resources: []Resource{{Address: "a.b", Action: ActionAdd}}}, Cost: &cost})
		if len(body) > Limit {
			t.Fatalf("%d bytes", len(body))
		}
		Money(cost.Before, cost.Currency)
		MoneyDiff(cost.After, cost.Currency)
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
