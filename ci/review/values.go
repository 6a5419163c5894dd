package review

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	tfjson "github.com/hashicorp/terraform-json"

	"gitops/ci/secret"
)

// valueLimit is how many bytes of one value are shown.
const valueLimit = 160

// mostValues bounds what is kept of one resource's values; more are only counted.
const mostValues = 200

// The signs of GitHub's highlighting of differences.
const (
	signAdded   = '+'
	signRemoved = '-'
	signChanged = '!'
)

// value is one attribute that a change sets, changes or removes.
type value struct {
	sign    rune
	path    string // such as root_block_device[0].volume_size
	before  string
	after   string
	note    string   // the difference in words, where neither value is shown
	lines   []string // of a long text: the lines that differ, with signs, instead of before and after
	unknown bool     // after is known after apply
	empty   bool     // from nothing to empty, or back
}

// comparison collects the values of one change.
type comparison struct {
	redactor *secret.Redactor
	values   []value
	left     int // how many more were not kept
	depth    int // how deep in texts that hold JSON or YAML
}

// compareValues lists what a change does to attributes, sorted by path, with what is
// known after apply last. Secrets that the redactor knows are hidden before anything is
// cut or compared by line.
func compareValues(change *tfjson.Change, redactor *secret.Redactor) comparison {
	c := comparison{redactor: redactor}
	if change == nil {
		return c
	}
	c.any("", pair{change.Before, change.After, change.AfterUnknown, change.BeforeSensitive, change.AfterSensitive})
	c.dropRepeated()
	slices.SortStableFunc(c.values, func(a, b value) int {
		return rank(a.unknown) - rank(b.unknown)
	})
	return c
}

// dropRepeated leaves out of tags_all, where AWS repeats tags beside the provider's own,
// what tags has.
func (c *comparison) dropRepeated() {
	said := map[string]bool{}
	for _, v := range c.values {
		said[v.path+"\x00"+v.before+"\x00"+v.after] = true
	}
	c.values = slices.DeleteFunc(c.values, func(v value) bool {
		rest, repeats := strings.CutPrefix(v.path, "tags_all")
		return repeats && said["tags"+rest+"\x00"+v.before+"\x00"+v.after]
	})
}

func rank(last bool) int {
	if last {
		return 1
	}
	return 0
}

// pair is a value before and after, with Terraform's marks beside it.
type pair struct {
	before, after                    any
	unknown, wasSensitive, sensitive any
}

func (p pair) key(key string) pair {
	return pair{at(p.before, key), at(p.after, key), at(p.unknown, key), inherit(p.wasSensitive, at(p.wasSensitive, key)), inherit(p.sensitive, at(p.sensitive, key))}
}

func (p pair) index(i, j int) pair {
	return pair{nth(p.before, i), nth(p.after, j), nth(p.unknown, j), inherit(p.wasSensitive, nth(p.wasSensitive, i)), inherit(p.sensitive, nth(p.sensitive, j))}
}

// inherit keeps the mark of what holds a part.
func inherit(whole, part any) any {
	if whole == true {
		return true
	}
	return part
}

// any compares one value, of whatever kind.
func (c *comparison) any(path string, p pair) {
	switch {
	case p.wasSensitive == true || p.sensitive == true:
		c.sensitive(path, p)
	case p.unknown == true, p.before == nil && p.after == nil && anyTrue(p.unknown):
		c.add(value{sign: sign(p.before, true), path: path, before: c.text(p.before), after: shownUnknown, unknown: true})
	case isMap(p.before, p.after) && (isMap(p.after, p.unknown) || p.after == nil && anyTrue(p.unknown)):
		c.maps(path, p)
	case isList(p.before) && isList(p.after):
		c.lists(path, p)
	case equalValues(p.before, p.after) && !anyTrue(p.unknown):
	default:
		c.other(path, p)
	}
}

// other compares values that are not both maps or both lists.
func (c *comparison) other(path string, p pair) {
	before, wasText := p.before.(string)
	after, isText := p.after.(string)
	switch {
	case wasText && isText:
		c.texts(path, before, after)
	case p.before == nil && long(p.after):
		c.parts(path, p, signAdded)
	case p.after == nil && long(p.before) && !anyTrue(p.unknown):
		c.parts(path, p, signRemoved)
	default:
		after := c.text(withUnknown(p.after, p.unknown))
		c.add(value{sign: sign(p.before, p.after), path: path, before: c.text(p.before), after: after,
			empty: empty(p.before) && empty(p.after) && !anyTrue(p.unknown)})
	}
}

// oneLine is how many bytes of a map or list are written in one line.
const oneLine = 80

// long reports whether a map or a list is too long for one line.
func long(v any) bool {
	switch v.(type) {
	case map[string]any, []any:
		return len(CompactJSON(withoutEmpty(v))) > oneLine
	}
	return false
}

// parts writes a long map or list that is all new or all gone, part by part.
func (c *comparison) parts(path string, p pair, sign rune) {
	whole := p.after
	if sign == signRemoved {
		whole = p.before
	}
	if list, ok := whole.([]any); ok {
		for i := range list {
			c.any(fmt.Sprintf("%s[%d]", path, i), p.index(i, i))
		}
		return
	}
	p.before, p.after = withoutEmpty(p.before), withoutEmpty(p.after)
	c.maps(path, p)
}

func (c *comparison) maps(path string, p pair) {
	keys := map[string]bool{}
	for _, part := range []any{p.before, p.after, p.unknown} {
		fields, _ := part.(map[string]any)
		for key := range fields {
			keys[key] = true
		}
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		c.any(joined(path, key), p.key(key))
	}
}

// sensitive says of a sensitive value no more than whether it changes.
func (c *comparison) sensitive(path string, p pair) {
	unmasked := p.wasSensitive != p.sensitive
	switch {
	case p.before == nil && p.after == nil && !anyTrue(p.unknown):
	case p.before == nil:
		c.add(value{sign: signAdded, path: path, after: shownSensitive})
	case p.after == nil && !anyTrue(p.unknown):
		c.add(value{sign: signRemoved, path: path, before: shownSensitive})
	case anyTrue(p.unknown):
		c.add(value{sign: signChanged, path: path, before: shownSensitive, after: shownUnknown, unknown: true})
	case !equalValues(p.before, p.after):
		c.add(value{sign: signChanged, path: path, note: "(sensitive, changed)"})
	case unmasked && p.sensitive == true:
		c.add(value{sign: signChanged, path: path, note: "(sensitive from now on, unchanged)"})
	case unmasked:
		c.add(value{sign: signChanged, path: path, note: "(no longer sensitive, unchanged)"})
	}
}

func (c *comparison) add(v value) {
	if len(c.values) == mostValues {
		c.left++
		return
	}
	c.values = append(c.values, v)
}

// text writes a value for people; a text is in quotes. Empty parts are left out.
func (c *comparison) text(v any) string {
	if v == nil {
		return "null"
	}
	return cut(c.redactor.Redact(CompactJSON(withoutEmpty(v))), valueLimit)
}

// withoutEmpty leaves out of a map what is empty, as most fields of a block are.
func withoutEmpty(v any) any {
	switch v := v.(type) {
	case map[string]any:
		full := map[string]any{}
		for key, field := range v {
			if !empty(field) {
				full[key] = withoutEmpty(field)
			}
		}
		return full
	case []any:
		full := make([]any, len(v))
		for i, element := range v {
			full[i] = withoutEmpty(element)
		}
		return full
	}
	return v
}

// empty reports whether a value is null or holds nothing.
func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case map[string]any:
		return len(v) == 0
	case []any:
		return len(v) == 0
	}
	return false
}

// withUnknown names the parts of a value that are known only after the apply.
func withUnknown(v, unknown any) any {
	switch {
	case unknown == true:
		return shownUnknown
	case !anyTrue(unknown):
		return v
	}
	if marks, ok := unknown.(map[string]any); ok {
		fields, _ := v.(map[string]any)
		named := maps.Clone(fields)
		if named == nil {
			named = map[string]any{}
		}
		for key, mark := range marks {
			if anyTrue(mark) {
				named[key] = withUnknown(fields[key], mark)
			}
		}
		return named
	}
	var named []any
	for i := range max(length(v), length(unknown)) {
		named = append(named, withUnknown(nth(v, i), nth(unknown, i)))
	}
	return named
}

func sign(before, after any) rune {
	switch {
	case before == nil:
		return signAdded
	case after == nil:
		return signRemoved
	}
	return signChanged
}

// isMap reports whether a value is a map, or nothing beside another that is.
func isMap(v, other any) bool {
	_, is := v.(map[string]any)
	_, otherIs := other.(map[string]any)
	return is || v == nil && otherIs
}

func isList(v any) bool {
	_, is := v.([]any)
	return is
}

var plainKey = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)

// joined appends a key to a path; a key that is no name is quoted.
func joined(path, key string) string {
	switch {
	case !plainKey.MatchString(key):
		return path + "[" + CompactJSON(cut(key, 80)) + "]"
	case path == "":
		return key
	}
	return path + "." + key
}

// equalValues compares two values of a plan. Numbers are equal however they are
// written.
func equalValues(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && maps.EqualFunc(a, b, equalValues)
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, equalValues)
	case json.Number:
		b, ok := b.(json.Number)
		return ok && number(a.String()) == number(b.String())
	case string, bool, float64, nil:
		switch b.(type) {
		case string, bool, float64, nil:
			return a == b
		}
	}
	return false
}
