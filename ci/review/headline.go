package review

import (
	"fmt"
	"strings"

	"gitops/ci/cost"
)

// Headline says in one line what a plan would do and cost: "2 to add, 1 to
// change, 1 to destroy · +$7.30/month". A nil cost is left out.
func Headline(s Summary, monthly *cost.Cost) string {
	line := changes(s.Counts)
	if s.Empty() {
		line = "No changes"
	}
	if monthly == nil {
		return line
	}
	return line + " · " + costPerMonth(*monthly)
}

func costPerMonth(c cost.Cost) string { return cost.MoneyDiff(c.Diff, c.Currency) + "/month" }

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
	say(c.Destroy, "to destroy")
	say(c.Forget, "to forget")
	say(c.Import, "to import")
	say(c.Move, "to move")
	say(c.Deferred, "deferred")
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
