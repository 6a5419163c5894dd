package review

import (
	"fmt"
	"strings"

	"github.com/shopspring/decimal"

	"gitops/ci/cost"
)

func (r *renderer) cost() {
	if r.NoCost != "" {
		r.page.write("**Cost**: not estimated: " + r.clean.code(r.NoCost) + "\n\n")
	}
	c := r.safeCost()
	if c == nil {
		return
	}
	r.page.write(fmt.Sprintf("**Cost** a month: %s before, %s after, difference %s\n\n",
		cost.Money(c.Before, c.Currency), cost.Money(c.After, c.Currency), cost.MoneyDiff(c.Diff, c.Currency)))
	r.costTable(*c)
	r.costNotes(*c)
}

// costTable lists what makes the difference, and what may: a cost that depends on
// usage. What stays as it is, is in the totals.
func (r *renderer) costTable(c cost.Cost) {
	var rows []string
	for _, resource := range c.Resources {
		if resource.Diff.IsZero() && !resource.Added && !resource.Removed {
			continue
		}
		rows = append(rows, fmt.Sprintf("| %s | %s | %s | %s |\n", r.costName(resource),
			costCell(resource.Before, resource.Added, c.Currency),
			costCell(resource.After, resource.Removed, c.Currency),
			cost.MoneyDiff(resource.Diff, c.Currency)))
	}
	head := "| resource | before | after | difference |\n|---|--:|--:|--:|\n"
	r.page.list(costBudget, head, rows, func(left int) string {
		return fmt.Sprintf("| … and %d more | | | |\n", left)
	})
	if len(rows) > 0 {
		r.page.write("\n")
	}
}

func (r *renderer) costName(resource cost.Resource) string {
	if resource.Project == "" {
		return r.clean.code(resource.Name)
	}
	return r.clean.code(resource.Name) + " in " + r.clean.code(resource.Project)
}

func costCell(value *decimal.Decimal, absent bool, currency string) string {
	switch {
	case absent:
		return "–"
	case value == nil:
		return "by usage"
	}
	return cost.Money(*value, currency)
}

func (r *renderer) costNotes(c cost.Cost) {
	var notes []string
	if c.NotPriced > 0 {
		notes = append(notes, fmt.Sprintf("%d %s of a type that Infracost does not price",
			c.NotPriced, plural(c.NotPriced, "resource is", "resources are")))
	}
	const most = 5
	for _, problem := range c.Problems[:min(most, len(c.Problems))] {
		notes = append(notes, "Infracost: "+r.clean.code(problem))
	}
	if len(notes) > 0 {
		r.page.write(strings.Join(notes, " · ") + "\n\n")
	}
}
