package infra

import (
	"reflect"
	"strings"

	tfjson "github.com/hashicorp/terraform-json"

	"gitops/ci/secret"
)

// masked returns a copy of plan that may be shown and written: every value that
// Terraform marks sensitive is replaced, and so are the value and the default of
// every sensitive variable. redact is applied to the other values, their keys and
// the addresses: marks get lost, since what a provider computes from a sensitive
// argument has none. An empty value stays: it hides nothing.
func masked(plan *tfjson.Plan, redact func(string) string) *tfjson.Plan {
	return masker{hide: redacted, text: redact}.plan(plan)
}

// Mask returns a copy of a plan from elsewhere that may be shown, as Workspace.Plan does
// for its own, and a function that takes the plan's secrets and the redactor's out of other text.
func Mask(plan *tfjson.Plan, redactor *secret.Redactor) (safe *tfjson.Plan, redact func(string) string) {
	own := sensitive(plan)
	redact = func(text string) string { return redactor.Redact(own.Redact(text)) }
	return masked(plan, redact), redact
}

// changed follows a text with a mask that hides another value than before: both would
// look the same.
const changed = " (changed)"

// distinct marks what only masks make equal. masked is old masked, safe is now masked; it
// is changed in place.
func (m masker) distinct(masked, safe, old, now any) any {
	switch value := safe.(type) {
	case string:
		if masked == safe && strings.Contains(value, secret.Redacted) && !reflect.DeepEqual(old, now) {
			return value + changed
		}
	case map[string]any:
		before, _ := masked.(map[string]any)
		fields, _ := old.(map[string]any)
		nowFields, _ := now.(map[string]any)
		for name, field := range nowFields {
			if at := m.text(name); before[at] != nil {
				value[at] = m.distinct(before[at], value[at], fields[name], field)
			}
		}
	case []any:
		before, _ := masked.([]any)
		items, _ := old.([]any)
		nowItems, _ := now.([]any)
		for i := range min(len(value), len(before), len(items), len(nowItems)) {
			value[i] = m.distinct(before[i], value[i], items[i], nowItems[i])
		}
	}
	return safe
}

// minSecret is the shortest sensitive text that is also replaced where it has no
// mark, in bytes: shorter ones are often ordinary words.
const minSecret = 8

// sensitive returns a redactor for all sensitive texts in plan. It is not the
// command's: a text such as ubuntu may be sensitive in one place and an output in
// another.
func sensitive(plan *tfjson.Plan) *secret.Redactor {
	var found []secret.Value
	collect := func(value any) any {
		found = append(found, texts(value)...)
		return nil
	}
	masker{hide: collect, text: func(text string) string { return text }}.plan(plan)
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
	hide func(any) any       // replaces a sensitive value
	text func(string) string // replaces every other text
}

func redacted(value any) any {
	if value == nil {
		return nil
	}
	return secret.Redacted
}

// value hides in value what marks says is sensitive, and replaces the other texts.
// Marks has value's shape, with true where a value is sensitive and nothing where
// none is.
func (m masker) value(value, marks any) any {
	if marks == true {
		return m.hide(value)
	}
	switch value := value.(type) {
	case string:
		return m.text(value)
	case map[string]any:
		fields, _ := marks.(map[string]any)
		safe := make(map[string]any, len(value))
		for name, field := range value {
			safe[m.text(name)] = m.value(field, fields[name])
		}
		return safe
	case []any:
		items, _ := marks.([]any)
		return m.items(value, items)
	}
	return value
}

// items hides the whole list where the marks do not cover it: the marks of a set need
// not have its order.
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
