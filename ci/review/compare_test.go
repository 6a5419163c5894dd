package review

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	tfjson "github.com/hashicorp/terraform-json"

	"gitops/ci/lab/texttest"
	"gitops/ci/secret"
)

// An attribute that moves by itself makes no difference; a change that is one does.
func TestPairs(t *testing.T) {
	for _, name := range []string{"rds", "rds-destroy"} {
		var plans []*tfjson.Plan
		for _, side := range []string{"0", "1"} {
			plan, err := ParsePlan(recorded(t, "pairs/"+name+"-"+side+".json"))
			if err != nil {
				t.Fatal(err)
			}
			plans = append(plans, plan)
		}
		if a, b := fingerprint(plans[0], extra), fingerprint(plans[1], extra); a != b {
			t.Errorf("%s: %s and %s differ", name, a, b)
		}
		plans[1].ResourceChanges[0].Change.Before.(map[string]any)["id"] = "db-2"
		d := Compare(Observe(plans[0], extra).Record, Observe(plans[1], extra).Record)
		if lines := d.Lines(); !strings.Contains(lines[0], "aws_db_instance.db, which is another object than the reviewed one") {
			t.Errorf("%s: of another database it says %v", name, lines)
		}
	}
}

// one is a plan of one change, made by change from a plain update.
func one(change func(rc *tfjson.ResourceChange)) *tfjson.Plan {
	rc := &tfjson.ResourceChange{Address: "a.b", Mode: "managed", ProviderName: "p", Change: &tfjson.Change{
		Actions: tfjson.Actions{tfjson.ActionUpdate},
		Before:  map[string]any{"id": "i-1", "size": "s", "etag": "1", "groups": []any{"x", "y"}, "disk": []any{map[string]any{"gb": 1.0, "moved": "1"}}, "tags": map[string]any{"a": "1"}},
		After:   map[string]any{"id": "i-1", "size": "m", "etag": "1", "groups": []any{"x", "y"}, "disk": []any{map[string]any{"gb": 2.0, "moved": "1"}}, "tags": map[string]any{"a": "1"}},
	}}
	change(rc)
	return &tfjson.Plan{FormatVersion: "1.2", ResourceChanges: []*tfjson.ResourceChange{rc}}
}

func set(rc *tfjson.ResourceChange, name string, before, after any) {
	rc.Change.Before.(map[string]any)[name], rc.Change.After.(map[string]any)[name] = before, after
}

func TestWhatMakesADifference(t *testing.T) {
	want := fingerprint(one(func(*tfjson.ResourceChange) {}), extra)
	for name, change := range map[string]func(rc *tfjson.ResourceChange){
		"an etag":                          func(rc *tfjson.ResourceChange) { set(rc, "etag", "2", "2") },
		"a computed list in another order": func(rc *tfjson.ResourceChange) { set(rc, "groups", []any{"y", "x"}, []any{"y", "x"}) },
		"a part of a block": func(rc *tfjson.ResourceChange) {
			set(rc, "disk", []any{map[string]any{"gb": 1.0, "moved": "2"}}, []any{map[string]any{"gb": 2.0, "moved": "2"}})
		},
		"another tag that stays": func(rc *tfjson.ResourceChange) {
			set(rc, "tags", map[string]any{"a": "2"}, map[string]any{"a": "2"})
		},
		"null against nothing": func(rc *tfjson.ResourceChange) { set(rc, "new", nil, nil) },
	} {
		if fingerprint(one(change), extra) != want {
			t.Errorf("%s makes a difference", name)
		}
	}
	seen := map[string]string{want: "nothing"}
	for name, change := range map[string]func(rc *tfjson.ResourceChange){
		"before":    func(rc *tfjson.ResourceChange) { set(rc, "size", "l", "m") },
		"after":     func(rc *tfjson.ResourceChange) { set(rc, "size", "s", "l") },
		"another":   func(rc *tfjson.ResourceChange) { set(rc, "etag", "1", "2") },
		"unknown":   func(rc *tfjson.ResourceChange) { rc.Change.AfterUnknown = map[string]any{"etag": true} },
		"the order": func(rc *tfjson.ResourceChange) { set(rc, "groups", []any{"x", "y"}, []any{"y", "x"}) },
		"a block": func(rc *tfjson.ResourceChange) {
			set(rc, "disk", []any{map[string]any{"gb": 1.0}}, []any{map[string]any{"gb": 3.0}})
		},
		"object":   func(rc *tfjson.ResourceChange) { set(rc, "id", "i-2", "i-2") },
		"identity": func(rc *tfjson.ResourceChange) { rc.Change.BeforeIdentity = map[string]any{"arn": "x"} },
		"move":     func(rc *tfjson.ResourceChange) { rc.PreviousAddress = "a.c" },
		"import":   func(rc *tfjson.ResourceChange) { rc.Change.Importing = &tfjson.Importing{ID: "i-1"} },
		"import by identity": func(rc *tfjson.ResourceChange) {
			rc.Change.Importing = &tfjson.Importing{Identity: map[string]any{"arn": "x"}}
		},
		"provider": func(rc *tfjson.ResourceChange) { rc.ProviderName = "q" },
		"mark":     func(rc *tfjson.ResourceChange) { rc.Change.AfterSensitive = map[string]any{"etag": true} },
		"replace": func(rc *tfjson.ResourceChange) {
			rc.Change.Actions = tfjson.Actions{tfjson.ActionDelete, tfjson.ActionCreate}
		},
		"replace, made first": func(rc *tfjson.ResourceChange) {
			rc.Change.Actions = tfjson.Actions{tfjson.ActionCreate, tfjson.ActionDelete}
		},
		"reason": func(rc *tfjson.ResourceChange) {
			rc.Change.Actions = tfjson.Actions{tfjson.ActionDelete, tfjson.ActionCreate}
			rc.ActionReason = tfjson.ActionReasonReplaceByRequest
		},
		"path": func(rc *tfjson.ResourceChange) {
			rc.Change.Actions = tfjson.Actions{tfjson.ActionDelete, tfjson.ActionCreate}
			rc.Change.ReplacePaths = []any{[]any{"size"}}
		},
	} {
		f := fingerprint(one(change), extra)
		if other, double := seen[f]; double {
			t.Errorf("%s has the fingerprint of %s", name, other)
		}
		seen[f] = name
	}
}

// What is told of a difference names the attribute, and is never empty.
func TestDifferenceNamesAttributes(t *testing.T) {
	reviewed := Observe(one(func(*tfjson.ResourceChange) {}), extra).Record
	for want, change := range map[string]func(rc *tfjson.ResourceChange){
		"change a.b, with other values than reviewed of: size":       func(rc *tfjson.ResourceChange) { set(rc, "size", "s", "xl") },
		"change a.b, with other values than reviewed of: etag":       func(rc *tfjson.ResourceChange) { set(rc, "etag", "1", "2") },
		"change a.b, with other values than reviewed of: etag, size": func(rc *tfjson.ResourceChange) { set(rc, "etag", "1", "2"); set(rc, "size", "m", "m") },
		"change a.b, with other values than reviewed of: disk": func(rc *tfjson.ResourceChange) {
			rc.Change.AfterUnknown = map[string]any{"disk": []any{map[string]any{"gb": true}}}
		},
		"change a.b, which is another object than the reviewed one": func(rc *tfjson.ResourceChange) { set(rc, "id", "i-2", "i-2") },
		"change a.b, with other values than reviewed":               func(rc *tfjson.ResourceChange) { rc.PreviousAddress = "a.c" },
		"destroy a.b, where change was reviewed":                    func(rc *tfjson.ResourceChange) { rc.Change.Actions = tfjson.Actions{tfjson.ActionDelete} },
	} {
		lines := Compare(reviewed, Observe(one(change), extra).Record).Lines()
		if lines[0] != want || len(lines) != 2 || !strings.HasPrefix(lines[1], "All inputs are the reviewed ones, so the state") {
			t.Errorf("the difference is %q, want %q", lines, want)
		}
	}
}

func TestRecordComesBackFromTheComment(t *testing.T) {
	c := commentOn(t, "everything")
	body := Render(c)
	for _, written := range []string{body, strings.ReplaceAll(body, "\n", "\r\n")} {
		record, found := ParseRecord(written)
		if want := c.Record; !found || CompactJSON(record.Effects) != CompactJSON(want.Effects) || !slices.Equal(record.Inputs, shortened(want.Inputs)) || len(record.Effects) != 25 || record.Left != "" {
			t.Errorf("%d effects come back, %v, %s; want %d", len(record.Effects), found, record.Left, len(c.Record.Effects))
		}
	}
	for name, written := range map[string]string{
		"failure":  Render(Comment{Failure: &Failure{}, Record: c.Record}),
		"not ours": "> " + body,
		"damaged":  texttest.Replace(t, body, recordPrefix, recordPrefix+"AAAA"),
		"none":     Render(Comment{Record: c.Record}),
	} {
		if record, found := ParseRecord(written); found {
			t.Errorf("%s: found %v", name, record)
		}
	}
}

// Whatever does not fit, the difference says so and says nothing false.
func TestRecordsOfEverySize(t *testing.T) {
	left := map[string]bool{}
	for _, count := range []int{10, 400, 500, 620, 2000, 20000} {
		plan := &tfjson.Plan{}
		for i := range count {
			rc := one(func(*tfjson.ResourceChange) {}).ResourceChanges[0]
			rc.Address = fmt.Sprintf("aws_thing.of_some_kind[%d]", i)
			if i%4 == 3 {
				rc.Change.Before = nil
				rc.Change.After = map[string]any{"name": fmt.Sprint(i), "size": fmt.Sprint(i * 7)}
				rc.Change.Actions = tfjson.Actions{tfjson.ActionCreate}
			}
			plan.ResourceChanges = append(plan.ResourceChanges, rc)
		}
		reviewed := Observe(plan, extra)
		body := Render(Comment{Fingerprint: reviewed.Fingerprint.String(), Record: reviewed.Record, Summary: Summarize(plan)})
		record, found := ParseRecord(body)
		if !found || record.Of != count {
			t.Fatalf("%d effects: the record is %v with %d", count, found, record.Of)
		}
		left[record.Left] = true
		if d := Compare(record, reviewed.Record); !d.Empty() {
			t.Errorf("%d effects: the same plan has the difference %v", count, d.Lines())
		}
		_, rerun := Left(record, reviewed)
		if want := slices.Contains([]string{"", LeftExplanations, LeftAttributes}, record.Left); rerun != want {
			t.Errorf("%d effects, without %s: a rerun is allowed: %v", count, record.Left, rerun)
		}
		plan.ResourceChanges[3].Change.After.(map[string]any)["size"] = "another"
		lines := strings.Join(Compare(record, Observe(plan, extra).Record).Lines(), "\n")
		told := strings.Contains(lines, "aws_thing.of_some_kind[3]")
		if full := record.Left == "" || record.Left == LeftExplanations; !told && record.Left != LeftEffects || !full && !strings.Contains(lines, "no room for "+record.Left) {
			t.Errorf("%d effects, without %s: the difference is\n%s", count, record.Left, lines)
		}
	}
	if len(left) != 5 {
		t.Errorf("the records leave out %v, which is not every step", left)
	}
}

func TestDifference(t *testing.T) {
	reviewed := Observe(recordedPlan(t, "everything"), extra).Record
	if d := Compare(reviewed, Observe(recordedPlan(t, "everything-again"), extra).Record); !d.Empty() {
		t.Errorf("two honest plans differ: %+v", d)
	}
	plan := recordedPlan(t, "everything")
	var kept []*tfjson.ResourceChange
	for _, rc := range plan.ResourceChanges {
		switch rc.Address {
		case "terraform_data.destroyed":
			continue
		case "terraform_data.unchanged":
			rc.Change.Actions = tfjson.Actions{tfjson.ActionDelete}
		case "terraform_data.updated":
			rc.Change.After.(map[string]any)["input"] = "something else"
		case "terraform_data.imported":
			rc.Change.Actions = tfjson.Actions{tfjson.ActionDelete, tfjson.ActionCreate}
		case "terraform_data.sensitive":
			rc.Change.After.(map[string]any)["input"].(map[string]any)["password"] = "another"
		}
		kept = append(kept, rc)
	}
	plan.ResourceChanges = kept
	plan.OutputChanges["changed"].After = "another"
	d := Compare(reviewed, Observe(plan, extra).Record)
	want := []string{
		"reviewed, but not now: destroy terraform_data.destroyed",
		"now, but not reviewed: destroy terraform_data.unchanged",
		"change output changed, with other values than reviewed of: value",
		"replace terraform_data.imported, where change was reviewed",
		"add terraform_data.sensitive, with other values than reviewed of: input",
		"change terraform_data.updated, with other values than reviewed of: input",
		"All inputs are the reviewed ones, so the state, or the cloud behind it, has changed since the review: an apply in between, or a change outside of Terraform.",
	}
	if got := d.Lines(); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the difference is\n%s", strings.Join(got, "\n"))
	}
	body := RenderRefusal(Refusal{Comment: commentOn(t, "everything"), Reviewed: word("a"), Difference: d})
	compare(t, "refusal.md", body)
	if _, found := ParseFingerprint(body); found {
		t.Error("a refusal passes for a review")
	}
}

// A run with another key says so, and one with more keys observes as the review did.
func TestObserveAs(t *testing.T) {
	plan := recordedPlan(t, "everything")
	key, other := secret.New("the key of the repository"), secret.New("another key")
	with := func(key secret.Value, lineage string) Extra {
		return Extra{Key: key, Lineage: lineage, Parts: extra.Parts}
	}
	none := secret.Value{}
	for name, test := range map[string]struct {
		reviewed, now Extra
		want          string
	}{
		"the same key":           {with(key, ""), with(key, "one"), ""},
		"no key then":            {with(none, "one"), with(key, "one"), ""},
		"before the first apply": {with(none, ""), with(none, "one"), ""},
		"no key now":             {with(key, "one"), with(none, "one"), "this run has none: give it GITOPS_REVIEW_KEY"},
		"another key":            {with(key, "one"), with(other, "one"), "another review key"},
		"another state":          {with(none, "one"), with(none, "two"), "another state"},
		"no state":               {with(none, "one"), with(none, ""), "now there is none"},
	} {
		reviewed := Observe(plan, test.reviewed)
		now, err := ObserveAs(reviewed.Record, plan, test.now)
		switch {
		case test.want == "" && (err != nil || now.Fingerprint.Effects != reviewed.Fingerprint.Effects):
			t.Errorf("%s: %v, or other effects", name, err)
		case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%s: %v, want %s", name, err, test.want)
		}
	}
}

// The comment hides a secret in an address and in a value: its hash needs the key, the
// effect is the same all the same, and who knows more secrets observes the same.
func TestHiddenSecrets(t *testing.T) {
	of := func(word, hide string, e Extra) Observation {
		make := func(word string) *tfjson.Plan {
			return one(func(rc *tfjson.ResourceChange) {
				rc.Address = `a.b["` + word + `"]`
				set(rc, "size", "s", "https://"+word+"@example.com")
				set(rc, "tags", map[string]any{}, map[string]any{word: "x"})
				set(rc, "room", "s", "Infracost room")
			})
		}
		plan, shown := make(word), make(strings.ReplaceAll(word, hide, secret.Redacted))
		if hide == "Infracost" {
			shown = make(word)
			set(shown.ResourceChanges[0], "room", "s", secret.Redacted+" room")
		}
		e.Shown = shown
		return Observe(plan, e)
	}
	bare, again := of("geheimnis", "geheimnis", Extra{}), of("gehoimnis", "gehoimnis", Extra{})
	if bare.Fingerprint != again.Fingerprint || CompactJSON(bare.Record) != CompactJSON(again.Record) || strings.Contains(CompactJSON(bare.Record), "geheimnis") {
		t.Errorf("without a key, a secret can be tried:\n%+v\n%+v", bare.Record, again.Record)
	}
	first, second := of("geheimnis", "geheimnis", extra), of("gehoimnis", "gehoimnis", extra)
	if d := Compare(first.Record, second.Record); d.Empty() {
		t.Error("another secret makes no difference")
	}
	// Read back from what is shown, with the digests of what is not.
	back, err := Recheck(first.shown(t), first.Record, first.Masks)
	if err != nil || back.Fingerprint != first.Fingerprint || CompactJSON(back.Record) != CompactJSON(first.Record) {
		t.Errorf("%v: read back it is\n%s\nwant\n%s", err, CompactJSON(back.Record), CompactJSON(first.Record))
	}
}

// shown is the masked plan of TestHiddenSecrets.
func (o Observation) shown(t *testing.T) *tfjson.Plan {
	t.Helper()
	if len(o.Masks) != 3 {
		t.Errorf("the masks are %v, want those of address, size and tags", o.Masks)
	}
	return one(func(rc *tfjson.ResourceChange) {
		rc.Address = `a.b["` + secret.Redacted + `"]`
		set(rc, "size", "s", "https://"+secret.Redacted+"@example.com")
		set(rc, "tags", map[string]any{}, map[string]any{secret.Redacted: "x"})
		set(rc, "room", "s", "Infracost room")
	})
}

// A plan folder that lies about its plan gets the fingerprint of what it shows, whatever
// its record says.
func TestRecheckOfALie(t *testing.T) {
	shown := one(func(*tfjson.ResourceChange) {})
	real := Observe(one(func(rc *tfjson.ResourceChange) { set(rc, "size", "s", "rm -rf") }), extra)
	back, err := Recheck(shown, real.Record, real.Masks)
	if err != nil || back.Fingerprint.Effects == real.Fingerprint.Effects || back.Fingerprint != Observe(shown, extra).Fingerprint {
		t.Errorf("%v: a lie has the fingerprint %s", err, back.Fingerprint)
	}
	lied := real.Record
	lied.Inputs = slices.Clone(lied.Inputs)
	lied.Inputs[0].Value = "something else"
	if back, _ := Recheck(shown, lied, nil); back.Fingerprint.Inputs == real.Fingerprint.Inputs {
		t.Error("a lie about an input has the fingerprint of the truth")
	}
}
