package cost

import "github.com/shopspring/decimal"

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
	c.Problems = append(c.Problems, problems(p.Metadata)...)
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

func costsMore(a, b Resource) bool {
	if order := a.Diff.Abs().Cmp(b.Diff.Abs()); order != 0 {
		return order > 0
	}
	if a.Name != b.Name {
		return a.Name < b.Name
	}
	return a.Project < b.Project
}
