package review

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"gitops/ci/progress"

	tfjson "github.com/hashicorp/terraform-json"
)

// giveAPlan is the remedy for what is not a plan.
const giveAPlan = "give the output of `terraform show -json PLANFILE`"

// ParsePlan reads the output of `terraform show -json PLANFILE`. Numbers keep
// all their digits, which a float64 would not. Another document is
// progress.Invalid, and so is a plan that does not say which values are sensitive.
func ParsePlan(data []byte) (*tfjson.Plan, error) {
	if what := otherThanPlan(data); what != "" {
		return nil, progress.Invalid("reading plan JSON: this is %s; %s", what, giveAPlan)
	}
	plan := &tfjson.Plan{}
	plan.UseJSONNumber(true)
	if err := json.Unmarshal(slim(data), plan); err != nil {
		return nil, progress.Invalid("reading plan JSON: %w; %s", err, giveAPlan)
	}
	if unmarked(plan) {
		return nil, progress.Invalid("reading plan JSON: it is from Terraform %.20s, whose plans do not say which values are sensitive; plan with Terraform 0.15 or later", plan.TerraformVersion)
	}
	return plan, nil
}

// otherThanPlan names what looks like a plan and is none; it is empty for a plan, and
// for what no JSON reader takes.
func otherThanPlan(data []byte) string {
	data = bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\ufeff")))
	switch {
	case len(data) == 0:
		return "empty"
	case bytes.HasPrefix(data, []byte("PK\x03\x04")):
		return "a saved plan, which only Terraform reads"
	case data[0] != '{' && bytes.Contains(data, []byte(`{"format_version"`)):
		return "a plan among other lines, as the wrapper of hashicorp/setup-terraform prints it: set terraform_wrapper: false"
	}
	var keys map[string]json.RawMessage
	if json.Unmarshal(data, &keys) != nil || keys == nil {
		return logOfPlan(data)
	}
	for _, known := range otherDocuments {
		if _, has := keys[known.key]; has {
			return known.what
		}
	}
	for _, key := range planKeys {
		if _, has := keys[key]; has {
			return ""
		}
	}
	return "no plan: it has none of " + strings.Join(planKeys, ", ")
}

// planKeys are the parts of a plan that say what would be done. Terraform writes most of
// them for an empty plan too.
var planKeys = []string{"resource_changes", "planned_values", "output_changes", "configuration", "deferred_changes", "action_invocations"}

// otherDocuments are what Terraform's commands print as JSON besides plans.
var otherDocuments = []struct{ key, what string }{
	{"values", "a state: it was shown without a plan file"},
	{"valid", "the output of terraform validate"},
	{"provider_schemas", "the output of terraform providers schema"},
	{"serial", "a state file"},
	{"@level", "a line of the log that terraform plan -json writes"},
	{"stdout", "a plan inside the result of a wrapper: its stdout is the plan"},
}

// logOfPlan recognises the log of `terraform plan -json`, an object a line.
func logOfPlan(data []byte) string {
	first, _, _ := bytes.Cut(data, []byte("\n"))
	var entry map[string]json.RawMessage
	if json.Unmarshal(first, &entry) == nil && entry["@level"] != nil {
		return "the log of terraform plan -json"
	}
	return ""
}

// unmarked reports whether a plan is from a Terraform before 0.15, which was the first
// to mark sensitive values.
func unmarked(plan *tfjson.Plan) bool {
	if plan.FormatVersion != "0.1" {
		return false
	}
	parts := strings.Split(plan.TerraformVersion, ".")
	if len(parts) < 2 || parts[0] != "0" {
		return len(parts) < 2
	}
	minor, err := strconv.Atoi(parts[1])
	return err != nil || minor < 15
}

// PlanState is what a plan says about itself and terraform-json does not read.
type PlanState struct {
	// Errored says that planning ended with an error before all of it was planned.
	Errored bool `json:"errored"`
	// Applyable says that Terraform would apply the plan; nil before Terraform 1.9.
	Applyable *bool `json:"applyable"`
}

// ParseState reads what a plan says about itself. What cannot be read says nothing:
// ParsePlan refuses it.
func ParseState(data []byte) PlanState {
	var state PlanState
	if json.Unmarshal(data, &state) != nil {
		return PlanState{}
	}
	return state
}
