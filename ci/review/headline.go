package review

import (
	"fmt"
	"strings"

	"gitops/ci/cost"
)

// Headline says in one line what a plan would do and cost: "2 to add, 1 to
// change, 1 to destroy · +$7.30/month". A nil cost is left out.
func Headline(s Summary, monthly *cost.Cost) string {
	parts := []string{changes(s.Counts)}
	switch {
	case s.Empty() && s.Partial:
		parts[0] = "No changes in the part that was planned"
	case s.Empty():
		parts[0] = "No changes"
	}
	if s.Errored {
		parts[0] = "The plan failed half-way: " + strings.ToLower(parts[0][:1]) + parts[0][1:]
	}
	if monthly != nil {
		parts = append(parts, costPerMonth(*monthly))
	}
	return strings.Join(append(parts, notices(s)...), " · ")
}

// notices says what a reader must know besides the changes.
func notices(s Summary) (parts []string) {
	if s.Partial && !s.Empty() {
		parts = append(parts, "only a part was planned")
	}
	if n := len(s.Checks); n > 0 {
		parts = append(parts, fmt.Sprintf("%d %s", n, plural(n, "check fails", "checks fail")))
	}
	if n := len(s.Drift); n > 0 {
		parts = append(parts, fmt.Sprintf("%d changed outside of Terraform", n))
	}
	return parts
}

// costPerMonth is the difference, or that it depends on usage, which may be anything.
func costPerMonth(c cost.Cost) string {
	c = c.Rounded()
	switch byUsage := c.ByUsage(); {
	case byUsage && c.Diff.IsZero():
		return "cost depends on usage"
	case byUsage:
		return cost.MoneyDiff(c.Diff, c.Currency) + "/month and usage"
	}
	return cost.MoneyDiff(c.Diff, c.Currency) + "/month"
}

func changes(c Counts) string {
	var parts []string
	say := func(count int, what string) {
		if count > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", count, what))
		}
	}
	say(c.Add, "to add")
	say(c.Change, "to change")
	say(c.Replace, "to replace")
	say(c.Anew, "to make anew")
	say(c.Destroy, "to destroy")
	say(c.Forget, "to forget")
	say(c.Import, "to import")
	say(c.Move, "to move")
	say(c.Deferred, "deferred")
	say(c.Invoke, plural(c.Invoke, "action to run", "actions to run"))
	if len(parts) == 0 {
		say(c.Read, "to read")
	}
	if len(parts) == 0 {
		say(c.Outputs, plural(c.Outputs, "output changes", "outputs change"))
	}
	return strings.Join(parts, ", ")
}

func plural(count int, one, many string) string {
	if count == 1 {
		return one
	}
	return many
}
