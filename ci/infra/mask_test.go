package infra

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	tfjson "github.com/hashicorp/terraform-json"

	"gitops/ci/secret"
)

func encode(t *testing.T, out io.Writer, plan *tfjson.Plan) {
	t.Helper()
	if err := json.NewEncoder(out).Encode(plan); err != nil {
		t.Fatal(err)
	}
}

// secretive puts one sensitive value in every place that a plan can show it in.
const secretive = `
terraform {
  backend "local" {}
}

variable "password" {
  type      = string
  sensitive = true
  default   = "default-of-the-password"
}

variable "users" {
  type      = map(object({ name = string, token = string }))
  sensitive = true
  default   = { ann = { name = "ann-in-default", token = "token-in-default" } }
}

variable "open" {
  type    = string
  default = "open-value"
}

module "inner" {
  source   = "./inner"
  for_each = toset(["plain", "with \"quotes\" and ünicode"])
  secret   = "${var.password}-in-module"
}

resource "terraform_data" "partly" {
  input            = { open = var.open, list = ["seen", var.password], deep = { token = var.users["ann"].token } }
  triggers_replace = var.password
}

output "secret" {
  value     = var.password
  sensitive = true
}
`

const secretiveInner = `
variable "secret" {
  type      = string
  sensitive = true
  default   = "default-of-the-module"
}

resource "terraform_data" "whole" {
  input = var.secret
}

output "secret" {
  value     = var.secret
  sensitive = true
}
`

// hidden are the secrets of before and after a change.
var hidden = []string{"first-password", "second-password", "ann-in-default", "token-in-default", "default-of-the-password", "default-of-the-module"}

func TestMasked(t *testing.T) {
	needTerraform(t)
	ctx := context.Background()
	dir := write(t, "main.tf", secretive, "inner/main.tf", secretiveInner)
	state := filepath.Join(t.TempDir(), "state")
	t.Setenv("TF_VAR_password", "first-password")
	w := must(t, dir, state)
	created, err := w.Plan(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Apply(ctx, created.File); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TF_VAR_password", "second-password")
	w.reconfigure(t)
	changed, err := w.Plan(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	open := text(t, created.JSON) + text(t, changed.JSON)
	for _, secret := range hidden {
		if !strings.Contains(open, secret) {
			t.Errorf("%s is in no open plan: looking for it proves nothing", secret)
		}
	}
	for name, plan := range map[string]*Plan{"create": created, "update": changed} {
		if !strings.Contains(plan.Text, "terraform_data.partly") {
			t.Errorf("%s: the text is no plan:\n%s", name, plan.Text)
		}
		before := text(t, plan.JSON)
		masked := text(t, plan.Masked)
		for _, secret := range hidden {
			if strings.Contains(masked, secret) {
				t.Errorf("%s: %s is in the masked plan:\n%s", name, secret, masked)
			}
			if strings.Contains(plan.Text, secret) {
				t.Errorf("%s: %s is in the text:\n%s", name, secret, plan.Text)
			}
		}
		if after := text(t, plan.JSON); after != before {
			t.Errorf("%s: masking changed the plan itself", name)
		}
		for _, kept := range []string{"open-value", `"seen"`, "ünicode", secret.Redacted} {
			if !strings.Contains(masked, kept) {
				t.Errorf("%s: %s is not in the masked plan:\n%s", name, kept, masked)
			}
		}
	}
	if !strings.Contains(text(t, changed.JSON), "first-password") {
		t.Error("the old secret is not in the open plan of the change: this test proves nothing")
	}
}

func text(t *testing.T, plan *tfjson.Plan) string {
	t.Helper()
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(plan); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// same changes nothing in a text.
func same(text string) string { return text }

func TestMask(t *testing.T) {
	for name, test := range map[string]struct{ value, marks, want string }{
		"nothing marked":        {`{"a":1,"b":[true]}`, `{}`, `{"a":1,"b":[true]}`},
		"false marks nothing":   {`{"a":1}`, `false`, `{"a":1}`},
		"one field":             {`{"a":1,"b":2}`, `{"a":true}`, `{"a":"[REDACTED]","b":2}`},
		"everything":            {`{"a":1}`, `true`, `"[REDACTED]"`},
		"null hides nothing":    {`{"a":null}`, `{"a":true}`, `{"a":null}`},
		"one item":              {`[1,2]`, `[false,true]`, `[1,"[REDACTED]"]`},
		"unmarked items":        {`[1,2]`, `[]`, `[1,2]`},
		"marks that do not fit": {`[1,2]`, `[true]`, `"[REDACTED]"`},
		"deep":                  {`{"a":[{"b":{"c":1,"d":2}}]}`, `{"a":[{"b":{"c":true}}]}`, `{"a":[{"b":{"c":"[REDACTED]","d":2}}]}`},
		"marks of no value":     {`null`, `{"a":true}`, `null`},
	} {
		t.Run(name, func(t *testing.T) {
			var value, marks, want any
			err := errors.Join(json.Unmarshal([]byte(test.value), &value),
				json.Unmarshal([]byte(test.marks), &marks), json.Unmarshal([]byte(test.want), &want))
			if err != nil {
				t.Fatal(err)
			}
			if got := (masker{hide: redacted, text: same}).value(value, marks); !reflect.DeepEqual(got, want) {
				t.Errorf("value = %v, want %v", got, want)
			}
		})
	}
}

func TestMaskedWithoutConfigurationHidesAllVariables(t *testing.T) {
	plan := &tfjson.Plan{FormatVersion: "1.2", Variables: map[string]*tfjson.PlanVariable{"x": {Value: "hunter2hunter2"}}}
	if got := masked(plan, same).Variables["x"].Value; got != secret.Redacted {
		t.Errorf("variable: %v", got)
	}
}

// A reader of the masked plan sees that a hidden value is another one.
func TestMaskedTellsWhetherAValueChanged(t *testing.T) {
	change := &tfjson.Change{
		Before: map[string]any{"a": "first", "b": "the same", "c": "postgres://u:long-enough-1@db", "d": []any{"x"}, "e": map[string]any{"f": 1.0}},
		After:  map[string]any{"a": "second", "b": "the same", "c": "postgres://u:long-enough-2@db", "d": []any{"y"}, "e": map[string]any{"f": 2.0}},
	}
	marks := map[string]any{"a": true, "b": true, "d": []any{true}, "e": map[string]any{"f": true}}
	change.BeforeSensitive, change.AfterSensitive = marks, marks
	redactor := secret.NewRedactor(secret.New("long-enough-1"), secret.New("long-enough-2"))
	got := masked(&tfjson.Plan{ResourceChanges: []*tfjson.ResourceChange{{Change: change}}}, redactor.Redact).ResourceChanges[0].Change.After
	want := map[string]any{"a": "[REDACTED] (changed)", "b": "[REDACTED]", "c": "postgres://u:[REDACTED]@db (changed)",
		"d": []any{"[REDACTED] (changed)"}, "e": map[string]any{"f": "[REDACTED] (changed)"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("after is %v", got)
	}
}

// Checks and the actions of providers are shown without what is secret in them.
func TestMaskedKeepsChecksAndActions(t *testing.T) {
	plan := &tfjson.Plan{
		Checks: []tfjson.CheckResultStatic{{Status: tfjson.CheckStatusFail, Instances: []tfjson.CheckResultDynamic{{
			Status: tfjson.CheckStatusFail, Problems: []tfjson.CheckResultProblem{{Message: "hunter2hunter2 is too short"}},
		}}}},
		ActionInvocations: []*tfjson.ActionInvocation{nil, {Address: "action.a.b", ConfigValues: map[string]any{"token": "hunter2hunter2"}}},
	}
	got := text(t, masked(plan, secret.NewRedactor(secret.New("hunter2hunter2")).Redact))
	if strings.Contains(got, "hunter2") || !strings.Contains(got, "is too short") || !strings.Contains(got, "action.a.b") {
		t.Errorf("the masked plan is %s", got)
	}
}
