package infra

import (
	"context"
	"slices"
	"sort"
	"strings"

	"github.com/hashicorp/terraform-exec/tfexec"
	tfjson "github.com/hashicorp/terraform-json"
)

// Drift is how the cloud differs from what git says.
type Drift struct {
	Changes []Drifted `json:"changes"` // what differs from the configuration
	Other   []Drifted `json:"other"`   // what else is new since the last apply, in attributes that the configuration does not set
	Text    string    `json:"text"`    // what Terraform prints, without sensitive values and known secrets
}

// Drifted is one resource that is no longer as Terraform left it.
type Drifted struct {
	Address    string   `json:"address"`    // such as module.server.aws_instance.this
	Deleted    bool     `json:"deleted"`    // whether it is gone
	Attributes []string `json:"attributes"` // the top-level attributes that differ, sorted
	Values     []Value  `json:"values,omitempty"`
}

// Value is a part of a resource that differs, as it may be shown.
type Value struct {
	Path   string `json:"path"`   // such as tags.Name or ingress[0].from_port
	Before string `json:"before"` // as Terraform left it, as JSON
	After  string `json:"after"`  // as it is now
}

// Drift compares the cloud with the state and changes neither. If a provider or the
// network fails, that is an error and not a result. What Terraform would leave as it is
// counts as no drift: attributes that it ignores, and values that mean the same to a
// provider. A second plan says so, which is made where there is something to ask about.
func (w *Workspace) Drift(ctx context.Context) (*Drift, error) {
	plan, err := w.plan(ctx, "looking for drift", "", tfexec.RefreshOnly(true))
	if err != nil {
		return nil, err
	}
	drift := drifted(plan.JSON)
	if len(drift.Changes) > 0 {
		if err := w.keepUndone(ctx, drift); err != nil {
			return nil, err
		}
	}
	for _, found := range [][]Drifted{drift.Changes, drift.Other} {
		for i := range found {
			found[i].Values = plan.values(found[i])
			found[i].Address = plan.Redact(found[i].Address)
		}
	}
	if len(drift.Changes)+len(drift.Other) > 0 {
		drift.Text = plan.Text
	}
	return drift, nil
}

// keepUndone leaves as drift what Terraform would undo. Where it cannot plan that, such
// as for a resource that must not be destroyed, everything stays.
func (w *Workspace) keepUndone(ctx context.Context, drift *Drift) error {
	would, err := w.plan(ctx, "asking what terraform would undo", "")
	switch {
	case ctx.Err() != nil:
		return err
	case err != nil:
		w.progress.Say("terraform cannot plan to undo the drift, so all of it is told: %v", err)
	default:
		drift.undone(would.JSON)
	}
	return nil
}

// undone moves what a plan would leave as it is to the other differences.
func (d *Drift) undone(plan *tfjson.Plan) {
	changes := map[string]*tfjson.ResourceChange{}
	for _, change := range plan.ResourceChanges {
		if change.DeposedKey == "" {
			changes[change.Address] = change
		}
	}
	kept := []Drifted{}
	for _, found := range d.Changes {
		change := changes[found.Address]
		if found.Deleted {
			if change != nil && change.Change.Actions.Create() || change != nil && change.Change.Actions.Replace() {
				kept = append(kept, found)
			}
			continue
		}
		var left, undone []string
		for _, name := range found.Attributes {
			if touches(change, name) {
				undone = append(undone, name)
			} else {
				left = append(left, name)
			}
		}
		kept = appendDrifted(kept, found.Address, undone)
		d.Other = appendDrifted(d.Other, found.Address, left)
	}
	d.Changes = kept
}

// touches reports whether a plan changes an attribute of a resource, or makes the
// resource anew.
func touches(change *tfjson.ResourceChange, name string) bool {
	if change == nil || change.Change.Actions.NoOp() || change.Change.Actions.Delete() {
		return false // as git says it, it is left alone, or goes away
	}
	if change.Change.Actions.Replace() {
		return true
	}
	unknown, _ := change.Change.AfterUnknown.(map[string]any)
	return unknown[name] != nil && unknown[name] != false || slices.Contains(differing(change.Change), name)
}

// drifted reads the drift from a refresh-only plan. Attributes that the
// configuration does not set are listed apart: the cloud sets some only after the
// apply, such as an address that is associated later, and git does not say otherwise.
func drifted(plan *tfjson.Plan) *Drift {
	drift := &Drift{Changes: []Drifted{}, Other: []Drifted{}}
	for _, change := range plan.ResourceDrift {
		if change.Mode == tfjson.DataResourceMode || change.Change == nil {
			continue
		}
		if change.Change.Actions.Delete() {
			drift.Changes = append(drift.Changes, Drifted{Address: change.Address, Deleted: true, Attributes: []string{}})
			continue
		}
		said := expressions(plan.Config, change)
		configured, other := []string{}, []string{}
		for _, name := range differing(change.Change) {
			if said == nil || said[name] != nil || name == "tags_all" {
				configured = append(configured, name)
			} else {
				other = append(other, name)
			}
		}
		drift.Changes = appendDrifted(drift.Changes, change.Address, configured)
		drift.Other = appendDrifted(drift.Other, change.Address, other)
	}
	return drift
}

func appendDrifted(all []Drifted, address string, attributes []string) []Drifted {
	if len(attributes) == 0 {
		return all
	}
	return append(all, Drifted{Address: address, Attributes: attributes})
}

// differing returns the names of the attributes that differ, sorted.
func differing(change *tfjson.Change) []string {
	before, _ := change.Before.(map[string]any)
	after, _ := change.After.(map[string]any)
	var names []string
	for name := range union(before, after) {
		if !alike(before[name], after[name]) {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	return names
}

func union(a, b map[string]any) map[string]bool {
	names := make(map[string]bool, len(a)+len(b))
	for name := range a {
		names[name] = true
	}
	for name := range b {
		names[name] = true
	}
	return names
}

// expressions returns what the configuration says of a resource, by attribute;
// nil if it does not know the resource.
func expressions(config *tfjson.Config, change *tfjson.ResourceChange) map[string]*tfjson.Expression {
	if config == nil {
		return nil
	}
	module := config.RootModule
	for _, name := range moduleNames(change.ModuleAddress) {
		if module == nil || module.ModuleCalls[name] == nil {
			return nil
		}
		module = module.ModuleCalls[name].Module
	}
	if module == nil {
		return nil
	}
	for _, resource := range module.Resources {
		if resource.Mode == change.Mode && resource.Type == change.Type && resource.Name == change.Name {
			if resource.Expressions == nil {
				return map[string]*tfjson.Expression{}
			}
			return resource.Expressions
		}
	}
	return nil
}

// moduleNames returns the calls that lead to a module, without their instance
// keys: module.a["x.y"].module.b is a, b. A key may hold anything, dots and
// brackets too.
func moduleNames(address string) []string {
	var names []string
	for address != "" {
		address = strings.TrimPrefix(strings.TrimPrefix(address, "."), "module.")
		end := strings.IndexAny(address, ".[")
		if end < 0 {
			return append(names, address)
		}
		names = append(names, address[:end])
		address = skipKey(address[end:])
	}
	return names
}

// skipKey returns what follows the instance key that text may begin with.
func skipKey(text string) string {
	if !strings.HasPrefix(text, "[") {
		return text
	}
	quoted := false
	for i := 1; i < len(text); i++ {
		switch {
		case quoted && text[i] == '\\':
			i++
		case text[i] == '"':
			quoted = !quoted
		case text[i] == ']' && !quoted:
			return text[i+1:]
		}
	}
	return ""
}
