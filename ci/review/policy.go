package review

// Violation is a rule of the policy that a plan breaks.
type Violation struct {
	Rule string `json:"rule"` // the setting, such as no_destroy
	What string `json:"what"` // what breaks it, and what would allow it
}
