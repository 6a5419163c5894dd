package infra

import (
	"encoding/json"

	tfjson "github.com/hashicorp/terraform-json"

	"gitops/ci/secret"
)

// Masked returns a copy of plan that may be written for others: every value that
// Terraform marks sensitive, and the value and default of every sensitive
// variable, is replaced. So is the same text in values without a mark, for marks
// get lost: what a provider computes from a sensitive argument has none. An
// empty value stays, since there is nothing to hide.
func Masked(plan *tfjson.Plan) *tfjson.Plan {
	return masker{hide: redacted, known: sensitive(plan)}.plan(plan)
}

// minSecret is the shortest sensitive text that is also replaced where it has no
// mark: shorter ones are often ordinary words.
const minSecret = 8

// sensitive returns a redactor for all sensitive texts in plan.
func sensitive(plan *tfjson.Plan) *secret.Redactor {
	var found []secret.Value
	masker{hide: func(value any) any {
		found = append(found, texts(value)...)
		return nil
	}}.plan(plan)
	return secret.NewRedactor(found...)
}

// texts returns the texts anywhere in value that are long enough to look for.
func texts(value any) []secret.Value {
	var all []secret.Value
	switch value := value.(type) {
	case string:
		if len(value) >= minSecret {
			all = append(all, secret.New(value))
		}
	case []any:
		for _, item := range value {
			all = append(all, texts(item)...)
		}
	case map[string]any:
		for _, field := range value {
			all = append(all, texts(field)...)
		}
	}
	return all
}

// masker goes through a plan and replaces values in a copy of it.
type masker struct {
	hide  func(any) any    // what stands for a sensitive value
	known *secret.Redactor // the sensitive texts, wherever they are; nil knows none
}

func redacted(value any) any {
	if value == nil {
		return nil
	}
	return secret.Redacted
}

func (m masker) plan(plan *tfjson.Plan) *tfjson.Plan {
	safe := *plan
	safe.Variables = m.variables(plan)
	safe.PlannedValues = m.values(plan.PlannedValues)
	if plan.PriorState != nil {
		state := *plan.PriorState
		state.Values = m.values(state.Values)
		safe.PriorState = &state
	}
	safe.ResourceChanges = each(plan.ResourceChanges, m.resourceChange)
	safe.ResourceDrift = each(plan.ResourceDrift, m.resourceChange)
	safe.DeferredChanges = each(plan.DeferredChanges, func(deferred *tfjson.DeferredResourceChange) *tfjson.DeferredResourceChange {
		copied := *deferred
		copied.ResourceChange = m.resourceChange(deferred.ResourceChange)
		return &copied
	})
	safe.OutputChanges = eachValue(plan.OutputChanges, m.change)
	safe.ActionInvocations = nil // their configuration carries no marks in this library
	if plan.Config != nil {
		config := *plan.Config
		config.RootModule = m.config(config.RootModule)
		safe.Config = &config
	}
	return &safe
}

func (m masker) variables(plan *tfjson.Plan) map[string]*tfjson.PlanVariable {
	if plan.Variables == nil {
		return nil
	}
	safe := make(map[string]*tfjson.PlanVariable, len(plan.Variables))
	for name, variable := range plan.Variables {
		copied := *variable
		copied.Value = m.value(copied.Value, sensitiveVariable(plan.Config, name))
		safe[name] = &copied
	}
	return safe
}

// sensitiveVariable errs towards hiding: a plan without its configuration does
// not say which variables are sensitive.
func sensitiveVariable(config *tfjson.Config, name string) bool {
	if config == nil || config.RootModule == nil || config.RootModule.Variables[name] == nil {
		return true
	}
	return config.RootModule.Variables[name].Sensitive
}

func (m masker) config(module *tfjson.ConfigModule) *tfjson.ConfigModule {
	if module == nil {
		return nil
	}
	safe := *module
	safe.Variables = eachValue(module.Variables, func(variable *tfjson.ConfigVariable) *tfjson.ConfigVariable {
		copied := *variable
		copied.Default = m.value(copied.Default, copied.Sensitive)
		return &copied
	})
	safe.ModuleCalls = eachValue(module.ModuleCalls, func(call *tfjson.ModuleCall) *tfjson.ModuleCall {
		copied := *call
		copied.Module = m.config(call.Module)
		return &copied
	})
	return &safe
}

func (m masker) values(values *tfjson.StateValues) *tfjson.StateValues {
	if values == nil {
		return nil
	}
	return &tfjson.StateValues{
		Outputs: eachValue(values.Outputs, func(output *tfjson.StateOutput) *tfjson.StateOutput {
			copied := *output
			copied.Value = m.value(copied.Value, copied.Sensitive)
			return &copied
		}),
		RootModule: m.module(values.RootModule),
	}
}

func (m masker) module(module *tfjson.StateModule) *tfjson.StateModule {
	if module == nil {
		return nil
	}
	safe := *module
	safe.Resources = each(module.Resources, m.resource)
	safe.ChildModules = each(module.ChildModules, m.module)
	return &safe
}

func (m masker) resource(resource *tfjson.StateResource) *tfjson.StateResource {
	safe := *resource
	var marks any
	if len(resource.SensitiveValues) > 0 && json.Unmarshal(resource.SensitiveValues, &marks) != nil {
		marks = true // unreadable marks hide everything
	}
	switch values := m.value(anyMap(resource.AttributeValues), marks).(type) {
	case map[string]any:
		safe.AttributeValues = values
	default:
		safe.AttributeValues = nil
	}
	return &safe
}

func anyMap(values map[string]any) any {
	if values == nil {
		return nil
	}
	return values
}

func (m masker) resourceChange(change *tfjson.ResourceChange) *tfjson.ResourceChange {
	if change == nil {
		return nil
	}
	safe := *change
	safe.Change = m.change(change.Change)
	return &safe
}

func (m masker) change(change *tfjson.Change) *tfjson.Change {
	if change == nil {
		return nil
	}
	safe := *change
	safe.Before = m.value(change.Before, change.BeforeSensitive)
	safe.After = m.value(change.After, change.AfterSensitive)
	// Generated configuration repeats values and carries no marks.
	safe.GeneratedConfig = ""
	return &safe
}

// value replaces in value what marks says is sensitive, and known texts. Marks
// has value's shape, with true where a value is sensitive and nothing where none
// is.
func (m masker) value(value, marks any) any {
	if marks == true {
		return m.hide(value)
	}
	switch value := value.(type) {
	case string:
		return m.known.Redact(value)
	case map[string]any:
		fields, _ := marks.(map[string]any)
		safe := make(map[string]any, len(value))
		for name, field := range value {
			safe[name] = m.value(field, fields[name])
		}
		return safe
	case []any:
		items, _ := marks.([]any)
		return m.items(value, items)
	}
	return value
}

// items hides the whole list where the marks do not cover it: a set's marks need
// not stand in its order.
func (m masker) items(items, marks []any) any {
	if len(marks) == 0 {
		marks = make([]any, len(items))
	}
	if len(items) != len(marks) {
		return m.hide(items)
	}
	safe := make([]any, len(items))
	for i, item := range items {
		safe[i] = m.value(item, marks[i])
	}
	return safe
}

func each[T any](items []*T, change func(*T) *T) []*T {
	if items == nil {
		return nil
	}
	changed := make([]*T, len(items))
	for i, item := range items {
		changed[i] = change(item)
	}
	return changed
}

func eachValue[T any](items map[string]*T, change func(*T) *T) map[string]*T {
	if items == nil {
		return nil
	}
	changed := make(map[string]*T, len(items))
	for name, item := range items {
		changed[name] = change(item)
	}
	return changed
}
