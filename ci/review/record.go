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
	"strings"
)

// Record explains a fingerprint: what a plan would do, and from which inputs. It is
// hidden in a comment, so that an apply can say what differs from the review, and
// go on with a reviewed plan that failed half-way.
type Record struct {
	Key     string   `json:"key,omitempty"`   // which key its hashes have: review, state, or none
	Check   string   `json:"check,omitempty"` // tells that key apart from others
	Of      int      `json:"of"`              // how many effects there are
	Effects []Effect `json:"effects,omitempty"`
	Inputs  []Input  `json:"inputs,omitempty"`
	// Left says what did not fit into the comment; empty when everything did.
	Left string `json:"left,omitempty"`
}

// What a record may leave out, from the least to the most.
const (
	LeftExplanations = "hashes that name the attributes of new resources"
	LeftAttributes   = "hashes of attributes"
	LeftAddresses    = "addresses and attributes"
	LeftEffects      = "the effects"
	LeftEverything   = "the effects and the inputs"
)

// valid returns an error for a record that Observe does not make.
func (r Record) valid() error {
	if !slices.Contains([]string{keyOfNobody, keyOfReview, keyOfState}, r.Key) || len(r.Check) > 8 {
		return fmt.Errorf("the record has the key %.40q, which no plan has", r.Key)
	}
	for _, effect := range r.Effects {
		if err := effect.valid(); err != nil {
			return err
		}
	}
	for _, in := range r.Inputs {
		if in.Digest != "" && !digestForm.MatchString(in.Digest) {
			return fmt.Errorf("the input %.100q has the digest %.100q, which none has", in.Name, in.Digest)
		}
	}
	return nil
}

// hides returns what was hidden in the review by address, as far as it is recorded.
func (r Record) hides() map[string][]string {
	hides := map[string][]string{}
	for _, effect := range r.Effects {
		if effect.Address != "" {
			hides[effect.Address] = append(hides[effect.Address], effect.Hidden...)
		}
	}
	return hides
}

const (
	recordPrefix = "<!-- gitops:record "
	// recordLimit is the most that a comment spends on its record, in bytes.
	recordLimit = 14000
	// recordSize bounds what is unpacked from a comment, in bytes.
	recordSize = 1 << 20
)

// recordMark hides a record in a comment. What does not fit is left out, the least
// important first, and the record says so. The encoding has no character that could
// end an HTML comment.
func recordMark(r Record) string {
	r.Inputs = shortened(r.Inputs)
	steps := []func(Record) Record{
		func(r Record) Record { return r }, Record.withoutExplanations, Record.withoutAttributes,
		Record.withoutAddresses, Record.withoutEffects, Record.withoutInputs,
	}
	if len(r.Effects)*digestBytes > recordLimit {
		steps = steps[4:] // digests cannot be packed any smaller
	}
	for _, reduce := range steps {
		packed, err := pack(reduce(r))
		if mark := recordPrefix + packed + " -->\n"; err == nil && len(mark) <= recordLimit {
			return mark
		}
	}
	return ""
}

func (r Record) each(change func(Effect) Effect, left string) Record {
	effects := make([]Effect, len(r.Effects))
	for i, effect := range r.Effects {
		effects[i] = change(effect)
	}
	r.Effects, r.Left = effects, left
	return r
}

func (r Record) withoutExplanations() Record {
	return r.each(func(e Effect) Effect {
		if e.Action != ActionChange {
			e.Attributes = nil
		}
		return e
	}, LeftExplanations)
}

func (r Record) withoutAttributes() Record {
	return r.each(func(e Effect) Effect { e.Attributes, e.Whole = nil, ""; return e }, LeftAttributes)
}

func (r Record) withoutAddresses() Record {
	return r.each(func(e Effect) Effect { return Effect{Action: e.Action, Digest: e.Digest} }, LeftAddresses)
}

func (r Record) withoutEffects() Record {
	r.Effects, r.Left = nil, LeftEffects
	return r
}

func (r Record) withoutInputs() Record {
	r = r.withoutEffects()
	r.Inputs, r.Left = nil, LeftEverything
	return r
}

func pack(r Record) (string, error) {
	var packed bytes.Buffer
	w := zlib.NewWriter(&packed)
	if err := json.NewEncoder(w).Encode(r); err != nil {
		return "", err
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	return base64.RawStdEncoding.EncodeToString(packed.Bytes()), nil
}

var recordLine = regexp.MustCompile(`^<!-- gitops:record ([A-Za-z0-9+/]+) -->$`)

// RecordLine returns the third line of the body of a comment, which has the record.
func RecordLine(body string) string {
	lines := strings.SplitN(body, "\n", 4)
	if len(lines) < 3 {
		return ""
	}
	return strings.TrimSuffix(lines[2], "\r")
}

// ParseRecord finds the record in the body of a comment that Render made: on its
// third line, which Render alone writes.
func ParseRecord(body string) (r Record, found bool) {
	if _, ours := ParseFingerprint(body); !ours {
		return Record{}, false
	}
	match := recordLine.FindStringSubmatch(RecordLine(body))
	if match == nil {
		return Record{}, false
	}
	packed, err := base64.RawStdEncoding.DecodeString(match[1])
	if err != nil {
		return Record{}, false
	}
	reader, err := zlib.NewReader(bytes.NewReader(packed))
	if err != nil {
		return Record{}, false
	}
	if json.NewDecoder(io.LimitReader(reader, recordSize)).Decode(&r) != nil || r.valid() != nil {
		return Record{}, false
	}
	return r, true
}

// Clean returns the record without what redact replaces in the texts that are packed:
// nobody could do it later.
func (r Record) Clean(redact func(string) string) Record {
	r = r.each(func(e Effect) Effect {
		e.Address = redact(e.Address)
		e.Unknown, e.Hidden = cleaned(e.Unknown, redact), cleaned(e.Hidden, redact)
		return e
	}, r.Left)
	inputs := slices.Clone(r.Inputs)
	for i := range inputs {
		inputs[i].Name, inputs[i].Value = redact(inputs[i].Name), redact(inputs[i].Value)
	}
	r.Inputs = inputs
	return r
}

func cleaned(texts []string, redact func(string) string) []string {
	clean := slices.Clone(texts)
	for i := range clean {
		clean[i] = redact(clean[i])
	}
	return clean
}
