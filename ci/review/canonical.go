package review

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
)

// canonicalWriter writes values in the form that Canonical documents.
type canonicalWriter struct {
	lineage string // salts the hashes of sensitive values
	blind   bool   // leaves sensitive values out
}

// value writes one value of a plan with Terraform's marks beside it: trees of the
// same shape in which true marks an unknown or a sensitive part.
func (w canonicalWriter) value(value, unknown, sensitive any) any {
	if sensitive == true && w.blind {
		return []any{"sensitive"}
	}
	if sensitive == true {
		return []any{"sensitive", w.hash(w.value(value, unknown, nil))}
	}
	if unknown == true {
		return []any{"unknown"}
	}
	switch value := value.(type) {
	case map[string]any:
		return []any{"map", w.entries(value, unknown, sensitive)}
	case []any:
		return append([]any{"list"}, w.elements(value, unknown, sensitive)...)
	case nil:
		return w.absent(unknown, sensitive)
	case float64:
		return []any{"number", number(strconv.FormatFloat(value, 'g', -1, 64))}
	case json.Number:
		return []any{"number", number(value.String())}
	}
	return value // a string or a boolean
}

// absent writes a null whose marks may still hold unknown parts: of a value all of
// whose parts are unknown, Terraform leaves nothing but the marks.
func (w canonicalWriter) absent(unknown, sensitive any) any {
	switch unknown := unknown.(type) {
	case map[string]any:
		if anyTrue(unknown) {
			return []any{"map", w.entries(nil, unknown, sensitive)}
		}
	case []any:
		if anyTrue(unknown) {
			return append([]any{"list"}, w.elements(nil, unknown, sensitive)...)
		}
	}
	return nil
}

// entries joins the known entries of a map with those that only the marks name.
func (w canonicalWriter) entries(value map[string]any, unknown, sensitive any) map[string]any {
	entries := map[string]any{}
	for key, part := range value {
		entries[key] = w.value(part, at(unknown, key), at(sensitive, key))
	}
	unknownParts, _ := unknown.(map[string]any)
	for key, mark := range unknownParts {
		if _, known := value[key]; !known && anyTrue(mark) {
			entries[key] = w.value(nil, mark, at(sensitive, key))
		}
	}
	return entries
}

func (w canonicalWriter) elements(value []any, unknown, sensitive any) []any {
	unknownParts, _ := unknown.([]any)
	elements := []any{}
	for i := range max(len(value), len(unknownParts)) {
		var part any
		if i < len(value) {
			part = value[i]
		}
		elements = append(elements, w.value(part, nth(unknown, i), nth(sensitive, i)))
	}
	return elements
}

func at(marks any, key string) any {
	parts, _ := marks.(map[string]any)
	return parts[key]
}

func nth(marks any, i int) any {
	parts, _ := marks.([]any)
	if i < len(parts) {
		return parts[i]
	}
	return nil
}

// hash is salted with the lineage, a random name that only those know who can read
// the state: a short secret cannot be guessed from a published fingerprint.
func (w canonicalWriter) hash(value any) string {
	mac := hmac.New(sha256.New, []byte(w.lineage))
	mac.Write(encode(value))
	return hex.EncodeToString(mac.Sum(nil))
}

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
