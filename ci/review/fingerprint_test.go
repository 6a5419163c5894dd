package review

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	tfjson "github.com/hashicorp/terraform-json"

	"gitops/ci/lab/texttest"
)

func TestCanonicalForm(t *testing.T) {
	for _, name := range []string{"everything", "aws", "nochange"} {
		compare(t, name+".canonical.json", string(Canonical(recordedPlan(t, name), extra))+"\n")
	}
}

// Two plans of the same change, made one after the other, differ in their time
// at least and have one fingerprint.
func TestTwoHonestPlansHaveOneFingerprint(t *testing.T) {
	first, second := recordedPlan(t, "everything"), recordedPlan(t, "everything-again")
	if first.Timestamp == second.Timestamp {
		t.Fatal("the two plans are one")
	}
	if a, b := Fingerprint(first, extra), Fingerprint(second, extra); a != b {
		t.Errorf("fingerprints %s and %s differ", a, b)
	}
}

func TestFingerprintOfAThousandShuffles(t *testing.T) {
	data := recorded(t, "plans/everything.json")
	want := Fingerprint(recordedPlan(t, "everything"), extra)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 1000 {
		plan, err := ParsePlan(shuffled(t, data, random))
		if err != nil {
			t.Fatal(err)
		}
		if got := Fingerprint(plan, extra); got != want {
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

// Every action, address and value of every change is in the fingerprint: each is
// changed in turn, and all the fingerprints differ.
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
			for _, key := range []string{"actions", "before", "after", "after_unknown"} {
				leaves(at+"."+key, change[key], unknownIn(change, key), func(v any) { change[key] = v }, try)
			}
		}
		for output, change := range document["output_changes"].(map[string]any) {
			change := change.(map[string]any)
			if fmt.Sprint(change["actions"]) == "[no-op]" {
				continue
			}
			for _, key := range []string{"actions", "before", "after"} {
				leaves(output+"."+key, change[key], unknownIn(change, key), func(v any) { change[key] = v }, try)
			}
		}
		if changed < 100 {
			t.Errorf("%s: only %d changes were tried", name, changed)
		}
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

func unknownIn(change map[string]any, key string) any {
	if key != "after" {
		return nil
	}
	return change["after_unknown"]
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
	return Fingerprint(plan, extra)
}

func TestFingerprintCoversWhatThePlanDoesNotSay(t *testing.T) {
	plan := recordedPlan(t, "everything")
	seen := map[string]string{Fingerprint(plan, extra): "as it is"}
	for name, change := range map[string]func(*Extra){
		"workspace":        func(e *Extra) { e.Workspace = "staging" },
		"lineage":          func(e *Extra) { e.Lineage = "other" },
		"provider version": func(e *Extra) { e.LockFile = []byte(texttest.Replace(t, string(e.LockFile), `"5.100.0"`, `"5.99.0"`)) },
		"provider":         func(e *Extra) { e.LockFile = nil },
		"module version":   func(e *Extra) { e.Modules = []byte(texttest.Replace(t, string(e.Modules), "5.1.0", "5.2.0")) },
		"no plan":          nil,
	} {
		changed, of := extra, plan
		if change == nil {
			of = nil
		} else {
			change(&changed)
		}
		fingerprint := Fingerprint(of, changed)
		if other, double := seen[fingerprint]; double {
			t.Errorf("%s has the fingerprint of %s", name, other)
		}
		seen[fingerprint] = name
	}
	same := extra
	same.Workspace = "default"
	same.LockFile = []byte("# another comment\r\n" + texttest.Replace(t, string(same.LockFile), "h1:abc=", "h1:of-another-platform="))
	if Fingerprint(plan, same) != Fingerprint(plan, extra) {
		t.Error("hashes of other platforms or formatting change the fingerprint")
	}
}

func TestFingerprintOfFloatsAndNumbers(t *testing.T) {
	data := recorded(t, "plans/aws.json")
	floats := &tfjson.Plan{}
	if err := json.Unmarshal(data, floats); err != nil {
		t.Fatal(err)
	}
	if Fingerprint(floats, extra) != Fingerprint(recordedPlan(t, "aws"), extra) {
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

// A sensitive value's hash depends on the lineage, and stands for the value alone.
func TestSensitiveValuesAreSalted(t *testing.T) {
	one := canonicalWriter{lineage: "one"}
	same := compactJSON(one.value("secret", nil, true))
	if strings.Contains(same, "secret\"") || same != compactJSON(one.value("secret", false, true)) {
		t.Errorf("the canonical form of a secret is %s", same)
	}
	for what, other := range map[string]any{
		"another value":   one.value("Secret", nil, true),
		"another lineage": canonicalWriter{lineage: "two"}.value("secret", nil, true),
		"not sensitive":   one.value("secret", nil, nil),
		"unknown":         one.value(nil, true, true),
		"absent":          one.value(nil, nil, true),
	} {
		if compactJSON(other) == same {
			t.Errorf("%s has the same form, %s", what, same)
		}
	}
}
