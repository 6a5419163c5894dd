package review

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"sort"
	"strings"

	tfjson "github.com/hashicorp/terraform-json"
)

// Effect is one thing that a plan would do, short enough to be kept with a review
// and compared with what another plan would do.
type Effect struct {
	Address string `json:"a"` // of a resource, or "output NAME"
	Action  Action `json:"k"`
	// Digest is a hash of address, action and values without those marked sensitive,
	// salted with the state's lineage. It is empty before the first apply, when there
	// is no lineage: a short value could be guessed from a hash without salt.
	Digest string `json:"d"`
}

// digestBytes is how much of a SHA-256 a Digest keeps. It only explains; the
// fingerprint decides.
const digestBytes = 6

// Effects lists what plan would do, sorted by address. A review and the apply after
// it must both give the plan as Terraform made it, as they do for Fingerprint: masks
// depend on the secrets that a run knows, and would make effects differ that are the
// same. An address may hold a known secret, so redact addresses before they are shown.
func Effects(plan *tfjson.Plan, extra Extra) []Effect {
	if plan == nil {
		return nil
	}
	w := canonicalWriter{lineage: extra.Lineage, blind: true}
	var effects []Effect
	for _, rc := range plan.ResourceChanges {
		if rc == nil || rc.Change == nil {
			continue
		}
		if action := resourceAction(rc); action != ActionNone {
			effects = append(effects, Effect{address(rc), action, w.digest(w.resource(rc))})
		}
	}
	for name, change := range plan.OutputChanges {
		if change == nil {
			continue
		}
		if action := changeAction(change.Actions); action != ActionNone {
			effects = append(effects, Effect{"output " + name, action, w.digest([]any{name, w.change(change)})})
		}
	}
	sort.Slice(effects, func(i, j int) bool { return effects[i].before(effects[j]) })
	return effects
}

func (e Effect) before(other Effect) bool {
	if e.Address != other.Address {
		return e.Address < other.Address
	}
	return e.Digest < other.Digest
}

func (w canonicalWriter) digest(form any) string {
	if w.lineage == "" {
		return ""
	}
	return w.hash(form)[:2*digestBytes]
}

var digestForm = regexp.MustCompile(fmt.Sprintf(`^([0-9a-f]{%d})?$`, 2*digestBytes))

// CheckEffects returns an error where effects that were read from a file are none that
// Effects returns.
func CheckEffects(effects []Effect) error {
	for _, effect := range effects {
		if _, known := actionRank[effect.Action]; !known || !digestForm.MatchString(effect.Digest) {
			return fmt.Errorf("the effect on %.100q has the action %.100q and the digest %.100q, which no plan has", effect.Address, effect.Action, effect.Digest)
		}
	}
	return nil
}

// identity is what makes two effects the same. The digest covers the address, whose
// secrets a comment replaces.
func (e Effect) identity() Effect {
	if e.Digest != "" {
		e.Address = ""
	}
	return e
}

// Difference is how what would happen now differs from what was reviewed.
type Difference struct {
	OnlyReviewed []Effect `json:"only_reviewed,omitempty"`
	OnlyNow      []Effect `json:"only_now,omitempty"`
	Other        []Change `json:"other,omitempty"` // with another action or other values
}

// Change is an effect that is no longer the one that was reviewed.
type Change struct {
	Address  string `json:"address"`
	Reviewed Action `json:"reviewed"`
	Now      Action `json:"now"`
}

// Compare finds the difference between the effects of two plans. With none, plans of
// two fingerprints differ in sensitive values, deferred changes, versions of
// providers or modules, the workspace, or the state they are for; before the first
// apply in any value.
func Compare(reviewed, now []Effect) Difference {
	if undigested(reviewed) || undigested(now) {
		reviewed, now = undigest(reviewed), undigest(now)
	}
	dropped, added := without(reviewed, now), without(now, reviewed)
	before := map[string][]Effect{}
	for _, effect := range dropped {
		before[effect.Address] = append(before[effect.Address], effect)
	}
	var d Difference
	for _, effect := range added {
		old := before[effect.Address]
		if len(old) == 0 {
			d.OnlyNow = append(d.OnlyNow, effect)
			continue
		}
		d.Other = append(d.Other, Change{effect.Address, old[0].Action, effect.Action})
		before[effect.Address] = old[1:]
	}
	for _, effect := range dropped {
		if left := before[effect.Address]; len(left) > 0 && left[0] == effect {
			d.OnlyReviewed = append(d.OnlyReviewed, effect)
			before[effect.Address] = left[1:]
		}
	}
	return d
}

// undigested reports whether effects are from before the first apply: then only
// addresses and actions can be compared.
func undigested(effects []Effect) bool {
	return slices.ContainsFunc(effects, func(e Effect) bool { return e.Digest == "" })
}

func undigest(effects []Effect) []Effect {
	bare := slices.Clone(effects)
	for i := range bare {
		bare[i].Digest = ""
	}
	return bare
}

// without returns the effects that others do not have as well, one for one.
func without(effects, others []Effect) []Effect {
	count := map[Effect]int{}
	for _, effect := range others {
		count[effect.identity()]++
	}
	var rest []Effect
	for _, effect := range effects {
		if count[effect.identity()]--; count[effect.identity()] < 0 {
			rest = append(rest, effect)
		}
	}
	return rest
}

// Lines writes the difference, a line for each effect.
func (d Difference) Lines() []string {
	var lines []string
	for _, effect := range d.OnlyReviewed {
		lines = append(lines, "reviewed, but not now: "+string(effect.Action)+" "+effect.Address)
	}
	for _, effect := range d.OnlyNow {
		lines = append(lines, "now, but not reviewed: "+string(effect.Action)+" "+effect.Address)
	}
	for _, change := range d.Other {
		if change.Reviewed == change.Now {
			lines = append(lines, string(change.Now)+" "+change.Address+", with other values than reviewed")
		} else {
			lines = append(lines, string(change.Now)+" "+change.Address+", where "+string(change.Reviewed)+" was reviewed")
		}
	}
	if len(lines) == 0 {
		lines = append(lines, "the same actions; what differs is a sensitive value (before the first apply, any value), a version of a provider or module, the workspace or the state")
	}
	return lines
}

const (
	effectsPrefix = "<!-- gitops:effects "
	// effectsLimit is the most that a comment spends on effects, in bytes. A plan
	// with more of them is reviewed too; its Difference is then empty.
	effectsLimit = 12000
	// effectsSize bounds what is unpacked from a comment, in bytes.
	effectsSize = 1 << 20
)

// effectsMark hides effects in a comment, empty where they are too many. Their
// encoding has no character that could end an HTML comment.
func effectsMark(effects []Effect) string {
	if len(effects) == 0 {
		return ""
	}
	var packed bytes.Buffer
	w := zlib.NewWriter(&packed)
	if err := json.NewEncoder(w).Encode(effects); err != nil || w.Close() != nil {
		return ""
	}
	mark := effectsPrefix + base64.RawStdEncoding.EncodeToString(packed.Bytes()) + " -->\n"
	if len(mark) > effectsLimit {
		return ""
	}
	return mark
}

var effectsLine = regexp.MustCompile(`^<!-- gitops:effects ([A-Za-z0-9+/]+) -->$`)

// ParseEffects finds the effects in the body of a comment that Render made: on its
// third line, which Render alone writes.
func ParseEffects(body string) (effects []Effect, found bool) {
	if _, ours := ParseFingerprint(body); !ours {
		return nil, false
	}
	lines := strings.SplitN(body, "\n", 4)
	if len(lines) < 3 {
		return nil, false
	}
	match := effectsLine.FindStringSubmatch(strings.TrimSuffix(lines[2], "\r"))
	if match == nil {
		return nil, false
	}
	packed, err := base64.RawStdEncoding.DecodeString(match[1])
	if err != nil {
		return nil, false
	}
	reader, err := zlib.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, false
	}
	err = json.NewDecoder(io.LimitReader(reader, effectsSize)).Decode(&effects)
	return effects, err == nil
}
