package review

import (
	"path"
	"slices"
	"strings"

	"github.com/shopspring/decimal"

	"gitops/ci/cost"
	"gitops/ci/progress"
)

// Policy are the rules that a plan must keep. The zero value has none.
type Policy struct {
	// NoDestroy are types of resources, such as aws_db_instance or aws_db_*, that a plan
	// destroys or replaces only where the pull request has AllowLabel.
	NoDestroy  []string `json:"no_destroy,omitempty"`
	AllowLabel string   `json:"allow_label,omitempty"`
	// MaxCost is how much more a month may cost after a plan without an approval of one
	// of CostApproval; empty is any amount.
	MaxCost      string   `json:"max_cost,omitempty"`
	CostApproval []string `json:"cost_approval,omitempty"`
}

// DefaultAllowLabel is the label that allows to destroy, where the policy names none.
const DefaultAllowLabel = "allow-destroy"

// Facts are what GitHub says of a pull request.
type Facts struct {
	Labels    []string `json:"labels,omitempty"`
	Approvals []string `json:"approvals,omitempty"` // logins of those who approved it
}

// Violation is a rule of the policy that a plan breaks.
type Violation struct {
	Rule string `json:"rule"` // the setting, such as no_destroy
	What string `json:"what"` // what breaks it, and what would allow it
}

// Check returns an error where a policy cannot be held to.
func (p Policy) Check() error {
	for _, pattern := range p.NoDestroy {
		if _, err := path.Match(pattern, ""); err != nil || pattern == "" {
			return progress.Invalid("review.policy.no_destroy: %q is no type of a resource: write aws_db_instance, or aws_db_* for several", pattern)
		}
	}
	if most, err := decimal.NewFromString(p.MaxCost); p.MaxCost != "" && (err != nil || most.IsNegative() || len(p.MaxCost) > 20) {
		return progress.Invalid("review.policy.max_cost: %.40q is no amount a month: write a number, such as 100", p.MaxCost)
	}
	return nil
}

// CheckPolicy returns the rules that a plan breaks. A cost that is not known is one that
// may be over the limit.
func CheckPolicy(p Policy, s Summary, monthly *cost.Cost, facts Facts) []Violation {
	violations := p.destroys(s, facts)
	if p.MaxCost == "" || approved(p.CostApproval, facts.Approvals) {
		return violations
	}
	if what := p.costs(s, monthly); what != "" {
		violations = append(violations, Violation{Rule: "max_cost", What: what + ": " + p.costRemedy()})
	}
	return violations
}

func (p Policy) destroys(s Summary, facts Facts) (violations []Violation) {
	label := p.AllowLabel
	if label == "" {
		label = DefaultAllowLabel
	}
	if slices.Contains(facts.Labels, label) {
		return nil
	}
	for _, resource := range s.Resources {
		if resource.Action != ActionDestroy && resource.Action != ActionReplace {
			continue
		}
		if slices.ContainsFunc(p.NoDestroy, func(pattern string) bool { ok, _ := path.Match(pattern, resource.Type); return ok }) {
			violations = append(violations, Violation{
				Rule: "no_destroy", What: string(resource.Action) + " " + resource.Address + ": the label " + label + " allows it",
			})
		}
	}
	return violations
}

// costs says what is wrong with the cost; it is empty where it is within the limit.
func (p Policy) costs(s Summary, monthly *cost.Cost) string {
	most, err := decimal.NewFromString(p.MaxCost)
	switch {
	case err != nil:
		return "the limit " + p.MaxCost + " is no amount"
	case monthly == nil && s.Empty():
		return ""
	case monthly == nil:
		return "the cost is not known, and may grow by more than " + p.MaxCost + " a month"
	}
	c := monthly.Rounded()
	if c.Diff.LessThanOrEqual(most) {
		return ""
	}
	return cost.MoneyDiff(c.Diff, c.Currency) + " a month is more than " + p.MaxCost
}

func (p Policy) costRemedy() string {
	if len(p.CostApproval) == 0 {
		return "make the change cheaper, or raise the limit"
	}
	return "an approval of " + strings.Join(p.CostApproval, " or ") + " allows it"
}

// approved compares logins as GitHub does, without case.
func approved(needed, given []string) bool {
	return slices.ContainsFunc(needed, func(login string) bool {
		return slices.ContainsFunc(given, func(other string) bool { return strings.EqualFold(login, other) })
	})
}
