package review

import (
	"fmt"
	"strings"
)

// since says how the effects differ from those of the comment that this one replaces.
func (r *renderer) since() {
	said, rows := r.sinceBefore()
	if said == "" {
		return
	}
	r.page.write("**Since you last looked**: " + said + "\n\n")
	r.page.list(sinceBudget, "", rows, func(left int) string { return fmt.Sprintf("- … and %d more\n", left) })
	if len(rows) > 0 {
		r.page.write("\n")
	}
}

// sinceBefore says in a few words what is different, and in rows which effects are.
func (r *renderer) sinceBefore() (said string, rows []string) {
	if r.Before == "" {
		return "", nil
	}
	fingerprint, planned := ParseFingerprint(r.Before)
	before, listed := ParseRecord(r.Before)
	now := r.Record.Clean(r.Redactor.Redact)
	switch {
	case !planned:
		return "there was no plan then", nil
	case fingerprint == r.Fingerprint:
		return "the same plan", nil
	case !listed || before.Left == LeftEffects || before.Left == LeftEverything:
		return "another plan; the comment does not have the effects of the one before", nil
	case before.Key != now.Key || before.Check != now.Check:
		return "another plan; the effects of the one before were recorded with another key or for another state", nil
	}
	d := Compare(before, now)
	for _, effect := range d.OnlyNow {
		rows = append(rows, "- new: "+r.effect(effect.Action, effect.Address))
	}
	for _, effect := range d.OnlyReviewed {
		rows = append(rows, "- gone: "+r.effect(effect.Action, effect.Address))
	}
	for _, input := range d.Inputs {
		rows = append(rows, "- "+"input "+r.clean.code(strings.TrimSpace(input.Kind+" "+input.Name))+"\n")
	}
	for _, change := range d.Other {
		row := "- changed: " + r.effect(change.Now, change.Address)
		if change.Reviewed != change.Now {
			row = strings.TrimSuffix(row, "\n") + ", before **" + string(change.Reviewed) + "**\n"
		}
		rows = append(rows, row)
	}
	return differs(d), rows
}

// effect writes one effect of a comment, whose action a plan may have made up.
func (r *renderer) effect(action Action, address string) string {
	if _, known := actionRank[action]; !known {
		action = "unknown"
	}
	return "**" + string(action) + "** " + r.clean.code(address) + "\n"
}

func differs(d Difference) string {
	var parts []string
	say := func(count int, what string) {
		if count > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", count, what))
		}
	}
	say(len(d.OnlyNow), "new")
	say(len(d.OnlyReviewed), "gone")
	say(len(d.Other), "changed")
	say(len(d.Inputs), plural(len(d.Inputs), "other input", "other inputs"))
	if len(parts) == 0 {
		return "the same as far as the comment tells, and another fingerprint"
	}
	return strings.Join(parts, ", ")
}
