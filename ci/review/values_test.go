package review

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	tfjson "github.com/hashicorp/terraform-json"

	"gitops/ci/secret"
)

// shownValues writes what a change of one attribute is shown as.
func shownValues(t *testing.T, before, after, unknown string) string {
	t.Helper()
	read := func(text string) (v any) {
		decoder := json.NewDecoder(strings.NewReader(text))
		decoder.UseNumber()
		if err := decoder.Decode(&v); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return v
	}
	r := renderer{clean: cleaner{secret.NewRedactor(secret.New("geheimnis-1"), secret.New("geheimnis-2"))}}
	change := &tfjson.Change{Before: map[string]any{"a": read(before)}, After: map[string]any{"a": read(after)}, AfterUnknown: map[string]any{"a": read(unknown)}}
	var lines []string
	for _, v := range compareValues(change, r.clean.redactor).values {
		lines = append(lines, r.valueLines(v)...)
	}
	return strings.Join(lines, "\n")
}

func TestValues(t *testing.T) {
	long := strings.Repeat("x", 300)
	for name, test := range map[string]struct{ before, after, unknown, want string }{
		"equal":                {`{"b":[1,{"c":null}]}`, `{"b":[1.0,{}]}`, `false`, ""},
		"numbers":              {`1500`, `1.5e3`, `false`, ""},
		"long number":          {`12345678901234567890`, `12345678901234567891`, `false`, "! a: 12345678901234567890 → 12345678901234567891"},
		"set":                  {`null`, `"x"`, `false`, `+ a: "x"`},
		"removed":              {`"x"`, `null`, `false`, `- a: "x"`},
		"another kind":         {`"1"`, `[1]`, `false`, `! a: "1" → [1]`},
		"unknown":              {`"x"`, `null`, `true`, `! a: "x" → (known after apply)`},
		"unknown part":         {`{"b":1,"c":2}`, `{"b":1}`, `{"c":true}`, `! a.c: 2 → (known after apply)`},
		"a key with a dot":     {`{}`, `{"b.c":1,"d e":{"f":2}}`, `false`, "+ a[\"b.c\"]: 1\n+ a[\"d e\"].f: 2"},
		"an element in front":  {`["b","c"]`, `["a","b","c"]`, `[]`, `+ a[0]: "a"`},
		"an element away":      {`["a","b","c"]`, `["a","c"]`, `[]`, `- a[1]: "b"`},
		"an element changed":   {`[{"p":80},{"p":443}]`, `[{"p":80},{"p":8443}]`, `[]`, `! a[1].p: 443 → 8443`},
		"JSON":                 {`"{\"b\":[1,2]}"`, `"{\"b\":[1,3]}"`, `false`, `! a.b[1]: 2 → 3`},
		"JSON in JSON":         {`"{\"b\":\"{\\\"c\\\":1}\"}"`, `"{\"b\":\"{\\\"c\\\":2}\"}"`, `false`, `! a.b.c: 1 → 2`},
		"JSON otherwise":       {`"{\"b\":1,\"c\":2}"`, `"{ \"c\":2, \"b\":1 }"`, `false`, `! a: (the same content, written otherwise)`},
		"YAML":                 {`"b: 1\nc: x\n"`, `"b: 2\nc: x\n"`, `false`, `! a.b: 1 → 2`},
		"YAML, two documents":  {`"b: 1\n---\nc: 1\n"`, `"b: 1\n---\nc: 2\n"`, `false`, "! a, by line:\n  b: 1\n  ---\n- c: 1\n+ c: 2"},
		"YAML, first line":     {`"#cloud-config\nb: 1\n"`, `"# cloud-config\nb: 2\n"`, `false`, "! a, by line:\n- #cloud-config\n- b: 1\n+ # cloud-config\n+ b: 2"},
		"YAML, comments alone": {`"b: 1 # x\nc: 1\n"`, `"b: 1 # y\nc: 1\n"`, `false`, "! a, by line:\n- b: 1 # x\n+ b: 1 # y"},
		"lines":                {`"1\n2\n3\n4\n5\n"`, `"1\n2\n3\n4\nfive\n"`, `false`, "! a, by line:\n  …\n  3\n  4\n- 5\n+ five"},
		"a line's end":         {`"x\n"`, `"x \n"`, `false`, "! a, by line:\n- x\n+ x␠"},
		"a tab":                {`"\tx\n"`, `"    x\n"`, `false`, "! a, by line:\n- \\tx\n+     x"},
		"far into a long text": {`"` + long + `1"`, `"` + long + `2"`, `false`, `! a: "…` + long[:40] + `1" → "…` + long[:40] + `2"`},
		"a secret":             {`"u:geheimnis-1@h"`, `"u:geheimnis-2@h"`, `false`, `! a: "u:[REDACTED]@h" (changed in what is hidden)`},
		"invisible":            {`"x"`, `"x\u115f\u3164\u2800\u034f\ufe0f\u00a0\u200b\udb40\udd00"`, `false`, `! a: "x" → "x\u115f\u3164\u2800\u034f\ufe0f\u00a0\u200b\U000e0100"`},
	} {
		if got := shownValues(t, test.before, test.after, test.unknown); got != test.want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, test.want)
		}
	}
}

// Destroys are all named before anything else gets room.
func TestTheBudgetIsForDestroysFirst(t *testing.T) {
	var plan tfjson.Plan
	add := func(count int, name string, action tfjson.Action) {
		for i := range count {
			plan.ResourceChanges = append(plan.ResourceChanges, &tfjson.ResourceChange{
				Address: fmt.Sprintf("a.%s[%d]", name, i),
				Change: &tfjson.Change{Actions: tfjson.Actions{action}, Before: map[string]any{"text": strings.Repeat("a\n", 100)},
					After: map[string]any{"text": strings.Repeat("b\n", 100)}},
			})
		}
	}
	add(300, "gone", tfjson.ActionDelete)
	add(300, "other", tfjson.ActionUpdate)
	add(300, "new", tfjson.ActionCreate)
	body := Render(Comment{Summary: Summarize(&plan), PlanText: strings.Repeat("plan\n", 20000)})
	if len(body) > Limit {
		t.Errorf("%d bytes", len(body))
	}
	for i := range 300 {
		if !strings.Contains(body, fmt.Sprintf("> - **destroy** `a.gone[%d]`\n", i)) {
			t.Fatalf("the destroy of a.gone[%d] is not named", i)
		}
	}
	for _, want := range []string{"**change** `a.other[0]`\n\n```diff\n! text, by line:\n- a\n", "| add | `a.new[0]` |", "characters in all"} {
		if !strings.Contains(body, want) {
			t.Errorf("%q is not in the comment", want)
		}
	}
}

func TestNoChangesSaysWhatIsGone(t *testing.T) {
	before := commentOn(t, "create")
	c := commentOn(t, "nochange")
	c.Before = Render(before)
	if body := Render(c); !strings.Contains(body, fmt.Sprintf("since you last looked: %d gone", before.Record.Of)) {
		t.Errorf("the comment is\n%s", body)
	}
	before.Record = Record{}
	c = commentOn(t, "everything")
	c.Before = Render(before)
	if body := Render(c); !strings.Contains(body, "another plan; the comment does not have the effects of the one before") {
		t.Errorf("the comment is\n%.900s", body)
	}
	c.Before = Render(c)
	if body := Render(c); !strings.Contains(body, "**Since you last looked**: the same plan\n") {
		t.Errorf("the comment is\n%.900s", body)
	}
}

// Many changes that look alike do not hide the values of one: it has room, or the comment
// says that some do not fit.
func TestValuesThatDoNotFitAreTold(t *testing.T) {
	change := func(address, before, after string) *tfjson.ResourceChange {
		return &tfjson.ResourceChange{Address: address, Type: "a", Change: &tfjson.Change{Actions: tfjson.Actions{tfjson.ActionUpdate},
			Before: map[string]any{"input": before}, After: map[string]any{"input": after}}}
	}
	for count, told := range map[int]bool{200: false, 2000: true} {
		plan := &tfjson.Plan{ResourceChanges: []*tfjson.ResourceChange{change("z.last", "s3:Get", "everything")}}
		for i := range count {
			plan.ResourceChanges = append(plan.ResourceChanges, change(fmt.Sprintf("a.same[%d]", i), "one", "two"))
		}
		body := Render(Comment{Summary: Summarize(plan), Fingerprint: word("1"), PlanText: strings.Repeat("line\n", 5000)})
		if strings.Contains(body, "everything") == told || strings.Contains(body, "do not fit into this comment") != told {
			t.Errorf("%d changes: the last one is shown: %t; that some are not is told: %t\n%.600s", count,
				strings.Contains(body, "everything"), strings.Contains(body, "do not fit into this comment"), body)
		}
		if len(body) > Limit {
			t.Errorf("%d changes: %d bytes", count, len(body))
		}
	}
}
