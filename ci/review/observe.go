package review

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	tfjson "github.com/hashicorp/terraform-json"
)

// observed is one effect with everything that its hashes are made of.
type observed struct {
	Effect
	strict  string // the hash of its form, which the fingerprint covers
	address string // as Terraform has it, secrets included
	deposed bool
	tainted bool // replaced because an apply left it half-made
	leaves  []leaf
	masks   map[string]string
}

// observer goes through a plan.
type observer struct {
	masks map[string]string                 // what it hides, by place
	mask  func(place string, l leaf) string // the digest of what is hidden
	hides map[string][]string               // what was hidden in the review, by address; nil decides anew
	found []observed
}

func observeAll(plan, shown *tfjson.Plan, masks map[string]string, mask func(string, leaf) string, hides map[string][]string) []observed {
	if plan == nil {
		return nil
	}
	o := &observer{masks: masks, mask: mask, hides: hides}
	for i, rc := range plan.ResourceChanges {
		o.resource(fmt.Sprint("r", i), "", rc, shown.ResourceChanges[i])
	}
	for i, deferred := range plan.DeferredChanges {
		if deferred != nil {
			o.resource(fmt.Sprint("d", i), deferred.Reason, deferred.ResourceChange, shown.DeferredChanges[i].ResourceChange)
		}
	}
	for name, change := range plan.OutputChanges {
		o.output(name, change, shown.OutputChanges[name])
	}
	for i, invocation := range plan.ActionInvocations {
		var visible *tfjson.ActionInvocation
		if i < len(shown.ActionInvocations) {
			visible = shown.ActionInvocations[i]
		}
		o.invocation(i, invocation, visible)
	}
	return o.found
}

func (o *observer) resource(place, deferred string, rc, shown *tfjson.ResourceChange) {
	if rc == nil || rc.Change == nil {
		return
	}
	action := resourceAction(rc)
	if action == ActionNone && deferred == "" {
		return
	}
	if deferred != "" {
		action = ActionDeferred
	}
	one := observed{
		Effect: Effect{Address: address(shown), Action: action}, address: address(rc),
		deposed: rc.DeposedKey != "", tainted: rc.ActionReason == tfjson.ActionReasonReplaceBecauseTainted,
	}
	one.leaves = append(about(rc, shown), leavesOf(rc.Change, shown.Change)...)
	actions := []any{}
	for _, action := range rc.Change.Actions {
		actions = append(actions, string(action))
	}
	o.add(place, one, []any{"resource", deferred, actions})
}

// about are the leaves about a resource as a whole. Their paths begin with @.
func about(rc, shown *tfjson.ResourceChange) []leaf {
	own, visible := facts(rc), facts(shown)
	leaves := []leaf{}
	for _, path := range []string{pathAddress, pathPrevious, pathImport, pathObject, pathReason} {
		if own[path] != nil {
			leaves = append(leaves, leaf{path: path, form: canonical(own[path], nil), hidden: concealed(own[path], visible[path])})
		}
	}
	return leaves
}

const (
	pathAddress  = "@address"
	pathPrevious = "@previous" // where it is moved from
	pathImport   = "@import"
	pathObject   = "@object" // which object it is about
	pathReason   = "@reason" // why it is destroyed or replaced
)

func facts(rc *tfjson.ResourceChange) map[string]any {
	facts := map[string]any{pathAddress: []any{rc.Address, rc.DeposedKey, string(rc.Mode), rc.ProviderName}, pathObject: object(rc.Change)}
	if moved(rc) {
		facts[pathPrevious] = rc.PreviousAddress
	}
	if importing := rc.Change.Importing; importing != nil {
		facts[pathImport] = []any{importing.ID, importing.Unknown, importing.Identity}
	}
	if forced := paths(rc.Change.ReplacePaths); rc.Change.Actions.Delete() || rc.Change.Actions.Replace() {
		facts[pathReason] = []any{string(rc.ActionReason), anyList(forced)}
	}
	return facts
}

func anyList(texts []string) []any {
	all := make([]any, len(texts))
	for i, text := range texts {
		all[i] = text
	}
	return all
}

// object is what identifies the object that a change is about: its identity and id,
// else its ARN and name, else all that is known of it. It is nil for a new object.
func object(c *tfjson.Change) any {
	before, _ := c.Before.(map[string]any)
	if before == nil {
		return nil
	}
	parts := map[string]any{"identity": c.BeforeIdentity, "id": before["id"]}
	if parts["identity"] == nil && parts["id"] == nil {
		parts["arn"], parts["name"] = before["arn"], before["name"]
	}
	for _, part := range parts {
		if part != nil {
			return parts
		}
	}
	return before
}

// leavesOf are the leaves of what a change does.
func leavesOf(c, shown *tfjson.Change) []leaf {
	n := node{c.Before, c.After, c.AfterUnknown, c.BeforeSensitive, c.AfterSensitive, shown.Before, shown.After}
	switch {
	case c.Actions.Replace() || c.Actions.Create() || c.Actions.Read() || isCreateForget(c.Actions):
		leaves := n.made().walk("", "", nil)
		if c.Before == nil {
			return leaves
		}
		return append(leaves, old(n)...)
	case c.Actions.Delete() || c.Actions.Forget() || c.Actions.NoOp():
		return nil
	}
	return n.walk("", "", nil)
}

func isCreateForget(actions tfjson.Actions) bool {
	return len(actions) == 2 && slices.Contains(actions, tfjson.ActionCreate) && slices.Contains(actions, tfjson.ActionForget)
}

// old are the attributes of a replaced object that the new one has otherwise.
func old(n node) []leaf {
	before, _ := n.before.(map[string]any)
	keys := map[string]bool{}
	for key := range before {
		keys[key] = true
	}
	var leaves []leaf
	for _, key := range sorted(keys) {
		if part := n.at(key); !anyTrue(part.unknown) && !part.unchanged() {
			gone := node{before: part.before, beforeMarks: part.beforeMarks, shownBefore: part.shownBefore}
			leaves = append(leaves, gone.whole(join("", key)+"#before", key))
		}
	}
	return leaves
}

// output binds what an output will be. What it was makes no difference.
func (o *observer) output(name string, change, shown *tfjson.Change) {
	if change == nil || changeAction(change.Actions) == ActionNone {
		return
	}
	one := observed{Effect: Effect{Address: "output " + name, Action: changeAction(change.Actions)}, address: "output " + name}
	one.leaves = []leaf{{path: pathAddress, form: []any{name}}}
	kind := "set"
	if change.Actions.Delete() {
		kind = "removed"
	} else {
		n := node{after: change.After, unknown: change.AfterUnknown, afterMarks: change.AfterSensitive, shownAfter: shown.After}
		leaves := n.walk("value", "value", nil)
		if len(leaves) == 0 {
			leaves = []leaf{n.whole("value", "value")} // null
		}
		one.leaves = append(one.leaves, leaves...)
	}
	o.add("o"+name, one, []any{"output", kind})
}

// invocation binds an action that Terraform invokes. Their order counts.
func (o *observer) invocation(i int, a, shown *tfjson.ActionInvocation) {
	if a == nil {
		return
	}
	if shown == nil {
		shown = &tfjson.ActionInvocation{Address: a.Address}
	}
	trigger := []any{"invoke"}
	if t := a.LifecycleActionTrigger; t != nil {
		trigger = []any{t.TriggeringResourceAddress, t.ActionTriggerEvent, t.ActionTriggerBlockIndex, t.ActionsListIndex}
	}
	one := observed{Effect: Effect{Address: shown.Address, Action: ActionInvoke}, address: a.Address}
	one.leaves = []leaf{{path: pathAddress, form: []any{a.Address, a.ProviderName, trigger}, hidden: a.Address != shown.Address}}
	n := node{after: a.ConfigValues, unknown: a.ConfigUnknown, afterMarks: a.ConfigSensitive, shownAfter: shown.ConfigValues}
	one.leaves = append(one.leaves, n.walk("", "", nil)...)
	o.add(fmt.Sprint("a", i), one, []any{"invocation", fmt.Sprint(i)})
}

// add makes the hashes of an effect.
func (o *observer) add(place string, one observed, head []any) {
	reviewed, known := o.hides[one.address]
	if !known {
		reviewed, known = o.hides[one.Address]
	}
	sum := sha256.New()
	sum.Write(encode(head))
	slices.SortStableFunc(one.leaves, func(a, b leaf) int { return strings.Compare(a.path, b.path) })
	one.masks = map[string]string{}
	for i := range one.leaves {
		l := &one.leaves[i]
		if l.hidden && known && !l.marked && !slices.Contains(reviewed, l.path) {
			l.hidden = false
		}
		form := l.form
		if l.marked || l.hidden {
			at := place + "/" + l.path
			digest := o.mask(at, *l)
			o.masks[at], one.masks[l.path] = digest, digest
			form = []any{"hidden", digest}
		}
		sum.Write(encode([]any{l.path, form}))
	}
	one.strict = hex.EncodeToString(sum.Sum(nil))
	one.Effect = one.effect()
	o.found = append(o.found, one)
}

// bound is a leaf's form with what is hidden as its digest.
func (o observed) bound(l leaf) any {
	if digest, masked := o.masks[l.path]; masked {
		return []any{"hidden", digest}
	}
	return l.form
}
