package review

import (
	"bytes"
	"encoding/json"
	"regexp"
	"sort"

	"gitops/ci/progress"

	"github.com/shopspring/decimal"
)

// Cost is what the infrastructure costs a month before and after a plan, as
// Infracost estimated it.
type Cost struct {
	Currency  string          `json:"currency"` // ISO 4217, "USD" where Infracost names none
	Before    decimal.Decimal `json:"before"`
	After     decimal.Decimal `json:"after"`
	Diff      decimal.Decimal `json:"diff"`
	Resources []ResourceCost  `json:"resources"` // those that cost something or may; the largest difference first
	Problems  []string        `json:"problems,omitempty"`
	// NotPriced counts resource types that Infracost does not know.
	NotPriced int `json:"not_priced,omitempty"`
}

// ResourceCost is what one resource costs a month. A nil amount depends on
// usage that Infracost was not told.
type ResourceCost struct {
	Name    string           `json:"name"`
	Project string           `json:"project,omitempty"` // only with several projects
	Before  *decimal.Decimal `json:"before"`
	After   *decimal.Decimal `json:"after"`
	Diff    decimal.Decimal  `json:"diff"`
	Added   bool             `json:"added,omitempty"`
	Removed bool             `json:"removed,omitempty"`
}

// The parts of Infracost's JSON that a review reads; output.Root in its source,
// whose version has been 0.1 (March to May 2021) and 0.2 (since). In 0.1 the
// totals stand in the projects alone, there is no currency, and a project may
// have a path instead of a name.
type costRoot struct {
	Version  string        `json:"version"`
	Currency string        `json:"currency"`
	Projects []costProject `json:"projects"`
	Past     amount        `json:"pastTotalMonthlyCost"`
	Total    amount        `json:"totalMonthlyCost"`
	Diff     amount        `json:"diffTotalMonthlyCost"`
	Summary  *struct {
		Unsupported int `json:"totalUnsupportedResources"`
	} `json:"summary"`
}

type costProject struct {
	Name     string          `json:"name"`
	Path     string          `json:"path"`
	Metadata json.RawMessage `json:"metadata"` // 0.1: strings; 0.2: may hold errors
	Past     *costBreakdown  `json:"pastBreakdown"`
	Now      *costBreakdown  `json:"breakdown"`
	Diff     *costBreakdown  `json:"diff"`
}

type costBreakdown struct {
	Resources []costResource `json:"resources"`
	Total     amount         `json:"totalMonthlyCost"`
}

type costResource struct {
	Name    string `json:"name"`
	Monthly amount `json:"monthlyCost"`
}

// amount is a decimal that Infracost writes as a string, or null.
type amount struct{ *decimal.Decimal }

// amountForm bounds what is read as an amount: a decimal with an exponent of a
// billion would be written out digit by digit.
var amountForm = regexp.MustCompile(`^-?[0-9]{1,30}(\.[0-9]{1,60})?([eE][-+]?[0-9]{1,2})?$`)

// UnmarshalJSON implements json.Unmarshaler.
func (a *amount) UnmarshalJSON(data []byte) error {
	text := string(bytes.Trim(data, `"`))
	if text == "null" || text == "" {
		return nil
	}
	if !amountForm.MatchString(text) {
		return progress.Invalid("%.80q is no amount of money", text)
	}
	value, err := decimal.NewFromString(text)
	if err != nil {
		return err
	}
	a.Decimal = &value
	return nil
}

func (a amount) orZero() decimal.Decimal {
	if a.Decimal == nil {
		return decimal.Zero
	}
	return *a.Decimal
}

// ParseCost reads the output of `infracost diff --format json`, or of `infracost
// breakdown --format json`, of the versions 0.1 and 0.2.
func ParseCost(data []byte) (Cost, error) {
	var root costRoot
	if err := json.Unmarshal(data, &root); err != nil {
		return Cost{}, progress.Invalid("reading Infracost JSON: %w", err)
	}
	switch root.Version {
	case "0.1", "0.2":
	default:
		return Cost{}, progress.Invalid("reading Infracost JSON: its version is %.20q, and only 0.1 and 0.2 are known", root.Version)
	}
	if root.Projects == nil {
		return Cost{}, progress.Invalid("reading Infracost JSON: it has no projects; give the output of `infracost diff --format json`")
	}
	return root.cost(), nil
}

func (root costRoot) cost() Cost {
	c := Cost{Currency: root.Currency}
	if c.Currency == "" {
		c.Currency = "USD"
	}
	if root.Summary != nil {
		c.NotPriced = root.Summary.Unsupported
	}
	for _, project := range root.Projects {
		c.addProject(project, len(root.Projects) > 1)
	}
	// The document's own totals win over sums of the projects where it has them.
	c.Before = prefer(root.Past, c.Before)
	c.After = prefer(root.Total, c.After)
	c.Diff = prefer(root.Diff, c.After.Sub(c.Before))
	sort.SliceStable(c.Resources, func(i, j int) bool { return costsMore(c.Resources[i], c.Resources[j]) })
	return c
}

func prefer(told amount, summed decimal.Decimal) decimal.Decimal {
	if told.Decimal != nil {
		return *told.Decimal
	}
	return summed
}

func costsMore(a, b ResourceCost) bool {
	if order := a.Diff.Abs().Cmp(b.Diff.Abs()); order != 0 {
		return order > 0
	}
	if a.Name != b.Name {
		return a.Name < b.Name
	}
	return a.Project < b.Project
}

func (c *Cost) addProject(project costProject, several bool) {
	c.Before = c.Before.Add(project.Past.total())
	c.After = c.After.Add(project.Now.total())
	c.Problems = append(c.Problems, problems(project.Metadata)...)
	name := ""
	if several {
		name = project.label()
	}
	past, now := project.Past.byName(), project.Now.byName()
	for _, key := range sortedKeys(past, now) {
		before, wasThere := past[key]
		after, isThere := now[key]
		c.Resources = append(c.Resources, ResourceCost{
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

func (p costProject) label() string {
	if p.Name != "" {
		return p.Name
	}
	return p.Path
}

func (b *costBreakdown) total() decimal.Decimal {
	if b == nil {
		return decimal.Zero
	}
	return b.Total.orZero()
}

func (b *costBreakdown) byName() map[string]amount {
	amounts := map[string]amount{}
	if b == nil {
		return amounts
	}
	for _, r := range b.Resources {
		amounts[r.Name] = r.Monthly
	}
	return amounts
}

func sortedKeys(maps ...map[string]amount) []string {
	seen := map[string]bool{}
	var keys []string
	for _, m := range maps {
		for key := range m {
			if !seen[key] {
				seen[key] = true
				keys = append(keys, key)
			}
		}
	}
	sort.Strings(keys)
	return keys
}

// problems returns what Infracost could not do in a project. It exits with 0 all
// the same, so that a cost of nothing may mean an error.
func problems(metadata json.RawMessage) []string {
	var told struct {
		Errors []struct {
			Message string `json:"message"`
		} `json:"errors"`
	}
	if json.Unmarshal(metadata, &told) != nil {
		return nil
	}
	var messages []string
	for _, problem := range told.Errors {
		messages = append(messages, problem.Message)
	}
	return messages
}
