package manifest

import (
	"bytes"
	"fmt"
	"sort"

	"gitops/ci/progress"
)

// Options says how Bump treats what it finds. The zero value is the careful
// choice.
type Options struct {
	// File is the manifest's name in errors; "manifest" when empty.
	File string
	// Force replaces images that contain a variable such as ${TAG:-latest},
	// which are refused otherwise.
	Force bool
	// Pin says how refs are written: with their digest (true, and a ref without
	// one is refused), as the tag alone (false), or as they are given (nil).
	Pin *bool
}

func (o Options) file() string {
	if o.File == "" {
		return "manifest"
	}
	return o.File
}

// Change is one service whose image was replaced.
type Change struct {
	Service string `json:"service"`
	Old     string `json:"old"`
	New     string `json:"new"`
	// Line and Column say where the image stands, both from 1; columns count
	// characters.
	Line   int `json:"line"`
	Column int `json:"column"`
	// File is the file of values in which a variable of the image was set; empty when
	// the manifest was changed.
	File string `json:"file,omitempty"`
}

// String returns the change the way people read it.
func (c Change) String() string { return fmt.Sprintf("%s: %s → %s", c.Service, c.Old, c.New) }

// Bump returns original with the images of the named services replaced, and
// what it replaced in order of the services' names. When every service runs
// its image already, it returns original itself and no change. All errors
// about the input are progress.Invalid and name file, line and column.
func Bump(original []byte, images map[string]string, o Options) ([]byte, []Change, error) {
	m, err := Parse(original, o.file())
	if err != nil {
		return nil, nil, err
	}
	edits, changes, err := m.plan(images, o)
	if err != nil {
		return nil, nil, err
	}
	if len(edits) == 0 {
		return original, nil, nil
	}
	rewritten := splice(original, edits)
	if err := m.verify(rewritten, edits); err != nil {
		return nil, nil, err
	}
	return rewritten, changes, nil
}

// edit replaces the bytes of one scalar.
type edit struct {
	site       *site
	start, end int
	text, ref  string
}

// plan turns the asked images into edits; images that are there already need none.
func (m *Document) plan(images map[string]string, o Options) ([]edit, []Change, error) {
	if len(images) == 0 {
		return nil, nil, progress.Invalid("%s: no image was asked for: name at least one SERVICE=REF", m.file)
	}
	var edits []edit
	var changes []Change
	planned := map[*site]bool{}
	for _, service := range sortedKeys(images) {
		s, ref, err := m.target(service, images, o)
		if err != nil {
			return nil, nil, err
		}
		if s.ref() == ref {
			continue
		}
		tok, err := m.token(s.node)
		if err != nil {
			return nil, nil, err
		}
		changes = append(changes, Change{Service: service, Old: s.ref(), New: ref, Line: tok.line, Column: tok.column})
		if !planned[s] {
			planned[s] = true
			edits = append(edits, edit{s, tok.start, tok.end, tok.render(ref), ref})
		}
	}
	sort.Slice(edits, func(i, j int) bool { return edits[i].start < edits[j].start })
	return edits, changes, nil
}

// target returns the scalar that gives service its image and the ref to write
// there, or why it must stay.
func (m *Document) target(service string, images map[string]string, o Options) (*site, string, error) {
	s, err := m.imageOf(service)
	if err != nil {
		return nil, "", err
	}
	ref, err := FinalRef(images[service], o.Pin)
	if err != nil {
		return nil, "", m.invalid(s.node, "image of service %q: %v", service, err)
	}
	if err := m.replaceable(s, service, o.Force); err != nil {
		return nil, "", err
	}
	return s, ref, m.unshared(s, service, images, o)
}

// unshared refuses a scalar that also reaches places which did not ask for the
// same ref: through an anchor, a merge key or extends.
func (m *Document) unshared(s *site, service string, images map[string]string, o Options) error {
	for _, use := range m.uses(s) {
		if use.service == "" {
			return m.invalid(s.node, "image of service %q is also used at %s (%s): "+
				"give the service its own image", service, m.where(use.node), use.path)
		}
		asked, ok := images[use.service]
		if !ok {
			return m.invalid(s.node, "image of service %q is shared with service %q: "+
				"ask for the same ref for both, or give each its own image", service, use.service)
		}
		mine, _ := FinalRef(images[service], o.Pin)
		if theirs, err := FinalRef(asked, o.Pin); err != nil || theirs != mine {
			return m.invalid(s.node, "services %q and %q share one image but ask for %s and %s: "+
				"ask for the same ref for both, or give each its own image", service, use.service, images[service], asked)
		}
	}
	return nil
}

// splice puts the edits, which are in order and apart, into original.
func splice(original []byte, edits []edit) []byte {
	var out bytes.Buffer
	at := 0
	for _, e := range edits {
		out.Write(original[at:e.start])
		out.WriteString(e.text)
		at = e.end
	}
	out.Write(original[at:])
	return out.Bytes()
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}
