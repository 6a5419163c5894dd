package review

import (
	"encoding/json"
	"strconv"
	"strings"
)

// canonical writes one value of a plan with Terraform's marks of unknown parts beside
// it, a tree of the same shape in which true marks what is known after apply:
//
//	null, true, "text"       itself
//	["number","15e2"]        a number: its significant digits and exponent
//	["list",…]  ["map",{…}]  a list, a map; a null in a map is as if it were not there
//	["unknown"]              known after apply
func canonical(value, unknown any) any {
	if unknown == true {
		return []any{"unknown"}
	}
	switch value := value.(type) {
	case map[string]any:
		return []any{"map", entries(value, unknown)}
	case []any:
		return append([]any{"list"}, elements(value, unknown)...)
	case nil:
		return absent(unknown)
	case float64:
		return []any{"number", number(strconv.FormatFloat(value, 'g', -1, 64))}
	case json.Number:
		return []any{"number", number(value.String())}
	}
	return value // a string or a boolean
}

// absent writes a null whose marks may still hold unknown parts: of a value all of
// whose parts are unknown, Terraform leaves nothing but the marks.
func absent(unknown any) any {
	switch unknown := unknown.(type) {
	case map[string]any:
		if anyTrue(unknown) {
			return []any{"map", entries(nil, unknown)}
		}
	case []any:
		if anyTrue(unknown) {
			return append([]any{"list"}, elements(nil, unknown)...)
		}
	}
	return nil
}

// entries joins the known entries of a map with those that only the marks name.
func entries(value map[string]any, unknown any) map[string]any {
	written := map[string]any{}
	for key, part := range value {
		if form := canonical(part, at(unknown, key)); form != nil {
			written[key] = form
		}
	}
	unknownParts, _ := unknown.(map[string]any)
	for key, mark := range unknownParts {
		if _, known := value[key]; !known && anyTrue(mark) {
			written[key] = canonical(nil, mark)
		}
	}
	return written
}

func elements(value []any, unknown any) []any {
	unknownParts, _ := unknown.([]any)
	written := []any{}
	for i := range max(len(value), len(unknownParts)) {
		written = append(written, canonical(nth(value, i), nth(unknown, i)))
	}
	return written
}

func at(tree any, key string) any {
	parts, _ := tree.(map[string]any)
	return parts[key]
}

func nth(tree any, i int) any {
	parts, _ := tree.([]any)
	if i < len(parts) {
		return parts[i]
	}
	return nil
}

// alike reports whether two values have one canonical form.
func alike(a, b any) bool {
	switch a := a.(type) {
	case nil:
		return b == nil
	case string:
		text, is := b.(string)
		return is && a == text
	case bool:
		truth, is := b.(bool)
		return is && a == truth
	case []any:
		list, is := b.([]any)
		if !is || len(a) != len(list) {
			return false
		}
		for i := range a {
			if !alike(a[i], list[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		fields, is := b.(map[string]any)
		return is && alikeFields(a, fields) && alikeFields(fields, a)
	}
	return CompactJSON(canonical(a, nil)) == CompactJSON(canonical(b, nil))
}

// alikeFields reports whether b has the fields of a.
func alikeFields(a, b map[string]any) bool {
	for key, part := range a {
		if !alike(part, b[key]) {
			return false
		}
	}
	return true
}

// encode writes plain maps, lists and strings, which always succeeds.
func encode(value any) []byte { return []byte(CompactJSON(value)) }

// number writes a JSON number as its significant digits and an exponent, so that
// 1500, 1500.0 and 1.5e3 are the same. It never expands an exponent.
func number(text string) string {
	mantissa, exponentText, _ := strings.Cut(strings.ToLower(text), "e")
	exponent, err := strconv.Atoi(exponentText)
	if exponentText != "" && err != nil {
		return text // no exponent that fits an integer: compare it as written
	}
	sign := ""
	if rest, negative := strings.CutPrefix(mantissa, "-"); negative {
		sign, mantissa = "-", rest
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	exponent -= len(fraction)
	digits := strings.TrimLeft(whole+fraction, "0")
	significant := strings.TrimRight(digits, "0")
	if significant == "" {
		return "0"
	}
	exponent += len(digits) - len(significant)
	return sign + significant + "e" + strconv.Itoa(exponent)
}
