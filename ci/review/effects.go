package review

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Effect is one thing that a plan would do, short enough to be kept with a review
// and compared with what another plan would do.
type Effect struct {
	Address string `json:"a,omitempty"` // of a resource or an action, or "output NAME"
	Action  Action `json:"k"`
	// Digest is a hash of the address and of the values that are known before the apply.
	Digest string `json:"d,omitempty"`
	// Object is a hash of what identifies the object that is there already.
	Object string `json:"o,omitempty"`
	// About is a hash of where it comes from, a move or an import, and of the reason why
	// something is destroyed.
	About string `json:"b,omitempty"`
	// Whole is a short hash of everything about the effect. It only explains.
	Whole string `json:"s,omitempty"`
	// Unknown are the places that are known after apply.
	Unknown []string `json:"u,omitempty"`
	// Hidden are the places that are not shown although Terraform does not mark them
	// sensitive: a secret of the run is in them.
	Hidden []string `json:"h,omitempty"`
	// Attributes are the hashes of the attributes that change, by name.
	Attributes map[string]string `json:"t,omitempty"`
}

// ActionInvoke is an action of a provider that Terraform runs beside its resources.
const ActionInvoke Action = "invoke"

var (
	digestForm    = regexp.MustCompile(`^([A-Za-z0-9+/]{16}|[A-Za-z0-9+/]{43})$`)
	attributeForm = regexp.MustCompile(`^([A-Za-z0-9+/]{6}|[A-Za-z0-9+/]{16})?$`)
)

// valid returns an error for an effect that Observe does not make.
func (e Effect) valid() error {
	_, known := actionRank[e.Action]
	right := (known || e.Action == ActionInvoke) && (e.Digest == "" || digestForm.MatchString(e.Digest)) && (e.Object == "" || digestForm.MatchString(e.Object))
	right = right && (e.About == "" || digestForm.MatchString(e.About)) && attributeForm.MatchString(e.Whole)
	for _, digest := range e.Attributes {
		right = right && attributeForm.MatchString(digest)
	}
	if !right {
		return fmt.Errorf("the effect on %.100q has the action %.100q and the digest %.100q, which no plan has", e.Address, e.Action, e.Digest)
	}
	return nil
}

// explainBytes is how much of a digest is kept where it only explains.
const explainBytes = 6

// effect fills in what a record keeps.
func (o observed) effect() Effect {
	e := o.Effect
	var about []any
	for _, l := range o.leaves {
		if l.place != "" && !slices.Contains(e.Unknown, l.place) {
			e.Unknown = append(e.Unknown, l.place)
		}
		if l.hidden && !l.marked {
			e.Hidden = append(e.Hidden, l.path)
		}
		switch l.path {
		case pathObject:
			e.Object = short(plain(o.bound(l)))
		case pathPrevious, pathImport, pathReason:
			about = append(about, []any{l.path, o.bound(l)})
		}
	}
	if about != nil {
		e.About = short(plain(about))
	}
	e.Whole = plain(o.strict)[:explainBytes]
	e.Digest, e.Attributes = o.known(e.Unknown), o.attributes(e.Unknown)
	return e
}

// known is the hash of the address and of the values outside of places. It leaves out
// what an apply that fails half-way changes: the reason, the object that is replaced, what
// was there before.
func (o observed) known(places []string) string {
	var forms []any
	for _, l := range o.leaves {
		if l.path == pathAddress || !strings.HasPrefix(l.path, "@") && !o.isOld(l) && !within(l.path, places) {
			forms = append(forms, []any{l.path, o.bound(l)})
		}
	}
	return short(plain(forms))
}

// isOld reports whether a leaf is of the object that is replaced.
func (o observed) isOld(l leaf) bool {
	return o.Action == ActionReplace && strings.HasSuffix(l.path, "#before")
}

func within(path string, places []string) bool {
	return slices.ContainsFunc(places, func(place string) bool { return under(path, place) })
}

// attributes are hashes by the name of an attribute. Those of a change decide whether
// a part of it is left to do; the others only explain a difference, and are short.
func (o observed) attributes(places []string) map[string]string {
	forms := map[string][]any{}
	for _, l := range o.leaves {
		if l.name != "" && !within(l.path, places) {
			forms[l.name] = append(forms[l.name], []any{l.path, o.bound(l)})
		}
	}
	if len(forms) == 0 {
		return nil
	}
	digests := map[string]string{}
	for name, form := range forms {
		digests[name] = short(plain(form))
		if o.Action != ActionChange {
			digests[name] = digests[name][:explainBytes]
		}
	}
	return digests
}

func (o observed) compare(other observed) int {
	return slices.Compare([]string{o.Address, o.Digest, o.strict}, []string{other.Address, other.Digest, other.strict})
}

// equal reports whether two effects are one. The digest covers the address, whose
// secrets a comment replaces.
func (e Effect) equal(other Effect) bool {
	return e.Action == other.Action && e.Digest == other.Digest && (e.Object == other.Object || e.Object == "" || other.Object == "") &&
		(e.Whole == other.Whole || e.Whole == "" || other.Whole == "")
}
