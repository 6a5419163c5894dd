package secret

import (
	"io"
	"sync"
	"sync/atomic"
)

// Redactor replaces known secrets in text, in every form in which programs write
// them (see forms). Nil and the zero value know no secret. All methods are safe
// for concurrent use.
type Redactor struct {
	known atomic.Pointer[index]

	mu        sync.Mutex
	values    []string
	has       map[string]bool // what values holds
	masks     io.Writer       // gets a mask for each value; nil gets none
	announced map[string]bool // the lines that masks got
}

// NewRedactor returns a Redactor for values.
func NewRedactor(values ...Value) *Redactor {
	r := &Redactor{}
	r.Add(values...)
	return r
}

// Add makes the redactor know further values. Text that a Writer still holds back
// is searched for them too. A nil redactor stays without any.
func (r *Redactor) Add(values ...Value) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	before := len(r.values)
	for _, value := range values {
		if value.Empty() || r.has[value.text] {
			continue
		}
		if r.has == nil {
			r.has = map[string]bool{}
		}
		r.has[value.text] = true
		r.values = append(r.values, value.text)
	}
	if len(r.values) > before {
		r.known.Store(newIndex(r.values))
		r.announce()
	}
}

// With adds values and returns the redactor; a new one in place of nil.
func (r *Redactor) With(values ...Value) *Redactor {
	if r == nil {
		return NewRedactor(values...)
	}
	r.Add(values...)
	return r
}

// index returns what is looked for now; nil when nothing is.
func (r *Redactor) index() *index {
	if r == nil {
		return nil
	}
	return r.known.Load()
}

// Redact returns text with every known secret replaced by Redacted.
func (r *Redactor) Redact(text string) string {
	x := r.index()
	if x == nil {
		return text
	}
	safe, _ := x.redact(nil, []byte(text), 0, true)
	return string(safe)
}
