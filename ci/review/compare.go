package review

import (
	"fmt"
	"slices"
	"sort"
	"strings"
)

// Difference is how what would happen now differs from what was reviewed.
type Difference struct {
	OnlyReviewed []Effect      `json:"only_reviewed,omitempty"`
	OnlyNow      []Effect      `json:"only_now,omitempty"`
	Other        []Change      `json:"other,omitempty"` // with another action or other values
	Inputs       []InputChange `json:"inputs,omitempty"`
	// Note says what the difference cannot tell, and what to run to see it; empty when it
	// tells everything.
	Note string `json:"note,omitempty"`
}

// Change is an effect that is no longer the one that was reviewed.
type Change struct {
	Address  string `json:"address"`
	Reviewed Action `json:"reviewed"`
	Now      Action `json:"now"`
	// Attributes are the names of those that differ, where the review has them.
	Attributes []string `json:"attributes,omitempty"`
	// Object says that the change is about another object under the same address.
	Object bool `json:"object,omitempty"`
}

// Compare finds the difference between what was reviewed and what would happen now,
// which must be observed as the review was (ObserveAs).
func Compare(reviewed, now Record) Difference {
	d := Difference{Note: note(reviewed)}
	if reviewed.Left != LeftEverything {
		d.Inputs = compareInputs(reviewed.Inputs, now.Inputs)
	}
	switch reviewed.Left {
	case LeftEffects, LeftEverything:
		return d
	case LeftAddresses:
		now = now.withoutAddresses().named(now)
	}
	dropped, added := unmatched(reviewed.Effects, now.Effects), unmatched(now.Effects, reviewed.Effects)
	before := map[string][]Effect{}
	for _, effect := range dropped {
		before[effect.Address] = append(before[effect.Address], effect)
	}
	for _, effect := range added {
		old := before[effect.Address]
		if len(old) == 0 || effect.Address == "" {
			d.OnlyNow = append(d.OnlyNow, effect)
			continue
		}
		d.Other = append(d.Other, old[0].changed(effect))
		before[effect.Address] = old[1:]
	}
	for _, left := range before {
		d.OnlyReviewed = append(d.OnlyReviewed, left...)
	}
	slices.SortFunc(d.OnlyReviewed, func(a, b Effect) int { return strings.Compare(a.Address+a.Digest, b.Address+b.Digest) })
	return d
}

// named gives effects without addresses those of the record that they are from.
func (r Record) named(from Record) Record {
	for i := range r.Effects {
		r.Effects[i].Address = from.Effects[i].Address
	}
	return r
}

// note says what a record cannot tell.
func note(r Record) string {
	if r.Left == "" || r.Left == LeftExplanations {
		return ""
	}
	return fmt.Sprintf("The review's comment had no room for %s of its %d effects. To see everything that differs, "+
		"run gitops plan on the reviewed commit and on this one, and compare their plan.txt.", r.Left, r.Of)
}

// unmatched returns the effects that others do not have as well, one for one.
func unmatched(effects, others []Effect) []Effect {
	byDigest := map[string][]Effect{}
	for _, other := range others {
		byDigest[other.Digest] = append(byDigest[other.Digest], other)
	}
	var rest []Effect
	for _, effect := range effects {
		candidates := byDigest[effect.Digest]
		i := slices.IndexFunc(candidates, effect.equal)
		if i < 0 {
			rest = append(rest, effect)
			continue
		}
		byDigest[effect.Digest] = slices.Delete(slices.Clone(candidates), i, i+1)
	}
	return rest
}

// changed describes the change from a reviewed effect to the one of now.
func (e Effect) changed(now Effect) Change {
	c := Change{Address: now.Address, Reviewed: e.Action, Now: now.Action, Object: e.Object != "" && now.Object != "" && e.Object != now.Object}
	if e.Attributes == nil || e.Action != now.Action {
		return c
	}
	names := map[string]bool{}
	for name, digest := range e.Attributes {
		names[name] = names[name] || digest != now.Attributes[name]
	}
	for name, digest := range now.Attributes {
		names[name] = names[name] || digest != e.Attributes[name]
	}
	for _, place := range append(without(e.Unknown, now.Unknown), without(now.Unknown, e.Unknown)...) {
		names[attributeOf(place)] = true
	}
	for name, differs := range names {
		if differs {
			c.Attributes = append(c.Attributes, name)
		}
	}
	sort.Strings(c.Attributes)
	return c
}

// attributeOf is the first part of a path.
func attributeOf(path string) string {
	if end := strings.IndexAny(path, ".[#"); end > 0 {
		return path[:end]
	}
	return path
}

// Empty reports whether there is nothing to tell.
func (d Difference) Empty() bool {
	return len(d.OnlyReviewed)+len(d.OnlyNow)+len(d.Other)+len(d.Inputs) == 0
}

// Lines writes the difference, a line for each effect and input, and why it may be so.
func (d Difference) Lines() []string {
	lines := []string{}
	for _, input := range d.Inputs {
		lines = append(lines, input.line())
	}
	for _, effect := range d.OnlyReviewed {
		lines = append(lines, "reviewed, but not now: "+effect.what())
	}
	for _, effect := range d.OnlyNow {
		lines = append(lines, "now, but not reviewed: "+effect.what())
	}
	for _, change := range d.Other {
		lines = append(lines, change.line())
	}
	if why := d.Why(); why != "" {
		lines = append(lines, why)
	}
	if d.Note != "" {
		lines = append(lines, d.Note)
	}
	return lines
}

func (e Effect) what() string {
	if e.Address == "" {
		return string(e.Action) + " of a resource whose name is not in the comment"
	}
	return string(e.Action) + " " + e.Address
}

func (c Change) line() string {
	switch {
	case c.Reviewed != c.Now:
		return string(c.Now) + " " + c.Address + ", where " + string(c.Reviewed) + " was reviewed"
	case c.Object:
		return string(c.Now) + " " + c.Address + ", which is another object than the reviewed one"
	case len(c.Attributes) > 0:
		return string(c.Now) + " " + c.Address + ", with other values than reviewed of: " + strings.Join(c.Attributes, ", ")
	}
	return string(c.Now) + " " + c.Address + ", with other values than reviewed"
}

// Why says what has led to the difference, as far as it shows.
func (d Difference) Why() string {
	effects := len(d.OnlyReviewed)+len(d.OnlyNow)+len(d.Other) > 0
	switch {
	case len(d.Inputs) > 0 || d.Note != "" && !effects:
		return ""
	case effects:
		return "All inputs are the reviewed ones, so the state, or the cloud behind it, has changed since the review: an apply in between, or a change outside of Terraform."
	}
	return ""
}
