package review

import (
	"sort"

	tfjson "github.com/hashicorp/terraform-json"
)

// Check is a condition of the configuration that does not hold.
type Check struct {
	Address  string   `json:"address"`
	Errored  bool     `json:"errored,omitempty"` // it could not be told
	Messages []string `json:"messages,omitempty"`
}

// addNotices adds what Terraform noticed besides the changes.
func (s *Summary) addNotices(plan *tfjson.Plan) {
	s.Terraform = plan.TerraformVersion
	s.Partial = plan.Complete != nil && !*plan.Complete || s.Counts.Deferred > 0
	for _, check := range plan.Checks {
		s.addCheck(check)
	}
	for _, rc := range plan.ResourceDrift {
		if rc == nil || rc.Change == nil {
			continue
		}
		if action := changeAction(rc.Change.Actions); action != ActionNone {
			s.Drift = append(s.Drift, newResource(rc, action))
		}
	}
	sort.SliceStable(s.Drift, func(i, j int) bool { return s.Drift[i].Address < s.Drift[j].Address })
}

func (s *Summary) addCheck(check tfjson.CheckResultStatic) {
	told := false
	for _, instance := range check.Instances {
		if !failing(instance.Status) {
			continue
		}
		told = true
		c := Check{Address: instance.Address.ToDisplay, Errored: instance.Status == tfjson.CheckStatusError}
		if c.Address == "" {
			c.Address = check.Address.ToDisplay
		}
		for _, problem := range instance.Problems {
			c.Messages = append(c.Messages, problem.Message)
		}
		s.Checks = append(s.Checks, c)
	}
	switch {
	case !told && failing(check.Status):
		s.Checks = append(s.Checks, Check{Address: check.Address.ToDisplay, Errored: check.Status == tfjson.CheckStatusError})
	case check.Status == tfjson.CheckStatusUnknown:
		s.UnknownChecks++
	}
}

func failing(status tfjson.CheckStatus) bool {
	return status == tfjson.CheckStatusFail || status == tfjson.CheckStatusError
}
