package infra

import (
	"encoding/json"

	tfjson "github.com/hashicorp/terraform-json"

	"gitops/ci/secret"
)

// Masked returns a copy of plan that may be written for others: every value that
// Terraform marks sensitive, and the value and default of every sensitive
// variable, is replaced. An empty value stays, since there is nothing to hide.
func Masked(plan *tfjson.Plan) *tfjson.Plan {
	safe := *plan
	safe.Variables = maskVariables(plan)
	safe.PlannedValues = maskValues(plan.PlannedValues)
	if plan.PriorState != nil {
		state := *plan.PriorState
		state.Values = maskValues(state.Values)
		safe.PriorState = &state
	}
	safe.ResourceChanges = each(plan.ResourceChanges, maskResourceChange)
	safe.ResourceDrift = each(plan.ResourceDrift, maskResourceChange)
	safe.DeferredChanges = each(plan.DeferredChanges, func(deferred *tfjson.DeferredResourceChange) *tfjson.DeferredResourceChange {
		copied := *deferred
		copied.ResourceChange = maskResourceChange(deferred.ResourceChange)
		return &copied
	})
	safe.OutputChanges = eachValue(plan.OutputChanges, maskChange)
	safe.ActionInvocations = nil // their configuration carries no marks in this library
	if plan.Config != nil {
		config := *plan.Config
		config.RootModule = maskConfig(config.RootModule)
		safe.Config = &config
	}
	return &safe
}

func maskVariables(plan *tfjson.Plan) map[string]*tfjson.PlanVariable {
	if plan.Variables == nil {
		return nil
	}
	safe := make(map[string]*tfjson.PlanVariable, len(plan.Variables))
	for name, variable := range plan.Variables {
		copied := *variable
		if sensitiveVariable(plan.Config, name) {
			copied.Value = hide(copied.Value)
		}
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

func maskConfig(module *tfjson.ConfigModule) *tfjson.ConfigModule {
	if module == nil {
		return nil
	}
	safe := *module
	safe.Variables = eachValue(module.Variables, func(variable *tfjson.ConfigVariable) *tfjson.ConfigVariable {
		copied := *variable
		if copied.Sensitive {
			copied.Default = hide(copied.Default)
		}
		return &copied
	})
	safe.ModuleCalls = eachValue(module.ModuleCalls, func(call *tfjson.ModuleCall) *tfjson.ModuleCall {
		copied := *call
		copied.Module = maskConfig(call.Module)
		return &copied
	})
	return &safe
}

func maskValues(values *tfjson.StateValues) *tfjson.StateValues {
	if values == nil {
		return nil
	}
	return &tfjson.StateValues{
		Outputs: eachValue(values.Outputs, func(output *tfjson.StateOutput) *tfjson.StateOutput {
			copied := *output
			if copied.Sensitive {
				copied.Value = hide(copied.Value)
			}
			return &copied
		}),
		RootModule: maskModule(values.RootModule),
	}
}

func maskModule(module *tfjson.StateModule) *tfjson.StateModule {
	if module == nil {
		return nil
	}
	safe := *module
	safe.Resources = each(module.Resources, maskResource)
	safe.ChildModules = each(module.ChildModules, maskModule)
	return &safe
}

func maskResource(resource *tfjson.StateResource) *tfjson.StateResource {
	safe := *resource
	var marks any
	if len(resource.SensitiveValues) > 0 && json.Unmarshal(resource.SensitiveValues, &marks) != nil {
		marks = true // unreadable marks hide everything
	}
	switch values := mask(anyMap(resource.AttributeValues), marks).(type) {
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

func maskResourceChange(change *tfjson.ResourceChange) *tfjson.ResourceChange {
	if change == nil {
		return nil
	}
	safe := *change
	safe.Change = maskChange(change.Change)
	return &safe
}

func maskChange(change *tfjson.Change) *tfjson.Change {
	if change == nil {
		return nil
	}
	safe := *change
	safe.Before = mask(change.Before, change.BeforeSensitive)
	safe.After = mask(change.After, change.AfterSensitive)
	// Generated configuration repeats values and carries no marks.
	safe.GeneratedConfig = ""
	return &safe
}

// mask replaces in value what marks says is sensitive. Marks has value's shape,
// with true where a value is sensitive and nothing where none is.
func mask(value, marks any) any {
	switch marks := marks.(type) {
	case bool:
		if marks {
			return hide(value)
		}
	case map[string]any:
		if fields, ok := value.(map[string]any); ok {
			safe := make(map[string]any, len(fields))
			for name, field := range fields {
				safe[name] = mask(field, marks[name])
			}
			return safe
		}
	case []any:
		if items, ok := value.([]any); ok {
			return maskItems(items, marks)
		}
	}
	return value
}

// maskItems hides the whole list where the marks do not cover it: a set's marks
// need not stand in its order.
func maskItems(items, marks []any) any {
	if len(items) != len(marks) && len(marks) > 0 {
		return hide(items)
	}
	safe := make([]any, len(items))
	for i, item := range items {
		safe[i] = item
		if len(marks) > 0 {
			safe[i] = mask(item, marks[i])
		}
	}
	return safe
}

func hide(value any) any {
	if value == nil {
		return nil
	}
	return secret.Redacted
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
