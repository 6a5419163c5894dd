package review

import (
	"errors"
	"fmt"
	"regexp"
	"slices"

	tfjson "github.com/hashicorp/terraform-json"

	"gitops/ci/progress"
	"gitops/ci/secret"
)

// Fingerprint names exactly what a plan would do, and what decides or runs beside it.
type Fingerprint struct {
	Effects string // 64 digits: what changes
	Inputs  string // 64 digits: files, modules, providers, variables and the like
}

// String writes a fingerprint as one word, sha256:EFFECTS.INPUTS.
func (f Fingerprint) String() string { return "sha256:" + f.Effects + "." + f.Inputs }

var fingerprintForm = regexp.MustCompile(`^sha256:([0-9a-f]{64})\.([0-9a-f]{64})$`)

// ReadFingerprint reads the word that String writes.
func ReadFingerprint(word string) (Fingerprint, error) {
	parts := fingerprintForm.FindStringSubmatch(word)
	if parts == nil {
		return Fingerprint{}, progress.Invalid("%.200q is not a fingerprint: it is one word, sha256: with 64 digits, a dot and 64 digits", word)
	}
	return Fingerprint{parts[1], parts[2]}, nil
}

// IsFingerprint reports whether text is what a Fingerprint writes.
func IsFingerprint(text string) bool { return fingerprintForm.MatchString(text) }

// Extra is what a plan depends on beyond its JSON.
type Extra struct {
	Lineage string       // the state's lineage; empty before the first apply
	Key     secret.Value // the review key; may be empty
	Parts   []Part       // what decides or runs beside the plan
	// Shown is the plan as people may see it. What differs from the plan is hashed with a
	// key; nil shows everything but what Terraform marks sensitive.
	Shown *tfjson.Plan
}

// Observation is a plan with the hashes that bind it.
type Observation struct {
	Record
	Fingerprint Fingerprint
	// Masks are the digests of what the shown plan hides. With them, Recheck makes the
	// same observation from the shown plan.
	Masks map[string]string

	observed []observed // beside Record.Effects
}

// Observe makes the fingerprint of plan, and the record that explains it.
//
// The effects are a hash over the forms of all changes, sorted. A form has what
// changes and no more: of an update the attributes that differ, before and after; of
// a new object all that is known of it; of a destroyed one what identifies it (id,
// identity, else arn and name). An attribute that stays as it is, or that only a refresh of
// Terraform has moved, is in no form, and neither is what was there before in the place of what
// is known after apply.
func Observe(plan *tfjson.Plan, e Extra) Observation {
	h := newHasher(e)
	return observe(plan, e.Shown, h, h.mask, nil, h.inputs(e))
}

// ObserveAs observes plan as it was when reviewed was recorded: with the same key, and
// with the same values in the clear. It returns an error that says why where this run
// cannot, since it has another key.
func ObserveAs(reviewed Record, plan *tfjson.Plan, e Extra) (Observation, error) {
	h, err := e.hasherOf(reviewed)
	if err != nil {
		return Observation{}, err
	}
	return observe(plan, e.Shown, h, h.mask, reviewed.hides(), h.inputs(e)), nil
}

// hasherOf returns the hasher that made a record.
func (e Extra) hasherOf(reviewed Record) (h hasher, err error) {
	switch reviewed.Key {
	case keyOfNobody:
		return hasher{}, nil
	case keyOfReview:
		if e.Key.Empty() {
			return h, errors.New("the review was made with a review key, and this run has none: give it GITOPS_REVIEW_KEY")
		}
		h = hasher{keyOfReview, []byte(e.Key.Reveal())}
	default:
		if e.Lineage == "" {
			return h, errors.New("the review was made with a state, and now there is none: look whether backend and workspace are the reviewed ones")
		}
		h = hasher{keyOfState, []byte(e.Lineage)}
	}
	if h.check() != reviewed.Check {
		return h, fmt.Errorf("the review was made with another %s", map[string]string{
			keyOfReview: "review key: give this run the same GITOPS_REVIEW_KEY", keyOfState: "state: its lineage is not the one of now"}[h.key])
	}
	return h, nil
}

// Recheck makes the observation of a plan that is shown, from what was recorded
// beside it: what the shown plan hides has the recorded digest, everything else is
// hashed anew. So a record cannot say what the plan does not show.
func Recheck(shown *tfjson.Plan, recorded Record, masks map[string]string) (Observation, error) {
	if err := recorded.valid(); err != nil {
		return Observation{}, err
	}
	for _, digest := range masks {
		if digest != "" && !digestForm.MatchString(digest) {
			return Observation{}, fmt.Errorf("the mask %.100q is not a digest", digest)
		}
	}
	h := hasher{key: recorded.Key}
	o := observe(shown, nil, h, func(path string, _ leaf) string { return masks[path] }, nil, recorded.Inputs)
	o.Check = recorded.Check
	return o, nil
}

const (
	effectsForm = "gitops-effects-2"
	inputsForm  = "gitops-inputs-2"
)

func observe(plan, shown *tfjson.Plan, h hasher, mask func(string, leaf) string, hides map[string][]string, inputs []Input) Observation {
	o := Observation{Record: Record{Key: h.key, Inputs: inputs, Of: 0}, Masks: map[string]string{}}
	if h.salt != nil {
		o.Check = h.check()
	}
	if shown == nil {
		shown = plan
	}
	o.observed = observeAll(plan, shown, o.Masks, mask, hides)
	slices.SortFunc(o.observed, func(a, b observed) int { return a.compare(b) })
	var strict []string
	for _, one := range o.observed {
		o.Effects = append(o.Effects, one.Effect)
		strict = append(strict, one.strict)
	}
	slices.Sort(strict)
	o.Of = len(o.Effects)
	o.Fingerprint = Fingerprint{total(effectsForm, strict), total(inputsForm, inputLines(inputs))}
	return o
}
