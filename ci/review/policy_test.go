package review

import (
	"strings"
	"testing"

	"gitops/ci/progress"
)

func TestPolicy(t *testing.T) {
	s, c := Summarize(recordedPlan(t, "shop")), recordedCost(t, "shop")
	dearer := *c
	dearer.After = dearer.After.Add(dearer.Before)
	rules := Policy{NoDestroy: []string{"aws_db_*", "aws_s3_bucket"}, MaxCost: "20", CostApproval: []string{"ann", "owner/ops"}}
	for name, test := range map[string]struct {
		policy Policy
		facts  Facts
		dear   bool
		want   string
	}{
		"no rules":        {Policy{}, Facts{}, true, ""},
		"within":          {Policy{NoDestroy: []string{"aws_s3_bucket"}, MaxCost: "20"}, Facts{}, false, ""},
		"a database":      {rules, Facts{}, false, "no_destroy: replace aws_db_instance.orders: the label allow-destroy allows it"},
		"labelled":        {rules, Facts{Labels: []string{"bug", "allow-destroy"}}, false, ""},
		"another label":   {Policy{NoDestroy: []string{"aws_ebs_volume"}, AllowLabel: "drop"}, Facts{Labels: []string{"allow-destroy"}}, false, "no_destroy: destroy aws_ebs_volume.backups: the label drop allows it"},
		"too dear":        {rules, Facts{Labels: []string{"allow-destroy"}}, true, "max_cost: +$48.00 a month is more than 20: an approval of ann or owner/ops allows it"},
		"approved":        {rules, Facts{Labels: []string{"allow-destroy"}, Approvals: []string{"Ann"}}, true, ""},
		"another's":       {rules, Facts{Labels: []string{"allow-destroy"}, Approvals: []string{"bob"}}, true, "max_cost: +$48.00 a month is more than 20: an approval of ann or owner/ops allows it"},
		"nobody approves": {Policy{MaxCost: "1"}, Facts{Approvals: []string{"ann"}}, true, "max_cost: +$48.00 a month is more than 1: make the change cheaper, or raise the limit"},
	} {
		cost := c
		if test.dear {
			cost = &dearer
		}
		var said []string
		for _, v := range CheckPolicy(test.policy, s, cost, test.facts) {
			said = append(said, v.Rule+": "+v.What)
		}
		if got := strings.Join(said, "\n"); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
	if v := CheckPolicy(rules, s, nil, Facts{Labels: []string{"allow-destroy"}}); len(v) != 1 || !strings.HasPrefix(v[0].What, "the cost is not known") {
		t.Errorf("an unknown cost gives %v", v)
	}
	if v := CheckPolicy(rules, Summary{}, nil, Facts{}); len(v) != 0 {
		t.Errorf("no changes give %v", v)
	}
}

func TestPolicyRefusesWhatNoRuleIs(t *testing.T) {
	for _, p := range []Policy{{NoDestroy: []string{"[a"}}, {NoDestroy: []string{""}}, {MaxCost: "much"}, {MaxCost: "-1"}, {MaxCost: "1e99999999999999999999"}} {
		if err := p.Check(); progress.ExitCode(err) != progress.ExitInvalid {
			t.Errorf("%+v: %v, want exit 2", p, err)
		}
	}
	if err := (Policy{NoDestroy: []string{"aws_db_*"}, MaxCost: "12.50"}).Check(); err != nil {
		t.Error(err)
	}
}
