package review

import (
	"slices"

	tfjson "github.com/hashicorp/terraform-json"
)

// Action is what Terraform will do with a resource or an output.
type Action string

// The actions, in the order in which a review names them: what loses data first.
const (
	ActionDestroy  Action = "destroy"
	ActionReplace  Action = "replace"
	ActionAnew     Action = "make anew" // a new one is made; the old one stays and is forgotten
	ActionForget   Action = "forget"
	ActionChange   Action = "change"
	ActionAdd      Action = "add"
	ActionImport   Action = "import"
	ActionMove     Action = "move"
	ActionRead     Action = "read"
	ActionDeferred Action = "deferred"
	ActionNone     Action = "none"
)

var actionOrder = []Action{
	ActionDestroy, ActionReplace, ActionAnew, ActionForget, ActionChange, ActionAdd,
	ActionImport, ActionMove, ActionRead, ActionDeferred, ActionNone,
}

var actionRank = func() map[Action]int {
	ranks := map[Action]int{}
	for i, action := range actionOrder {
		ranks[action] = i
	}
	return ranks
}()

// resourceAction names what rc does. A resource that is only imported or only
// moved has Terraform's action no-op; an unheard-of combination of actions
// counts as a change, so that it is never hidden.
func resourceAction(rc *tfjson.ResourceChange) Action {
	action := changeAction(rc.Change.Actions)
	switch {
	case action != ActionNone:
		return action
	case rc.Change.Importing != nil:
		return ActionImport
	case moved(rc):
		return ActionMove
	}
	return ActionNone
}

func changeAction(actions tfjson.Actions) Action {
	switch {
	case len(actions) == 0 || actions.NoOp():
		return ActionNone
	case actions.Replace():
		return ActionReplace
	case slices.Equal(actions, tfjson.Actions{tfjson.ActionCreate, tfjson.ActionForget}):
		return ActionAnew
	case actions.Create():
		return ActionAdd
	case actions.Delete():
		return ActionDestroy
	case actions.Forget():
		return ActionForget
	case actions.Read():
		return ActionRead
	}
	return ActionChange
}

func moved(rc *tfjson.ResourceChange) bool {
	return rc.PreviousAddress != "" && rc.PreviousAddress != rc.Address
}
