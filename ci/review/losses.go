package review

import (
	"fmt"
	"slices"
	"strings"
)

// mostForced bounds the replacements whose forcing values are compared; further ones name
// the attributes alone.
const mostForced = 100

// losses names what is destroyed or replaced, each once: with what forces it, and the
// other values that a replacement changes.
func (r *renderer) losses() {
	var entries []entry
	for _, resource := range r.Summary.Resources {
		if loses(resource.Action) {
			entries = append(entries, r.loss(resource, len(entries) < mostForced))
		}
	}
	if len(entries) == 0 {
		return
	}
	head := "> [!CAUTION]\n> **" + lost(r.Summary.Counts) + "**\n>\n"
	r.cut += r.page.entries(lossBudget, head, entries, func(left int) string {
		return fmt.Sprintf("> - … and %d more\n", left)
	}, "\n")
}

func loses(action Action) bool {
	return action == ActionDestroy || action == ActionReplace || action == ActionAnew
}

func lost(c Counts) string {
	var parts []string
	say := func(count int, what string) {
		if count > 0 {
			parts = append(parts, fmt.Sprintf("%d %s %s", count, plural(count, "resource is", "resources are"), what))
		}
	}
	say(c.Destroy, "destroyed")
	say(c.Replace, "replaced")
	if len(parts) > 0 {
		parts[len(parts)-1] += ": " + plural(c.Destroy+c.Replace, "its", "their") + " data is lost"
	}
	say(c.Anew, "made anew: the old one stays, and Terraform no longer knows it")
	return strings.Join(parts, ", ")
}

// loss is a destroyed or replaced resource: a line, and the values that change.
func (r *renderer) loss(resource Resource, compare bool) entry {
	start := "> - **" + string(resource.Action) + "** " + r.clean.code(resource.Address)
	if resource.Action == ActionDestroy || !compare {
		return entry{brief: start + r.because(resource, nil) + "\n"}
	}
	values := compareValues(resource.change, r.Redactor)
	var forcing, others []value
	for _, v := range values.values {
		if forces(resource.ForcedBy, v.path) && v.lines == nil && v.note == "" {
			forcing = append(forcing, v)
		} else {
			others = append(others, v)
		}
	}
	values.values = others
	brief := start + r.because(resource, forcing) + "\n"
	return entry{brief: brief, full: func() string {
		fence := r.fence(values, resource.Action)
		if fence == "" {
			return brief
		}
		return brief + prefixed(">   ", fence) + "\n"
	}}
}

// forces reports whether a value is at, or in, an attribute that forces a replacement.
func forces(forcedBy []string, path string) bool {
	return slices.ContainsFunc(forcedBy, func(forced string) bool {
		forced, _, _ = strings.Cut(forced, "[*]")
		rest, is := strings.CutPrefix(path, forced)
		return is && (rest == "" || rest[0] == '.' || rest[0] == '[')
	})
}

func prefixed(prefix, text string) string {
	return prefix + strings.ReplaceAll(text, "\n", "\n"+prefix)
}

// because says what leads to an action: the attributes that force a replacement with
// their values, Terraform's reason, where a resource comes from, what it costs.
func (r *renderer) because(resource Resource, forcing []value) string {
	var parts []string
	switch {
	case len(forcing) > 0:
		parts = append(parts, "forced by "+r.forcing(forcing))
	case len(resource.ForcedBy) > 0:
		parts = append(parts, "forced by "+r.codes(resource.ForcedBy))
	case resource.Reason != "":
		parts = append(parts, resource.Reason)
	}
	if resource.CreateFirst {
		parts = append(parts, "the new one is made first")
	}
	if resource.Previous != "" {
		parts = append(parts, "moved from "+r.clean.code(resource.Previous))
	}
	if resource.ImportID != "" {
		parts = append(parts, "imported from "+r.clean.code(resource.ImportID))
	}
	if cost := r.costOf(resource.Address); cost != "" {
		parts = append(parts, cost)
	}
	if len(parts) == 0 {
		return ""
	}
	return " · " + strings.Join(parts, " · ")
}

// forcing writes the first few values that force a replacement.
func (r *renderer) forcing(values []value) string {
	const most = 3
	var parts []string
	for _, v := range values[:min(most, len(values))] {
		parts = append(parts, r.clean.code(v.path)+": "+r.clean.code(orNull(v.before))+" → "+r.clean.code(orNull(v.after)))
	}
	if len(values) > most {
		parts = append(parts, fmt.Sprintf("%d more", len(values)-most))
	}
	return strings.Join(parts, ", ")
}

// orNull names the value of what is not there.
func orNull(text string) string {
	if text == "" {
		return "null"
	}
	return text
}
