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
// usage. What stays as it is, is in the totals. The differences add up to the total's.
func (r *renderer) costTable(c cost.Cost) {
	var rows []string
	var differences []decimal.Decimal
	rest := c.Diff
	for _, resource := range c.Resources {
		if resource.Diff.IsZero() && !resource.Added && !resource.Removed && !resource.ByUsage() {
			continue
		}
		difference := cost.MoneyDiff(resource.Diff, c.Currency)
		if resource.ByUsage() {
			difference = byUsage
		}
		rest = rest.Sub(resource.Diff)
		differences = append(differences, resource.Diff)
		rows = append(rows, fmt.Sprintf("| %s | %s | %s | %s |\n", r.costName(resource),
			costCell(resource.Before, resource.Added, c.Currency),
			costCell(resource.After, resource.Removed, c.Currency), difference))
	}
	if len(rows) > 0 && !rest.IsZero() {
		differences = append(differences, rest)
		rows = append(rows, fmt.Sprintf("| rounding and others | | | %s |\n", cost.MoneyDiff(rest, c.Currency)))
	}
	head := "| resource | before | after | difference |\n|---|--:|--:|--:|\n"
	r.page.list(costBudget, head, rows, func(left int) string {
		sum := decimal.Sum(decimal.Zero, differences[len(differences)-left:]...)
		return fmt.Sprintf("| … and %d more | | | %s |\n", left, cost.MoneyDiff(sum, c.Currency))
	})
	if len(rows) > 0 {
		r.page.write("\n")
	}
}

// byUsage is what stands where Infracost knows no amount.
const byUsage = "depends on usage"

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
		return byUsage
	}
	return cost.Money(*value, currency)
}

// costOf is what a resource's change costs a month, to stand beside the change. A name
// that several projects have is no resource's.
func (r *renderer) costOf(address string) string {
	if r.costs == nil {
		r.costs = map[string]string{}
		c := r.safeCost()
		if c == nil {
			return ""
		}
		for _, resource := range c.Resources {
			said := ""
			switch {
			case resource.ByUsage():
				said = "cost " + byUsage
			case !resource.Diff.IsZero():
				said = cost.MoneyDiff(resource.Diff, c.Currency) + "/month"
			}
			if resource.Project == "" && said != "" {
				r.costs[resource.Name] = said
			}
		}
	}
	return r.costs[address]
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
