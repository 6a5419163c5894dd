package review

import (
	"encoding/json"
	"fmt"
	"sort"
	"strings"

	tfjson "github.com/hashicorp/terraform-json"
)

// Counts says how many resources each action touches. A replacement counts as
// Replace alone, where Terraform's own summary counts it as one to add and one
// to destroy. Import and Move count beside the other actions: a resource that
// is moved and changed counts in both.
type Counts struct {
	Add      int `json:"add"`
	Change   int `json:"change"`
	Destroy  int `json:"destroy"`
	Replace  int `json:"replace"`
	Anew     int `json:"anew,omitempty"` // made anew, with the old one left alone
	Forget   int `json:"forget"`
	Import   int `json:"import"`
	Move     int `json:"move"`
	Read     int `json:"read"`
	Deferred int `json:"deferred"`
	Outputs  int `json:"outputs"`
	Invoke   int `json:"invoke,omitempty"` // actions of providers
}

// Summary is what a plan would do.
type Summary struct {
	Counts    Counts     `json:"counts"`
	Resources []Resource `json:"resources"` // destroys and replacements first, then by address
	Outputs   []Output   `json:"outputs"`   // by name
	// Invocations are the actions of providers that the plan runs, as Terraform orders them.
	Invocations []Invocation `json:"invocations,omitempty"`
	// Checks are the conditions that do not hold. UnknownChecks counts those that only an
	// apply can tell.
	Checks        []Check `json:"checks,omitempty"`
	UnknownChecks int     `json:"unknown_checks,omitempty"`
	// Drift is what Terraform found changed outside of it, by address.
	Drift []Resource `json:"drift,omitempty"`
	// Partial says that the plan leaves something out: it was made with -target, or
	// defers changes. Errored says that planning ended with an error.
	Partial bool `json:"partial,omitempty"`
	Errored bool `json:"errored,omitempty"`
	// Terraform is the version that made the plan.
	Terraform string `json:"terraform,omitempty"`
}

// Invocation is an action of a provider that a plan runs.
type Invocation struct {
	Address string `json:"address"`
	Trigger string `json:"trigger,omitempty"` // the resource whose change runs it; empty where it was asked for
	Event   string `json:"event,omitempty"`   // such as before_create
}

// Resource is one resource that a plan touches.
type Resource struct {
	Address     string   `json:"address"`
	Previous    string   `json:"previous,omitempty"` // the address before a move
	Type        string   `json:"type"`
	Action      Action   `json:"action"`
	ImportID    string   `json:"import_id,omitempty"`
	CreateFirst bool     `json:"create_first,omitempty"` // a replacement made before the old one goes
	ForcedBy    []string `json:"forced_by,omitempty"`    // attributes that force a replacement
	Reason      string   `json:"reason,omitempty"`       // Terraform's reason, in words

	change *tfjson.Change // the values, which are compared only as far as they are shown
}

// Output is one output that a plan changes. Before and After are shown values,
// not raw ones: sensitive and unknown values are named as such.
type Output struct {
	Name   string `json:"name"`
	Action Action `json:"action"`
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`

	change *tfjson.Change
}

// Empty reports whether the plan would do nothing at all.
func (s Summary) Empty() bool {
	return len(s.Resources) == 0 && len(s.Outputs) == 0 && len(s.Invocations) == 0
}

// quiet reports whether one line says everything: nothing is done, all of it was planned,
// and Terraform noticed nothing.
func (s Summary) quiet() bool {
	return s.Empty() && !s.Partial && !s.Errored && len(s.Checks) == 0 && len(s.Drift) == 0
}

// Summarize says what plan would do. A nil plan does nothing.
func Summarize(plan *tfjson.Plan) Summary {
	var s Summary
	if plan == nil {
		return s
	}
	for _, rc := range plan.ResourceChanges {
		if rc != nil && rc.Change != nil {
			s.add(rc, resourceAction(rc))
		}
	}
	for _, deferred := range plan.DeferredChanges {
		if deferred != nil && deferred.ResourceChange != nil && deferred.ResourceChange.Change != nil {
			s.add(deferred.ResourceChange, ActionDeferred)
		}
	}
	for name, change := range plan.OutputChanges {
		s.addOutput(name, change)
	}
	s.addInvocations(plan.ActionInvocations)
	s.addNotices(plan)
	s.sort()
	return s
}

func (s *Summary) addInvocations(invocations []*tfjson.ActionInvocation) {
	for _, invocation := range invocations {
		if invocation == nil {
			continue
		}
		s.Counts.Invoke++
		i := Invocation{Address: invocation.Address}
		if trigger := invocation.LifecycleActionTrigger; trigger != nil {
			i.Trigger, i.Event = trigger.TriggeringResourceAddress, trigger.ActionTriggerEvent
		}
		s.Invocations = append(s.Invocations, i)
	}
}

func (s *Summary) add(rc *tfjson.ResourceChange, action Action) {
	if action == ActionNone {
		return
	}
	s.Counts.count(action)
	r := newResource(rc, action)
	if rc.Change.Importing != nil {
		r.ImportID = rc.Change.Importing.ID
		s.Counts.Import++
	}
	if moved(rc) {
		r.Previous = rc.PreviousAddress
		s.Counts.Move++
	}
	s.Resources = append(s.Resources, r)
}

func newResource(rc *tfjson.ResourceChange, action Action) Resource {
	return Resource{
		Address:     address(rc),
		Type:        rc.Type,
		Action:      action,
		CreateFirst: rc.Change.Actions.CreateBeforeDestroy(),
		ForcedBy:    paths(rc.Change.ReplacePaths),
		Reason:      reasons[rc.ActionReason],
		change:      rc.Change,
	}
}

// count leaves imports and moves to the caller: they come with other actions.
func (c *Counts) count(action Action) {
	switch action {
	case ActionAdd:
		c.Add++
	case ActionChange:
		c.Change++
	case ActionDestroy:
		c.Destroy++
	case ActionReplace:
		c.Replace++
	case ActionAnew:
		c.Anew++
	case ActionForget:
		c.Forget++
	case ActionRead:
		c.Read++
	case ActionDeferred:
		c.Deferred++
	}
}

func (s *Summary) addOutput(name string, change *tfjson.Change) {
	if change == nil {
		return
	}
	action := changeAction(change.Actions)
	if action == ActionNone {
		return
	}
	s.Counts.Outputs++
	output := Output{Name: name, Action: action, change: change}
	if action != ActionAdd {
		output.Before = shown(change.Before, nil, change.BeforeSensitive)
	}
	if action != ActionDestroy {
		output.After = shown(change.After, change.AfterUnknown, change.AfterSensitive)
	}
	s.Outputs = append(s.Outputs, output)
}

func (s *Summary) sort() {
	sort.SliceStable(s.Resources, func(i, j int) bool {
		a, b := s.Resources[i], s.Resources[j]
		if a.Action != b.Action {
			return actionRank[a.Action] < actionRank[b.Action]
		}
		return a.Address < b.Address
	})
	sort.Slice(s.Outputs, func(i, j int) bool { return s.Outputs[i].Name < s.Outputs[j].Name })
}

func address(rc *tfjson.ResourceChange) string {
	if rc.DeposedKey != "" {
		return rc.Address + " (deposed " + rc.DeposedKey + ")"
	}
	return rc.Address
}

// paths writes attribute paths the way Terraform does: root_block_device[0].size.
func paths(raw []any) []string {
	var written []string
	for _, path := range raw {
		if steps, ok := path.([]any); ok && len(steps) > 0 {
			written = append(written, writePath(steps))
		}
	}
	sort.Strings(written)
	return written
}

func writePath(steps []any) string {
	var b strings.Builder
	for _, step := range steps {
		switch step := step.(type) {
		case string:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(step)
		case nil, bool:
			b.WriteString("[*]")
		case map[string]any, []any:
			b.WriteString("[*]") // an element of a set: its value may be sensitive
		default:
			fmt.Fprintf(&b, "[%v]", step)
		}
	}
	return b.String()
}

// Replacements of values that are not shown.
const (
	shownSensitive = "(sensitive)"
	shownUnknown   = "(known after apply)"
)

// shown writes a value for people. It hides a value with a sensitive part, and notes
// that a part is unknown.
func shown(value, unknown, sensitive any) string {
	switch {
	case anyTrue(sensitive):
		return shownSensitive
	case unknown == true:
		return shownUnknown
	case value == nil && !anyTrue(unknown):
		return ""
	}
	text, isText := value.(string)
	if !isText {
		text = CompactJSON(value)
	}
	if anyTrue(unknown) {
		text += " (partly known after apply)"
	}
	return text
}

// CompactJSON writes a value in one line of JSON, as a person reads it: without escapes
// for HTML.
func CompactJSON(value any) string {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return fmt.Sprint(value)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// anyTrue reports whether marks, Terraform's tree of booleans, holds a true.
func anyTrue(marks any) bool {
	switch marks := marks.(type) {
	case bool:
		return marks
	case []any:
		for _, mark := range marks {
			if anyTrue(mark) {
				return true
			}
		}
	case map[string]any:
		for _, mark := range marks {
			if anyTrue(mark) {
				return true
			}
		}
	}
	return false
}

// reasons puts Terraform's keywords into words. Unknown keywords have none.
var reasons = map[tfjson.ActionReason]string{
	tfjson.ActionReasonReplaceBecauseTainted:         "tainted",
	tfjson.ActionReasonReplaceByRequest:              "asked for with -replace",
	tfjson.ActionReasonReplaceByTriggers:             "replace_triggered_by",
	tfjson.ActionReasonReplaceBecauseCannotUpdate:    "cannot be updated in place",
	tfjson.ActionReasonDeleteBecauseNoResourceConfig: "no longer in the configuration",
	tfjson.ActionReasonDeleteBecauseWrongRepetition:  "count or for_each was changed",
	tfjson.ActionReasonDeleteBecauseCountIndex:       "beyond count",
	tfjson.ActionReasonDeleteBecauseEachKey:          "its key left for_each",
	tfjson.ActionReasonDeleteBecauseNoModule:         "its module left the configuration",
	tfjson.ActionReasonDeleteBecauseNoMoveTarget:     "moved to an address without configuration",
	tfjson.ActionReasonReadBecauseConfigUnknown:      "its arguments are known after apply",
	tfjson.ActionReasonReadBecauseDependencyPending:  "depends on a pending change",
	tfjson.ActionReasonReadBecauseCheckNested:        "belongs to a check",
}
