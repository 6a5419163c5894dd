package cost

import (
	"bytes"
	"encoding/json"
	"regexp"
	"sort"

	"github.com/shopspring/decimal"

	"gitops/ci/progress"
)

// The parts of Infracost's JSON that are read here; output.Root in its source,
// whose version has been 0.1 (March to May 2021) and 0.2 (since). In 0.1 the
// projects alone have totals, there is no currency, and a project may
// have a path instead of a name.
type document struct {
	Version  string    `json:"version"`
	Currency string    `json:"currency"`
	Projects []project `json:"projects"`
	Past     amount    `json:"pastTotalMonthlyCost"`
	Total    amount    `json:"totalMonthlyCost"`
	Diff     amount    `json:"diffTotalMonthlyCost"`
	Summary  *struct {
		Unsupported int `json:"totalUnsupportedResources"`
	} `json:"summary"`
}

type project struct {
	Name     string          `json:"name"`
	Path     string          `json:"path"`
	Metadata json.RawMessage `json:"metadata"` // 0.1: strings; 0.2: may hold errors
	Past     *breakdown      `json:"pastBreakdown"`
	Now      *breakdown      `json:"breakdown"`
	Diff     *breakdown      `json:"diff"`
}

type breakdown struct {
	Resources []priced `json:"resources"`
	Total     amount   `json:"totalMonthlyCost"`
}

type priced struct {
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
		return progress.Invalid("%.80q is not an amount of money", text)
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

// Parse reads the output of `infracost diff --format json`, or of `infracost
// breakdown --format json`, of the versions 0.1 and 0.2. Where Infracost priced nothing
// and says why, the error is an *Unavailable.
func Parse(data []byte) (Cost, error) {
	var d document
	if err := json.Unmarshal(data, &d); err != nil {
		return Cost{}, progress.Invalid("reading Infracost JSON: %w", err)
	}
	switch d.Version {
	case "0.1", "0.2":
	default:
		return Cost{}, progress.Invalid("reading Infracost JSON: its version is %.20q, and only 0.1 and 0.2 are known", d.Version)
	}
	if d.Projects == nil {
		return Cost{}, progress.Invalid("reading Infracost JSON: it has no projects; give the output of `infracost diff --format json`")
	}
	if why := d.failure(); why != "" {
		return Cost{}, &Unavailable{why}
	}
	return d.cost(), nil
}

// failure is why nothing was priced: Infracost ends with 0 and zeros where its service
// refuses, as past a quota.
func (d document) failure() string {
	why := ""
	for _, p := range d.Projects {
		if p.Now.prices() || p.Past.prices() {
			return ""
		}
		for _, problem := range diagnostics(p.Metadata) {
			if problem.IsError && why == "" {
				why = problem.Message
			}
		}
	}
	return why
}

// prices reports whether Infracost found anything to price.
func (b *breakdown) prices() bool {
	return b != nil && (len(b.Resources) > 0 || !b.Total.orZero().IsZero())
}

func (d document) cost() Cost {
	c := Cost{Currency: d.Currency}
	if c.Currency == "" {
		c.Currency = "USD"
	}
	if d.Summary != nil {
		c.NotPriced = d.Summary.Unsupported
	}
	for _, p := range d.Projects {
		c.add(p, len(d.Projects) > 1)
	}
	// The document's own totals win over sums of the projects where it has them.
	c.Before = prefer(d.Past, c.Before)
	c.After = prefer(d.Total, c.After)
	c.Diff = prefer(d.Diff, c.After.Sub(c.Before))
	sort.SliceStable(c.Resources, func(i, j int) bool { return costsMore(c.Resources[i], c.Resources[j]) })
	return c
}

func prefer(told amount, summed decimal.Decimal) decimal.Decimal {
	if told.Decimal != nil {
		return *told.Decimal
	}
	return summed
}

func (p project) label() string {
	if p.Name != "" {
		return p.Name
	}
	return p.Path
}

func (b *breakdown) total() decimal.Decimal {
	if b == nil {
		return decimal.Zero
	}
	return b.Total.orZero()
}

func (b *breakdown) byName() map[string]amount {
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

// diagnostic is what Infracost could not do in a project. It exits with 0 all the same.
type diagnostic struct {
	Message string `json:"message"`
	IsError bool   `json:"isError"`
}

func diagnostics(metadata json.RawMessage) []diagnostic {
	var told struct {
		Errors []diagnostic `json:"errors"`
	}
	if json.Unmarshal(metadata, &told) != nil {
		return nil
	}
	return told.Errors
}
