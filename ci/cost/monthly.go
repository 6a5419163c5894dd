package cost

import (
	"slices"

	"github.com/shopspring/decimal"
)

// Cost is what the infrastructure costs a month before and after a plan, as
// Infracost estimated it.
type Cost struct {
	Currency  string          `json:"currency"` // ISO 4217, "USD" where Infracost names none
	Before    decimal.Decimal `json:"before"`
	After     decimal.Decimal `json:"after"`
	Diff      decimal.Decimal `json:"diff"`
	Resources []Resource      `json:"resources"` // those that cost something or may; the largest difference first
	Problems  []string        `json:"problems,omitempty"`
	// NotPriced counts resource types that Infracost does not know.
	NotPriced int `json:"not_priced,omitempty"`
}

// Resource is what one resource costs a month. A nil amount depends on
// usage that Infracost was not told.
type Resource struct {
	Name    string           `json:"name"`
	Project string           `json:"project,omitempty"` // only with several projects
	Before  *decimal.Decimal `json:"before"`
	After   *decimal.Decimal `json:"after"`
	Diff    decimal.Decimal  `json:"diff"`
	Added   bool             `json:"added,omitempty"`
	Removed bool             `json:"removed,omitempty"`
}

func (c *Cost) add(p project, several bool) {
	c.Before = c.Before.Add(p.Past.total())
	c.After = c.After.Add(p.Now.total())
	for _, problem := range diagnostics(p.Metadata) {
		c.Problems = append(c.Problems, problem.Message)
	}
	name := ""
	if several {
		name = p.label()
	}
	past, now := p.Past.byName(), p.Now.byName()
	for _, key := range sortedKeys(past, now) {
		before, wasThere := past[key]
		after, isThere := now[key]
		c.Resources = append(c.Resources, Resource{
			Name:    key,
			Project: name,
			Before:  before.Decimal,
			After:   after.Decimal,
			Diff:    after.orZero().Sub(before.orZero()),
			Added:   isThere && !wasThere,
			Removed: wasThere && !isThere,
		})
	}
}

// Rounded returns the cost as it is shown: every amount rounded, and every difference that
// of the two amounts beside it.
func (c Cost) Rounded() Cost {
	c.Before, c.After = round(c.Before), round(c.After)
	c.Diff = c.After.Sub(c.Before)
	resources := make([]Resource, len(c.Resources))
	for i, r := range c.Resources {
		r.Before, r.After = roundAmount(r.Before), roundAmount(r.After)
		r.Diff = amount{r.After}.orZero().Sub(amount{r.Before}.orZero())
		resources[i] = r
	}
	c.Resources = resources
	return c
}

// ByUsage reports whether a resource that is new or gone, or costs otherwise than before,
// has a cost that depends on usage.
func (c Cost) ByUsage() bool {
	return slices.ContainsFunc(c.Resources, Resource.ByUsage)
}

// ByUsage reports whether the difference depends on usage that Infracost was not told.
func (r Resource) ByUsage() bool {
	return r.Before == nil && !r.Added && r.After != nil || r.After == nil && !r.Removed && (r.Added || r.Before != nil)
}

func roundAmount(value *decimal.Decimal) *decimal.Decimal {
	if value == nil {
		return nil
	}
	rounded := round(*value)
	return &rounded
}

// round keeps two decimals, and six where it would otherwise round to nothing.
func round(value decimal.Decimal) decimal.Decimal {
	if rounded := value.Round(2); !rounded.IsZero() {
		return rounded
	}
	return value.Round(6)
}

func costsMore(a, b Resource) bool {
	if order := a.Diff.Abs().Cmp(b.Diff.Abs()); order != 0 {
		return order > 0
	}
	if a.Name != b.Name {
		return a.Name < b.Name
	}
	return a.Project < b.Project
}
