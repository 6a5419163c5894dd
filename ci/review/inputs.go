package review

import (
	"slices"
	"strings"
)

// Part is something that decides or runs without showing in a plan's effects, as it
// was read.
type Part struct {
	Kind    string // what it is, such as "file" or "variable"
	Name    string // which one
	Value   string // what may be shown of it, short
	Content string // what is hashed
	Secret  bool   // the hash of Content needs a key
}

// Input is a Part as a record keeps it.
type Input struct {
	Kind   string `json:"k"`
	Name   string `json:"n,omitempty"`
	Value  string `json:"v,omitempty"`
	Digest string `json:"d,omitempty"` // of the content; empty where that is secret and there is no key
}

// The kinds of parts that have a meaning here.
const (
	KindState = "state" // which state it is for
	KindFile  = "file"  // a file that Terraform does not read by itself
)

// noState is the value of a state that does not exist yet.
const noState = "none before the first apply"

// inputs returns the parts with their digests, sorted.
func (h hasher) inputs(e Extra) []Input {
	state := Part{Kind: KindState, Content: e.Lineage, Secret: true}
	if e.Lineage == "" {
		state.Value = noState
	}
	all := []Input{}
	for _, part := range append([]Part{state}, e.Parts...) {
		all = append(all, h.input(part))
	}
	slices.SortFunc(all, Input.compare)
	return slices.Compact(all)
}

func (h hasher) input(p Part) Input {
	in := Input{Kind: p.Kind, Name: p.Name, Value: p.Value}
	switch {
	case p.Content == "":
	case p.Secret:
		in.Digest = h.keyed([]any{p.Kind, p.Name, p.Content})
	default:
		in.Digest = plain([]any{p.Kind, p.Name, p.Content})
	}
	return in
}

func (i Input) compare(j Input) int {
	return slices.Compare([]string{i.Kind, i.Name, i.Value, i.Digest}, []string{j.Kind, j.Name, j.Value, j.Digest})
}

func inputLines(inputs []Input) []string {
	var lines []string
	for _, in := range inputs {
		lines = append(lines, string(encode([]any{in.Kind, in.Name, in.Value, in.Digest})))
	}
	slices.Sort(lines)
	return lines
}

// InputChange is an input that is not the reviewed one. A side that lacks the
// input is nil.
type InputChange struct {
	Kind     string `json:"kind"`
	Name     string `json:"name,omitempty"`
	Reviewed *Input `json:"reviewed,omitempty"`
	Now      *Input `json:"now,omitempty"`
}

// compareInputs finds the inputs that differ, by kind and name.
func compareInputs(reviewed, now []Input) []InputChange {
	type name struct{ kind, name string }
	changes := map[name]*InputChange{}
	of := func(in Input) *InputChange {
		key := name{in.Kind, in.Name}
		if changes[key] == nil {
			changes[key] = &InputChange{Kind: in.Kind, Name: in.Name}
		}
		return changes[key]
	}
	reviewed, now = shortened(reviewed), shortened(now)
	for _, in := range without(reviewed, now) {
		of(in).Reviewed = &in
	}
	for _, in := range without(now, reviewed) {
		of(in).Now = &in
	}
	all := []InputChange{}
	for _, change := range changes {
		all = append(all, *change)
	}
	slices.SortFunc(all, func(a, b InputChange) int {
		return slices.Compare([]string{a.Kind, a.Name}, []string{b.Kind, b.Name})
	})
	return all
}

// shortened is inputs as a record in a comment keeps them.
func shortened(inputs []Input) []Input {
	all := slices.Clone(inputs)
	for i := range all {
		all[i].Digest = short(all[i].Digest)
	}
	return all
}

// Runs begins the kind of a part that says what the configuration runs.
const Runs = "runs "

// HoldsRuns reports whether the inputs that say what runs are exactly parts: what is
// shown of them is what the fingerprint covers. Of a part that is redacted the
// content cannot be compared.
func (r Record) HoldsRuns(parts []Part, redacted func(Part) bool) bool {
	want := map[Input]int{}
	for _, part := range parts {
		in := hasher{}.input(part)
		if redacted(part) {
			in.Digest = ""
		}
		want[in]++
	}
	count := 0
	for _, in := range r.Inputs {
		if !strings.HasPrefix(in.Kind, Runs) {
			continue
		}
		count++
		if want[in] == 0 {
			in.Digest = ""
		}
		if want[in]--; want[in] < 0 {
			return false
		}
	}
	return count == len(parts)
}

// line writes the change, reviewed and now side by side.
func (c InputChange) line() string {
	what := c.Kind
	if c.Name != "" {
		what += " " + c.Name
	}
	switch {
	case c.Reviewed == nil:
		return "other inputs: " + what + " is new" + said(c.Now)
	case c.Now == nil:
		return "other inputs: " + what + " is gone" + said(c.Reviewed)
	case c.Reviewed.Value != c.Now.Value:
		return "other inputs: " + what + ": reviewed " + shownInput(c.Reviewed) + ", now " + shownInput(c.Now)
	}
	return "other inputs: " + what + " has another content"
}

func said(in *Input) string {
	if in.Value == "" {
		return ""
	}
	return ": " + in.Value
}

func shownInput(in *Input) string {
	if in.Value == "" {
		return "another one"
	}
	return in.Value
}

// onRerun reports whether a rerun may differ so from the apply that failed half-way:
// that made the state, and what it lacked may be a file.
func (c InputChange) onRerun() bool {
	switch c.Kind {
	case KindState:
		return c.Reviewed != nil && c.Reviewed.Value == noState
	case KindFile:
		return c.Reviewed == nil
	}
	return false
}

// without returns the elements that others do not have as well, one for one.
func without[T comparable](all, others []T) []T {
	count := map[T]int{}
	for _, one := range others {
		count[one]++
	}
	var rest []T
	for _, one := range all {
		if count[one]--; count[one] < 0 {
			rest = append(rest, one)
		}
	}
	return rest
}
