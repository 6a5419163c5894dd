package infra

import (
	"encoding/json"

	tfjson "github.com/hashicorp/terraform-json"
)

// plan replaces values wherever a plan has them.
func (m masker) plan(plan *tfjson.Plan) *tfjson.Plan {
	safe := *plan
	safe.Variables = m.variables(plan)
	safe.PlannedValues = m.values(plan.PlannedValues)
	if plan.PriorState != nil {
		state := *plan.PriorState
		state.Values = m.values(state.Values)
		state.Checks = nil
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
	safe.ActionInvocations = each(plan.ActionInvocations, m.invocation)
	safe.Checks = m.checks(plan.Checks)
	safe.RelevantAttributes = nil // nothing here reads these
	if plan.Config != nil {
		config := *plan.Config
		config.RootModule = m.config(config.RootModule)
		safe.Config = &config
	}
	return &safe
}

func (m masker) invocation(invocation *tfjson.ActionInvocation) *tfjson.ActionInvocation {
	if invocation == nil {
		return nil
	}
	safe := *invocation
	safe.Address, safe.Name = m.text(invocation.Address), m.text(invocation.Name)
	safe.ConfigValues = m.value(invocation.ConfigValues, invocation.ConfigSensitive)
	safe.ConfigUnknown, safe.ConfigSensitive = m.value(invocation.ConfigUnknown, nil), m.value(invocation.ConfigSensitive, nil) // for their keys
	if trigger := invocation.LifecycleActionTrigger; trigger != nil {
		copied := *trigger
		copied.TriggeringResourceAddress = m.text(trigger.TriggeringResourceAddress)
		safe.LifecycleActionTrigger = &copied
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
	safe.Address = m.text(module.Address)
	safe.Resources = each(module.Resources, m.resource)
	safe.ChildModules = each(module.ChildModules, m.module)
	return &safe
}

func (m masker) resource(resource *tfjson.StateResource) *tfjson.StateResource {
	safe := *resource
	safe.Address, safe.Index = m.text(resource.Address), m.value(resource.Index, nil)
	var marks any
	if len(resource.SensitiveValues) > 0 && json.Unmarshal(resource.SensitiveValues, &marks) != nil {
		marks = true // marks that are not JSON hide everything
	}
	if len(resource.SensitiveValues) > 0 {
		safe.SensitiveValues, _ = json.Marshal(m.value(marks, nil)) // for its keys; such a tree always marshals
	}
	safe.AttributeValues, _ = m.value(anyMap(resource.AttributeValues), marks).(map[string]any)
	safe.IdentityValues, _ = m.value(anyMap(resource.IdentityValues), nil).(map[string]any)
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
	safe.Address, safe.PreviousAddress = m.text(change.Address), m.text(change.PreviousAddress)
	safe.ModuleAddress, safe.Index = m.text(change.ModuleAddress), m.value(change.Index, nil)
	safe.Change = m.change(change.Change)
	return &safe
}

func (m masker) change(change *tfjson.Change) *tfjson.Change {
	if change == nil {
		return nil
	}
	safe := *change
	safe.Before = m.value(change.Before, change.BeforeSensitive)
	safe.After = m.distinct(safe.Before, m.value(change.After, change.AfterSensitive), change.Before, change.After)
	safe.AfterUnknown = m.value(change.AfterUnknown, nil) // for its keys
	safe.BeforeSensitive, safe.AfterSensitive = m.value(change.BeforeSensitive, nil), m.value(change.AfterSensitive, nil)
	safe.ReplacePaths, _ = m.value(change.ReplacePaths, nil).([]any)
	safe.BeforeIdentity, safe.AfterIdentity = m.value(change.BeforeIdentity, nil), m.value(change.AfterIdentity, nil)
	if change.Importing != nil {
		importing := *change.Importing
		importing.ID, importing.Identity = m.text(importing.ID), m.value(importing.Identity, nil)
		safe.Importing = &importing
	}
	// Generated configuration repeats values and has no marks.
	safe.GeneratedConfig = ""
	return &safe
}

func (m masker) checks(checks []tfjson.CheckResultStatic) []tfjson.CheckResultStatic {
	var safe []tfjson.CheckResultStatic
	for _, check := range checks {
		check.Address.ToDisplay, check.Address.Name = m.text(check.Address.ToDisplay), m.text(check.Address.Name)
		check.Address.Module = m.text(check.Address.Module)
		var instances []tfjson.CheckResultDynamic
		for _, instance := range check.Instances {
			instance.Address.ToDisplay, instance.Address.Module = m.text(instance.Address.ToDisplay), m.text(instance.Address.Module)
			instance.Address.InstanceKey = m.value(instance.Address.InstanceKey, nil)
			var problems []tfjson.CheckResultProblem
			for _, problem := range instance.Problems {
				problems = append(problems, tfjson.CheckResultProblem{Message: m.text(problem.Message)})
			}
			instance.Problems = problems
			instances = append(instances, instance)
		}
		check.Instances = instances
		safe = append(safe, check)
	}
	return safe
}
