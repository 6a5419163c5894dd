package review

import (
	"fmt"
	"regexp"
)

// notices says what a reader must know besides the changes: that the plan is not whole,
// conditions that do not hold, Terraform's warnings, and what changed outside of it.
func (r *renderer) notices() {
	r.unfinished()
	r.checks()
	r.warnings()
	r.drift()
}

func (r *renderer) unfinished() {
	var said []string
	if r.Summary.Errored {
		said = append(said, "**Planning ended with an error.** Changes may be missing from this list. Such a plan is not applied.")
	}
	if r.Summary.Partial {
		said = append(said, "**The plan is not complete**: it was made with `-target`, or defers changes. Plan again without `-target`, or after the apply.")
	}
	for _, text := range said {
		r.page.write("> [!WARNING]\n> " + text + "\n\n")
	}
}

func (r *renderer) checks() {
	var rows []string
	for _, check := range r.Summary.Checks {
		state := "fails"
		if check.Errored {
			state = "could not be evaluated"
		}
		row := "> - " + r.clean.code(check.Address) + " " + state
		if len(check.Messages) > 0 {
			row += ": " + r.codes(check.Messages)
		}
		rows = append(rows, row+"\n")
	}
	if len(rows) > 0 {
		r.page.list(noticeBudget, "> [!WARNING]\n> **Checks that do not hold**\n>\n", rows, func(left int) string { return fmt.Sprintf("> - … and %d more\n", left) })
		r.page.write("\n")
	}
	if n := r.Summary.UnknownChecks; n > 0 {
		r.page.write(fmt.Sprintf("%d %s known only after the apply\n\n", n, plural(n, "check is", "checks are")))
	}
}

func (r *renderer) warnings() {
	var rows []string
	for _, warning := range r.Warnings {
		rows = append(rows, "- "+r.clean.code(warning)+"\n")
	}
	if len(rows) > 0 {
		r.page.list(warningBudget, "**Terraform warns**\n\n", rows, func(left int) string { return fmt.Sprintf("- … and %d more\n", left) })
		r.page.write("\n")
	}
}

// drift folds what Terraform found changed outside of it.
func (r *renderer) drift() {
	var entries []entry
	for _, resource := range r.Summary.Drift {
		entries = append(entries, r.drifted(resource))
	}
	head := fmt.Sprintf("<details><summary>Changed outside of Terraform (%d)</summary>\n\n", len(entries))
	r.page.entries(driftBudget, head, entries, func(left int) string {
		return fmt.Sprintf("… and %d more\n\n", left)
	}, "</details>\n\n")
}

func (r *renderer) drifted(resource Resource) entry {
	brief := r.clean.code(resource.Address) + "\n\n"
	if resource.Action == ActionDestroy {
		return entry{brief: r.clean.code(resource.Address) + " is gone\n\n"}
	}
	return entry{brief: brief, full: func() string {
		fence := r.fence(compareValues(resource.change, r.Redactor), ActionChange)
		if fence == "" {
			return brief
		}
		return brief + fence + "\n\n"
	}}
}

var runPage = regexp.MustCompile(`^https?://[A-Za-z0-9.:-]+(/[A-Za-z0-9._-]+){2,4}/actions/runs/[0-9]+(/attempts/[0-9]+)?$`)

// link links the page of a run on GitHub; another address is only quoted.
func (r *renderer) link(text, address string) string {
	if !runPage.MatchString(address) || r.Redactor.Redact(address) != address {
		return text + " " + r.clean.code(address)
	}
	return "[" + text + "](" + address + ")"
}
