package review

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	tfjson "github.com/hashicorp/terraform-json"

	"gitops/ci/secret"
)

// The forms that the fingerprint covers, leaf by leaf.
func TestFormsOfEffects(t *testing.T) {
	for _, name := range []string{"everything", "aws", "nochange"} {
		var forms strings.Builder
		for _, one := range Observe(recordedPlan(t, name), extra).observed {
			fmt.Fprintf(&forms, "%s %s\n", one.Action, one.Address)
			for _, l := range one.leaves {
				fmt.Fprintf(&forms, "  %s %s\n", l.path, CompactJSON(one.bound(l)))
			}
		}
		compare(t, name+".effects.txt", forms.String())
	}
}

// Two plans of the same change, made one after the other, differ in their time
// at least and have one fingerprint.
func TestTwoHonestPlansHaveOneFingerprint(t *testing.T) {
	first, second := recordedPlan(t, "everything"), recordedPlan(t, "everything-again")
	if first.Timestamp == second.Timestamp {
		t.Fatal("the two plans are one")
	}
	if a, b := fingerprint(first, extra), fingerprint(second, extra); a != b {
		t.Errorf("fingerprints %s and %s differ", a, b)
	}
}

func TestFingerprintOfAThousandShuffles(t *testing.T) {
	data := recorded(t, "plans/everything.json")
	want := fingerprint(recordedPlan(t, "everything"), extra)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 1000 {
		plan, err := ParsePlan(shuffled(t, data, random))
		if err != nil {
			t.Fatal(err)
		}
		if got := fingerprint(plan, extra); got != want {
			t.Fatalf("shuffle %d has %s, want %s", i, got, want)
		}
	}
}

// shuffled rewrites a plan's JSON: resources in another order, other white space,
// another time, another serial of the format.
func shuffled(t *testing.T, data []byte, random *rand.Rand) []byte {
	t.Helper()
	document := decode(t, data)
	changes := document["resource_changes"].([]any)
	random.Shuffle(len(changes), func(i, j int) { changes[i], changes[j] = changes[j], changes[i] })
	document["timestamp"] = fmt.Sprintf("2026-01-01T00:%02d:00Z", random.IntN(60))
	document["format_version"] = fmt.Sprintf("1.%d", random.IntN(5))
	document["terraform_version"] = fmt.Sprintf("1.11.%d", random.IntN(9))
	delete(document, []string{"prior_state", "planned_values", "relevant_attributes", "configuration"}[random.IntN(4)])
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetIndent("", strings.Repeat(" ", random.IntN(4)))
	if err := encoder.Encode(document); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func decode(t *testing.T, data []byte) map[string]any {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var document map[string]any
	if err := decoder.Decode(&document); err != nil {
		t.Fatal(err)
	}
	return document
}

// Every action, address and value that a change would bring is in the fingerprint:
// each is changed in turn, and all the fingerprints differ.
func TestFingerprintCoversEverything(t *testing.T) {
	for _, name := range []string{"everything", "aws"} {
		document := decode(t, recorded(t, "plans/"+name+".json"))
		seen := map[string]string{fingerprintOf(t, document): "no change"}
		changed := 0
		try := func(what string, set func(any), old any) {
			for _, value := range others(old) {
				set(value)
				fingerprint := fingerprintOf(t, document)
				if other, double := seen[fingerprint]; double {
					t.Errorf("%s: %s: %v has the fingerprint of %s", name, what, value, other)
				}
				seen[fingerprint] = what
				changed++
			}
			set(old)
		}
		for i, rc := range document["resource_changes"].([]any) {
			rc := rc.(map[string]any)
			if noop(rc) {
				continue
			}
			at := fmt.Sprint(i)
			for _, key := range []string{"address", "provider_name", "mode"} {
				leaves(at+"."+key, rc[key], nil, func(v any) { rc[key] = v }, try)
			}
			change := rc["change"].(map[string]any)
			for _, key := range bound(change) {
				leaves(at+"."+key, change[key], change["after_unknown"], func(v any) { change[key] = v }, try)
			}
		}
		for output, change := range document["output_changes"].(map[string]any) {
			change := change.(map[string]any)
			if actions := fmt.Sprint(change["actions"]); actions != "[no-op]" && actions != "[delete]" {
				leaves(output, change["after"], change["after_unknown"], func(v any) { change["after"] = v }, try)
			}
		}
		if changed < 100 {
			t.Errorf("%s: only %d changes were tried", name, changed)
		}
	}
}

// bound are the trees of a change all of whose known leaves count.
func bound(change map[string]any) []string {
	switch fmt.Sprint(change["actions"]) {
	case "[delete]", "[forget]", "[no-op]":
		return nil
	case "[update]":
		return []string{"before", "after"}
	}
	return []string{"after"}
}

// What does not change makes no difference, whatever it is: each unchanged leaf of an
// update is changed on both sides.
func TestFingerprintLeavesOutWhatStays(t *testing.T) {
	changed := 0
	for _, name := range []string{"everything", "aws"} {
		document := decode(t, recorded(t, "plans/"+name+".json"))
		want := fingerprintOf(t, document)
		for _, rc := range document["resource_changes"].([]any) {
			change := rc.(map[string]any)["change"].(map[string]any)
			before, after := change["before"], change["after"]
			if fmt.Sprint(change["actions"]) != "[update]" {
				continue
			}
			for key, value := range before.(map[string]any) {
				other := after.(map[string]any)
				if key == "id" || key == "identity" || CompactJSON(value) != CompactJSON(other[key]) || anyTrue(at(change["after_unknown"], key)) {
					continue
				}
				before.(map[string]any)[key], other[key] = "moved by a refresh", "moved by a refresh"
				if fingerprintOf(t, document) != want {
					t.Errorf("%s: %v.%s makes a difference", name, rc.(map[string]any)["address"], key)
				}
				before.(map[string]any)[key], other[key] = value, value
				changed++
			}
		}
	}
	if changed < 3 {
		t.Errorf("only %d attributes were tried", changed)
	}
}

func noop(rc map[string]any) bool {
	change := rc["change"].(map[string]any)
	return fmt.Sprint(change["actions"]) == "[no-op]" && rc["previous_address"] == nil && change["importing"] == nil
}

// others are values that are not old.
func others(old any) []any {
	switch old := old.(type) {
	case string:
		if old == "no-op" || old == "create" || old == "delete" || old == "update" || old == "read" || old == "forget" {
			return []any{"changed"}
		}
		return []any{old + " ", nil}
	case bool:
		return []any{!old}
	case json.Number:
		return []any{json.Number(old.String() + "1"), old.String()}
	case nil:
		return []any{"", json.Number("0")}
	}
	return nil
}

// leaves visits every leaf of value that is not unknown; set replaces value in what
// holds it.
func leaves(path string, value, unknown any, set func(any), visit func(string, func(any), any)) {
	if unknown == true {
		return // what stands in the place of an unknown value means nothing
	}
	switch value := value.(type) {
	case map[string]any:
		for key, part := range value {
			leaves(path+"."+key, part, at(unknown, key), func(v any) { value[key] = v }, visit)
		}
	case []any:
		for i, part := range value {
			leaves(fmt.Sprintf("%s[%d]", path, i), part, nth(unknown, i), func(v any) { value[i] = v }, visit)
		}
	default:
		visit(path, set, value)
	}
}

func fingerprintOf(t *testing.T, document map[string]any) string {
	t.Helper()
	data, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := ParsePlan(data)
	if err != nil {
		t.Fatal(err)
	}
	return fingerprint(plan, extra)
}

// Each input is in the second half of the fingerprint alone.
func TestFingerprintCoversInputs(t *testing.T) {
	plan := recordedPlan(t, "everything")
	first := Observe(plan, extra)
	seen := map[string]string{first.Fingerprint.Inputs: "as it is"}
	for i, part := range extra.Parts {
		for name, change := range map[string]func(*Part){
			"kind": func(p *Part) { p.Kind += "x" }, "name": func(p *Part) { p.Name += "x" },
			"value": func(p *Part) { p.Value += "x" }, "content": func(p *Part) { p.Content += "x" },
		} {
			other := extra
			other.Parts = slices.Clone(extra.Parts)
			change(&other.Parts[i])
			now := Observe(plan, other)
			what := part.Kind + " " + name
			if double, is := seen[now.Fingerprint.Inputs]; is || now.Fingerprint.Effects != first.Fingerprint.Effects {
				t.Errorf("%s has the fingerprint of %s", what, double)
			}
			seen[now.Fingerprint.Inputs] = what
			if d := Compare(first.Record, now.Record); len(d.Inputs) == 0 || len(d.Other) > 0 || !strings.HasPrefix(d.Lines()[0], "other inputs: "+part.Kind) {
				t.Errorf("%s: the difference is %v", what, d.Lines())
			}
		}
	}
	other := extra
	other.Lineage = "another"
	if now := Observe(plan, other); seen[now.Fingerprint.Inputs] != "" {
		t.Error("another lineage has the same fingerprint")
	}
	other = extra
	other.Parts = slices.Clone(extra.Parts)
	slices.Reverse(other.Parts)
	if Observe(plan, other).Fingerprint != first.Fingerprint {
		t.Error("the order of the inputs makes a difference")
	}
}

func TestFingerprintOfFloatsAndNumbers(t *testing.T) {
	data := recorded(t, "plans/aws.json")
	floats := &tfjson.Plan{}
	if err := json.Unmarshal(data, floats); err != nil {
		t.Fatal(err)
	}
	if fingerprint(floats, extra) != fingerprint(recordedPlan(t, "aws"), extra) {
		t.Error("a plan read with floats has another fingerprint")
	}
}

func TestNumber(t *testing.T) {
	for text, want := range map[string]string{
		"0": "0", "-0": "0", "0.000": "0", "1500": "15e2", "1500.0": "15e2", "1.5e3": "15e2", "1.5E+3": "15e2",
		"-12.50": "-125e-1", "12345678901234567890": "1234567890123456789e1", "1e999999999": "1e999999999",
		"0.001": "1e-3", "1e99999999999999999999": "1e99999999999999999999",
	} {
		if got := number(text); got != want {
			t.Errorf("number(%s) = %s, want %s", text, got, want)
		}
	}
}

// Nothing that a comment holds changes with a sensitive value where there is no key;
// with one, the hash depends on the value and on the key.
func TestSensitiveValuesNeedAKey(t *testing.T) {
	of := func(password string, e Extra) Observation {
		return Observe(&tfjson.Plan{ResourceChanges: []*tfjson.ResourceChange{{Address: "a.b", Change: &tfjson.Change{
			Actions: tfjson.Actions{tfjson.ActionCreate}, After: map[string]any{"password": password}, AfterSensitive: map[string]any{"password": true},
		}}}}, e)
	}
	lineage, review := Extra{Lineage: "one"}, Extra{Key: secret.New("a key of the repository")}
	if a, b := of("hunter2", Extra{}), of("hunter3", Extra{}); CompactJSON(a.Record) != CompactJSON(b.Record) || a.Fingerprint != b.Fingerprint {
		t.Errorf("without a key, a password can be tried: %+v, %+v", a, b)
	}
	seen := map[string]bool{}
	for _, e := range []Extra{lineage, {Lineage: "two"}, review, {Lineage: "one", Key: secret.New("another key")}} {
		for _, password := range []string{"hunter2", "hunter3"} {
			seen[of(password, e).Fingerprint.Effects] = true
		}
	}
	if len(seen) != 8 {
		t.Errorf("8 passwords and keys have %d fingerprints", len(seen))
	}
	if of("hunter2", review).Fingerprint.Effects != of("hunter2", Extra{Key: review.Key, Lineage: "one"}).Fingerprint.Effects {
		t.Error("with a review key, the effects depend on the state's lineage")
	}
}
