package infra

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	tfjson "github.com/hashicorp/terraform-json"
)

// TestDriftedRecorded reads a refresh-only plan that Terraform 1.11.4 made with
// its AWS provider 5.100.0, after a tag and a port were added by hand.
func TestDriftedRecorded(t *testing.T) {
	drift := drifted(readPlan(t, "aws-drift.json"))
	want := "module.server.aws_instance.this [tags tags_all], module.server.aws_security_group.this [ingress]"
	if got := brief(drift.Changes); got != want {
		t.Errorf("drift: %s, want %s", got, want)
	}
	// What the cloud filled in after the apply.
	want = "module.server.aws_eip.this [association_id instance network_interface private_dns private_ip], module.server.aws_instance.this [public_dns public_ip]"
	if got := brief(drift.Other); got != want {
		t.Errorf("other: %s, want %s", got, want)
	}
}

// refreshed is a refresh-only plan of one resource in a module.
func refreshed(before, after, expressions string) *tfjson.Plan {
	change := `{"actions":["update"],"before":` + before + `,"after":` + after + `}`
	if after == "null" {
		change = `{"actions":["delete"],"before":` + before + `}`
	}
	var plan tfjson.Plan
	plan.UseJSONNumber(true)
	err := json.Unmarshal([]byte(`{"format_version":"1.2","terraform_version":"1.11.4",
		"resource_drift":[{"address":"module.a[\"x.y]\"].t.r","module_address":"module.a[\"x.y]\"]","mode":"managed","type":"t","name":"r","change":`+change+`}],
		"configuration":{"root_module":{"module_calls":{"a":{"module":{"resources":[
			{"address":"t.r","mode":"managed","type":"t","name":"r","expressions":`+expressions+`}]}}}}}}`), &plan)
	if err != nil {
		panic(err)
	}
	return &plan
}

func TestDrifted(t *testing.T) {
	for name, test := range map[string]struct {
		before, after, said string
		changes, other      []string
	}{
		"configured":         {`{"size":1}`, `{"size":2}`, `{"size":{"constant_value":1}}`, []string{"size"}, nil},
		"computed":           {`{"ip":""}`, `{"ip":"192.0.2.1"}`, `{"size":{"constant_value":1}}`, nil, []string{"ip"}},
		"both":               {`{"ip":"","size":1}`, `{"ip":"x","size":2}`, `{"size":{"references":["var.size"]}}`, []string{"size"}, []string{"ip"}},
		"tags of the whole":  {`{"tags_all":{}}`, `{"tags_all":{"a":"b"}}`, `{}`, []string{"tags_all"}, nil},
		"nothing, two ways":  {`{"a":null,"b":"","c":[],"d":[{"e":null}]}`, `{"a":{},"b":null,"c":null,"d":[{"e":{}}]}`, `{"a":{},"b":{},"c":{},"d":[{}]}`, nil, nil},
		"another order":      {`{"a":["x","y"],"d":[{"e":1},{"e":2}]}`, `{"a":["y","x"],"d":[{"e":2},{"e":1}]}`, `{"a":{},"d":[{}]}`, nil, nil},
		"order and a value":  {`{"a":["x","y"]}`, `{"a":["y","z"]}`, `{"a":{}}`, []string{"a"}, nil},
		"twice":              {`{"a":["x","x","y"]}`, `{"a":["x","y","y"]}`, `{"a":{}}`, []string{"a"}, nil},
		"long numbers":       {`{"n":9007199254740993}`, `{"n":9007199254740992}`, `{"n":{"constant_value":1}}`, []string{"n"}, nil},
		"same":               {`{"size":1}`, `{"size":1}`, `{"size":{"constant_value":1}}`, nil, nil},
		"in a block":         {`{"disk":[{"size":8}]}`, `{"disk":[{"size":9}]}`, `{"disk":[{"size":{"constant_value":8}}]}`, []string{"disk"}, nil},
		"nothing configured": {`{"ip":""}`, `{"ip":"x"}`, `{}`, nil, []string{"ip"}},
	} {
		t.Run(name, func(t *testing.T) {
			drift := drifted(refreshed(test.before, test.after, test.said))
			if got := attributes(drift.Changes); !reflect.DeepEqual(got, test.changes) || (len(drift.Changes) > 0) != (test.changes != nil) {
				t.Errorf("changes: %v, want %v", got, test.changes)
			}
			if got := attributes(drift.Other); !reflect.DeepEqual(got, test.other) {
				t.Errorf("other: %v, want %v", got, test.other)
			}
		})
	}
}

func attributes(all []Drifted) []string {
	if len(all) == 0 {
		return nil
	}
	return all[0].Attributes
}

func TestDeletedIsDrift(t *testing.T) {
	drift := drifted(refreshed(`{"size":1}`, "null", `{}`))
	if len(drift.Changes) != 1 || !drift.Changes[0].Deleted {
		t.Errorf("%+v", drift)
	}
}

func TestUnknownResourceIsDriftWhole(t *testing.T) {
	plan := refreshed(`{"ip":""}`, `{"ip":"x"}`, `{}`)
	plan.Config.RootModule.ModuleCalls = nil
	if got := attributes(drifted(plan).Changes); !reflect.DeepEqual(got, []string{"ip"}) {
		t.Errorf("%v", got)
	}
}

func TestDriftAsJSON(t *testing.T) {
	data, err := json.Marshal(drifted(&tfjson.Plan{}))
	if want := `{"changes":[],"other":[],"text":""}`; err != nil || string(data) != want {
		t.Errorf("%s, %v, want %s", data, err, want)
	}
}

func TestModuleNames(t *testing.T) {
	for address, want := range map[string][]string{
		"":                            nil,
		"module.a":                    {"a"},
		"module.a.module.b":           {"a", "b"},
		"module.a[0].module.b":        {"a", "b"},
		`module.a["x.y"].module.b[1]`: {"a", "b"},
		`module.a["]\"].module.z"].module.b["ü"]`: {"a", "b"},
		"module.a[0": {"a"},
	} {
		if got := moduleNames(address); !reflect.DeepEqual(got, want) {
			t.Errorf("moduleNames(%s) = %q, want %q", address, got, want)
		}
	}
}

// TestValues compares attributes of which some may not be shown.
func TestValues(t *testing.T) {
	for name, test := range map[string]struct{ before, after, marks, want string }{
		"a tag":                {`{"a":{"Name":"web","x y":1}}`, `{"a":{"Name":"hand","x y":2}}`, `{}`, `a.Name "web" "hand"; a["x y"] 1 2`},
		"a tag more":           {`{"a":null}`, `{"a":{"k":"<v>"}}`, `{}`, `a.k null "<v>"`},
		"a field of a block":   {`{"a":[{"p":80,"c":["x","y"]},{"p":22}]}`, `{"a":[{"p":22},{"p":81,"c":["y","x"]}]}`, `{}`, `a[1].p 80 81`},
		"a rule more":          {`{"a":[{"p":80}]}`, `{"a":[{"p":80},{"p":22}]}`, `{}`, `a[] null {"p":22}`},
		"two rules for two":    {`{"a":[1,2,5]}`, `{"a":[3,5,4]}`, `{}`, `a[] 1 null; a[] 2 null; a[] null 3; a[] null 4`},
		"another type":         {`{"a":"1,2"}`, `{"a":[1]}`, `{}`, `a "1,2" [1]`},
		"sensitive":            {`{"a":"hunter2hunter2"}`, `{"a":"hunter3hunter3"}`, `{"a":true}`, `a "[REDACTED]" "[REDACTED] (changed)"`},
		"sensitive in a field": {`{"a":{"s":"hunter2hunter2","o":1}}`, `{"a":{"s":"hunter3hunter3","o":2}}`, `{"a":{"s":true}}`, `a.o 1 2; a.s "[REDACTED]" "[REDACTED] (changed)"`},
		"a secret as a key":    {`{"a":{"hunter2hunter2":1},"b":"hunter2hunter2"}`, `{"a":{"hunter2hunter2":2},"b":"x"}`, `{"b":true}`, `a["[REDACTED]"] "[REDACTED]" "[REDACTED]"`},
	} {
		t.Run(name, func(t *testing.T) {
			plan := &Plan{JSON: refreshed(test.before, test.after, `{}`)}
			change := plan.JSON.ResourceDrift[0]
			if err := json.Unmarshal([]byte(test.marks), &change.Change.BeforeSensitive); err != nil {
				t.Fatal(err)
			}
			change.Change.AfterSensitive = change.Change.BeforeSensitive
			own := sensitive(plan.JSON)
			plan.redact = own.Redact
			plan.Masked = masked(plan.JSON, plan.redact)
			var got []string
			for _, v := range plan.values(Drifted{Address: change.Address, Attributes: []string{"a"}}) {
				got = append(got, v.Path+" "+v.Before+" "+v.After)
			}
			if strings.Join(got, "; ") != test.want {
				t.Errorf("got  %s\nwant %s", strings.Join(got, "; "), test.want)
			}
		})
	}
}

func TestUndoneIsDrift(t *testing.T) {
	const found = `{"a":1,"b":1}`
	for name, test := range map[string]struct{ actions, before, after, unknown, want string }{
		"all of it":           {`["update"]`, `{"a":2,"b":2}`, found, `{}`, "a b|"},
		"one is ignored":      {`["update"]`, `{"a":2,"b":2}`, `{"a":1,"b":2}`, `{}`, "a|b"},
		"means the same":      {`["no-op"]`, `{"a":2,"b":2}`, `{"a":2,"b":2}`, `{}`, "|a b"},
		"known after apply":   {`["update"]`, `{"a":2,"b":2}`, `{"b":2}`, `{"a":true}`, "a|b"},
		"made anew":           {`["delete","create"]`, `{"a":2,"b":2}`, `{"a":1,"b":2}`, `{}`, "a b|"},
		"no longer in git":    {`["delete"]`, `{"a":2,"b":2}`, `null`, `{}`, "|a b"},
		"git has it by now":   {`["update"]`, `{"a":2,"b":2}`, `{"a":2,"b":3}`, `{}`, "b|a"},
		"nothing is known of": {"", "", "", "", "|a b"},
	} {
		t.Run(name, func(t *testing.T) {
			drift := drifted(refreshed(found, `{"a":2,"b":2}`, `{"a":{},"b":{}}`))
			plan := &tfjson.Plan{}
			if test.actions != "" {
				err := json.Unmarshal([]byte(`{"format_version":"1.2","resource_changes":[{"address":"module.a[\"x.y]\"].t.r","change":{"actions":`+
					test.actions+`,"before":`+test.before+`,"after":`+test.after+`,"after_unknown":`+test.unknown+`}}]}`), plan)
				if err != nil {
					t.Fatal(err)
				}
			}
			drift.undone(plan)
			got := strings.Join(attributes(drift.Changes), " ") + "|" + strings.Join(attributes(drift.Other), " ")
			if got != test.want {
				t.Errorf("drift and other are %s, want %s", got, test.want)
			}
		})
	}
}
