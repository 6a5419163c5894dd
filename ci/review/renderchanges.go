package review

import (
	"fmt"
	"strings"
)

const (
	mostFenced = 40   // values of one resource that are shown
	mostOpen   = 3    // new resources whose values are not folded
	fenceLimit = 4000 // bytes of them
)

// changed shows what changes in place, each with its values.
func (r *renderer) changed() {
	var entries []entry
	for _, resource := range r.Summary.Resources {
		if resource.Action == ActionChange {
			entries = append(entries, r.valued(resource))
		}
	}
	r.cut += r.page.entries(valueBudget+r.extra, "", entries, func(left int) string {
		return fmt.Sprintf("… and %d more to change\n\n", left)
	}, "")
}

// added folds the values of what is new.
func (r *renderer) added() {
	var entries []entry
	for _, resource := range r.Summary.Resources {
		if resource.Action == ActionAdd {
			entries = append(entries, r.valued(resource))
		}
	}
	open := ""
	if len(entries) <= mostOpen {
		open = " open"
	}
	head := fmt.Sprintf("<details%s><summary>Values of what is added (%d)</summary>\n\n", open, len(entries))
	r.page.entries(addedBudget, head, entries, func(left int) string {
		return fmt.Sprintf("… and %d more\n\n", left)
	}, "</details>\n\n")
}

// valued is a resource and the values that change.
func (r *renderer) valued(resource Resource) entry {
	brief := "**" + string(resource.Action) + "** " + r.clean.code(resource.Address) + r.because(resource, nil) + "\n\n"
	return entry{brief: brief, full: func() string {
		fence := r.fence(compareValues(resource.change, r.Redactor), resource.Action)
		if fence == "" {
			return brief
		}
		return brief + fence + "\n\n"
	}}
}

// fence writes values as a difference in GitHub's colours; it is empty without any.
// Attributes that are known only after the apply are named at its end: of a new resource
// most are, and say nothing.
func (r *renderer) fence(c comparison, action Action) string {
	known, later := split(c.values, action)
	var lines []string
	size, left := 0, c.left
	for i, v := range known {
		if i == mostFenced || size > fenceLimit {
			left += len(known) - i
			break
		}
		for _, line := range r.valueLines(v) {
			size += len(line)
			lines = append(lines, line)
		}
	}
	if left > 0 {
		lines = append(lines, fmt.Sprintf("# … and %d more", left))
	}
	if len(later) > 0 {
		lines = append(lines, "# known after apply: "+r.named(later))
	}
	if len(lines) == 0 {
		return ""
	}
	return block("diff", strings.Join(lines, "\n"))
}

// split returns the values that are shown, and the paths of those that only are named.
// A resource that stays shows what becomes unknown of it. One that is new has nothing
// empty worth showing.
func split(values []value, action Action) (known []value, later []string) {
	stays := action == ActionChange
	for _, v := range values {
		switch {
		case v.unknown && (!stays || v.sign != signChanged):
			later = append(later, v.path)
		case stays || !v.empty:
			known = append(known, v)
		}
	}
	return known, later
}

// named joins the first few paths.
func (r *renderer) named(paths []string) string {
	const most = 80 // bytes, about what a comment is wide
	shown := ""
	for i, path := range paths {
		if shown != "" && len(shown)+len(path) > most {
			return shown + fmt.Sprintf(" and %d more", len(paths)-i)
		}
		if shown != "" {
			shown += ", "
		}
		shown += cut(r.clean.line(path), most)
	}
	return shown
}

func (r *renderer) valueLines(v value) []string {
	path := cut(r.clean.line(v.path), cellLimit)
	start := string(v.sign) + " " + path + ": "
	switch {
	case v.note != "":
		return []string{start + r.clean.line(v.note)}
	case v.lines != nil:
		lines := []string{string(v.sign) + " " + path + ", by line:"}
		for _, line := range v.lines {
			lines = append(lines, r.clean.line(line))
		}
		return lines
	case v.sign == signAdded:
		return []string{start + r.clean.line(v.after)}
	case v.sign == signRemoved:
		return []string{start + r.clean.line(v.before)}
	}
	return []string{start + r.clean.line(v.before) + " → " + r.clean.line(v.after)}
}

// table lists what neither loses nor changes anything that exists.
func (r *renderer) table() {
	var rows []string
	for _, resource := range r.Summary.Resources {
		if loses(resource.Action) || resource.Action == ActionChange {
			continue
		}
		note := strings.TrimPrefix(r.because(resource, nil), " · ")
		rows = append(rows, "| "+string(resource.Action)+" | "+r.clean.code(resource.Address)+" | "+note+" |\n")
	}
	r.page.list(tableBudget, "| action | resource | |\n|---|---|---|\n", rows, func(left int) string {
		return fmt.Sprintf("| … | and %d more | |\n", left)
	})
	if len(rows) > 0 {
		r.page.write("\n")
	}
}

// codes quotes the first few texts.
func (r *renderer) codes(texts []string) string {
	const most = 5
	var quoted []string
	for _, text := range texts[:min(most, len(texts))] {
		quoted = append(quoted, r.clean.code(text))
	}
	if len(texts) > most {
		quoted = append(quoted, fmt.Sprintf("%d more", len(texts)-most))
	}
	return strings.Join(quoted, ", ")
}
