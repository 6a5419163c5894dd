package compose

import "strings"

// tagVariable returns the variable that alone is the tag of an image, or the whole
// image, as in name:${TAG:-latest} and ${IMAGE}. It is empty where there is none.
func tagVariable(image string) (name string) {
	parts := split(image)
	if len(parts) == 0 {
		return ""
	}
	last := parts[len(parts)-1]
	if last.name == "" || strings.HasSuffix(last.operator, "+") {
		return ""
	}
	if before := parts[:len(parts)-1]; len(before) > 0 && !strings.HasSuffix(before[len(before)-1].text, ":") {
		return ""
	}
	return last.name
}

// beforeTag returns the text of an image before its tag variable, and whether all the
// variables in it have values.
func beforeTag(image, name string, set Lookup) (text string, ok bool) {
	const mark = "\x00"
	expanded, ok := Expand(image, func(variable string) (string, bool) {
		if variable == name {
			return mark, true
		}
		return set(variable)
	})
	text, found := strings.CutSuffix(expanded, mark)
	return text, ok && found && !strings.Contains(text, mark)
}

// likely returns an image with its variables replaced, also where they lack a value:
// to compare two sets of values.
func likely(image string, set Lookup) string {
	expanded, _ := Expand(image, func(variable string) (string, bool) {
		if value, ok := set(variable); ok && value != "" {
			return value, true
		}
		return anyValue, true
	})
	return expanded
}
