package infra

import (
	"encoding/json"
	"reflect"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"

	tfjson "github.com/hashicorp/terraform-json"

	"gitops/ci/secret"
)

// alike reports whether two values mean the same: empty is as good as null, and the
// order of a list does not count, for a provider may tell either in any way.
func alike(a, b any) bool { return reflect.DeepEqual(settled(a), settled(b)) }

// settled returns value with everything empty as nil, and lists sorted.
func settled(value any) any {
	switch value := value.(type) {
	case string:
		if value == "" {
			return nil
		}
	case []any:
		if len(value) == 0 {
			return nil
		}
		items := make([]any, len(value))
		for i, item := range value {
			items[i] = settled(item)
		}
		slices.SortFunc(items, func(a, b any) int { return strings.Compare(asJSON(a), asJSON(b)) })
		return items
	case map[string]any:
		return settledFields(value)
	case json.Number:
		return value.String()
	}
	return value
}

func settledFields(fields map[string]any) any {
	full := map[string]any{}
	for name, field := range fields {
		if field := settled(field); field != nil {
			full[name] = field
		}
	}
	if len(full) == 0 {
		return nil
	}
	return full
}

func asJSON(value any) string {
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(value) != nil {
		return ""
	}
	return strings.TrimSpace(text.String())
}

// values returns what differs in the attributes of a drifted resource, masked.
func (p *Plan) values(found Drifted) []Value {
	for i, change := range p.JSON.ResourceDrift {
		if change.Address != found.Address || change.DeposedKey != "" || found.Deleted || i >= len(p.Masked.ResourceDrift) {
			continue
		}
		return p.compare(change.Change, p.Masked.ResourceDrift[i].Change, found.Attributes)
	}
	return nil
}

func (p *Plan) compare(change, shown *tfjson.Change, names []string) []Value {
	c := comparison{redact: p.Redact}
	before, _ := change.Before.(map[string]any)
	after, _ := change.After.(map[string]any)
	shownBefore, _ := shown.Before.(map[string]any)
	shownAfter, _ := shown.After.(map[string]any)
	for _, name := range names {
		c.add(p.Redact(name), pair{before[name], shownBefore[name]}, pair{after[name], shownAfter[name]})
	}
	return c.found
}

// pair is a value as it is, and as it may be shown.
type pair struct{ real, shown any }

// text is what may be shown.
func (v pair) text() string { return asJSON(v.shown) }

// comparison finds where two values differ.
type comparison struct {
	redact func(string) string
	found  []Value
}

// add compares two values as deep as what may be shown of them goes.
func (c *comparison) add(path string, before, after pair) {
	if alike(before.real, after.real) {
		return
	}
	if b, a, ok := bothMaps(before, after); ok {
		c.fields(path, b, a)
		return
	}
	if b, a, ok := bothLists(before, after); ok {
		c.items(path, b, a)
		return
	}
	c.found = append(c.found, Value{Path: path, Before: before.text(), After: after.text()})
}

var plainKey = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)

func (c *comparison) fields(path string, before, after map[string]pair) {
	var keys []string
	for key := range before {
		keys = append(keys, key)
	}
	for key := range after {
		if _, both := before[key]; !both {
			keys = append(keys, key)
		}
	}
	sort.Strings(keys)
	for _, key := range keys {
		shown := c.redact(key)
		step := "[" + strconv.Quote(shown) + "]"
		if plainKey.MatchString(shown) {
			step = "." + shown
		}
		c.add(path+step, before[key], after[key])
	}
}

// items leaves out what both lists have. One that is left on each side is compared,
// others are shown whole.
func (c *comparison) items(path string, before, after []pair) {
	gone, come := without(before, after), without(after, before)
	if len(gone) == 1 && len(come) == 1 {
		c.add(path+"["+strconv.Itoa(slices.IndexFunc(after, func(v pair) bool { return reflect.DeepEqual(v, come[0]) }))+"]", gone[0], come[0])
		return
	}
	for _, item := range gone {
		c.found = append(c.found, Value{Path: path + "[]", Before: item.text(), After: "null"})
	}
	for _, item := range come {
		c.found = append(c.found, Value{Path: path + "[]", Before: "null", After: item.text()})
	}
}

// without returns the items that have no counterpart in others.
func without(items, others []pair) []pair {
	counts := map[string]int{}
	for _, other := range others {
		counts[asJSON(settled(other.real))]++
	}
	var left []pair
	for _, item := range items {
		key := asJSON(settled(item.real))
		if counts[key]--; counts[key] < 0 {
			left = append(left, item)
		}
	}
	return left
}

// bothMaps returns the fields of two values if both are maps and may be shown as such.
func bothMaps(before, after pair) (b, a map[string]pair, ok bool) {
	b, bOK := before.fields()
	a, aOK := after.fields()
	return b, a, bOK && aOK && len(b)+len(a) > 0
}

// fields has no fields of a value that is missing, which is as good as a map.
func (v pair) fields() (map[string]pair, bool) {
	if v.real == nil {
		return nil, true
	}
	real, ok := v.real.(map[string]any)
	if !ok {
		return nil, false
	}
	shown, open := v.shown.(map[string]any)
	if !open {
		return nil, false
	}
	fields := make(map[string]pair, len(real))
	for key, value := range real {
		field := pair{value, secret.Redacted}
		if visible, same := shown[key]; same {
			field.shown = visible
		}
		fields[key] = field
	}
	return fields, true
}

func bothLists(before, after pair) (b, a []pair, ok bool) {
	b, bOK := before.items()
	a, aOK := after.items()
	return b, a, bOK && aOK && len(b)+len(a) > 0
}

func (v pair) items() ([]pair, bool) {
	if v.real == nil {
		return nil, true
	}
	real, ok := v.real.([]any)
	if !ok {
		return nil, false
	}
	shown, open := v.shown.([]any)
	if !open || len(shown) != len(real) {
		return nil, false
	}
	items := make([]pair, len(real))
	for i := range real {
		items[i] = pair{real[i], shown[i]}
	}
	return items, true
}
