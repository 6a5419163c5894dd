package actions

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/rhysd/actionlint"
)

// filter is a list of patterns of a workflow, as docs.github.com has them in "Filter
// pattern cheat sheet". The last pattern that matches decides.
type filter []struct {
	negative bool
	regexp   *regexp.Regexp
}

// newFilter compiles the patterns; nil has none.
func newFilter(given *actionlint.WebhookEventFilter) (filter, error) {
	if given == nil {
		return nil, nil
	}
	compiled := filter{}
	for _, value := range given.Values {
		pattern, negative := strings.CutPrefix(value.Value, "!")
		expression, err := regexp.Compile(expression(pattern))
		if err != nil {
			return nil, fmt.Errorf("the filter %s has no pattern %q: %w", given.Name.Value, value.Value, err)
		}
		compiled = append(compiled, struct {
			negative bool
			regexp   *regexp.Regexp
		}{negative, expression})
	}
	return compiled, nil
}

// expression returns the regular expression for a pattern: * is all but a slash, **
// is all, ? and + repeat the character before, [] is a set, \ takes the next literally.
func expression(pattern string) string {
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		rest := pattern[i:]
		switch {
		case strings.HasPrefix(rest, "**/"):
			b.WriteString("(?:.*/)?")
			i += 2
		case strings.HasPrefix(rest, "**"):
			b.WriteString(".*")
			i++
		case rest[0] == '*':
			b.WriteString("[^/]*")
		case rest[0] == '\\' && len(rest) > 1:
			b.WriteString(regexp.QuoteMeta(rest[1:2]))
			i++
		case strings.IndexByte("?+[]-", rest[0]) >= 0:
			b.WriteByte(rest[0])
		default:
			b.WriteString(regexp.QuoteMeta(rest[:1]))
		}
	}
	return "^(?:" + b.String() + ")$"
}

func (f filter) matches(name string) bool {
	matched := false
	for _, pattern := range f {
		if pattern.regexp.MatchString(name) {
			matched = !pattern.negative
		}
	}
	return matched
}

// admits reports whether one of the names passes a filter of what counts and a
// filter of what does not. Of the two a workflow has at most one.
func admits(only, ignore *actionlint.WebhookEventFilter, names ...string) (bool, error) {
	counted, err := newFilter(only)
	if err != nil {
		return false, err
	}
	ignored, err := newFilter(ignore)
	if err != nil || counted == nil && ignored == nil {
		return true, err
	}
	for _, name := range names {
		if counted != nil && counted.matches(name) || ignored != nil && !ignored.matches(name) {
			return true, nil
		}
	}
	return false, nil
}
