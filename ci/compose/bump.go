package compose

import (
	"context"
	"maps"
	"slices"
	"strings"

	"gitops/ci/manifest"
	"gitops/ci/progress"
)

// Texts are a manifest and its file of values. Values is nil when there is no such
// file.
type Texts struct{ Manifest, Values []byte }

// BumpOptions are manifest.Options and the name of the file of values in errors.
type BumpOptions struct {
	manifest.Options
	ValuesFile string
}

// Bump is manifest.Bump for images of which the file of values sets the tag: there it
// changes the value of that variable. No image of another service may change by that.
// Errors about the input are progress.Invalid, and repeat no value of the file.
func Bump(t Texts, images map[string]string, o BumpOptions) (Texts, []manifest.Change, error) {
	if t.Values == nil {
		text, changes, err := manifest.Bump(t.Manifest, images, o.Options)
		return Texts{Manifest: text}, changes, err
	}
	b, err := newBump(t, o)
	if err != nil {
		return t, nil, err
	}
	written := maps.Clone(images) // into the manifest
	for _, service := range sortedKeys(images) {
		set, err := b.set(service, images[service])
		if err != nil {
			return t, nil, err
		}
		if set {
			delete(written, service)
		}
	}
	result := Texts{t.Manifest, b.after.text}
	if len(written) > 0 || len(images) == 0 {
		text, changes, err := manifest.Bump(t.Manifest, written, o.Options)
		if err != nil {
			return t, nil, err
		}
		result.Manifest, b.changes = text, append(b.changes, changes...)
	}
	slices.SortFunc(b.changes, func(x, y manifest.Change) int { return strings.Compare(x.Service, y.Service) })
	return result, b.changes, b.check(result.Manifest, images)
}

// bump is one Bump.
type bump struct {
	o        BumpOptions
	document *manifest.Document
	before   *Values
	after    *Values
	by       map[string]string // services, by the variable that was set for them
	changes  []manifest.Change
}

func newBump(t Texts, o BumpOptions) (*bump, error) {
	if o.File == "" {
		o.File = "manifest"
	}
	document, err := manifest.Parse(t.Manifest, o.File)
	if err != nil {
		return nil, err
	}
	values, err := ReadValues(t.Values, o.ValuesFile)
	if err != nil {
		return nil, err
	}
	return &bump{o: o, document: document, before: values, after: values, by: map[string]string{}}, nil
}

// set brings ref into the file of values, if that sets the tag of the service's image.
func (b *bump) set(service, ref string) (bool, error) {
	image, where, err := b.document.Image(service)
	if err != nil || !strings.Contains(image, "$") {
		return false, nil //nolint:nilerr // the edit of the manifest says what is wrong
	}
	name := tagVariable(image)
	if _, ok := b.before.Lookup(name); !ok {
		return false, b.unset(service, image, where, name)
	}
	if ref, err = manifest.FinalRef(ref, b.o.Pin); err != nil {
		return false, progress.Invalid("%s: image of service %q: %w", where, service, err)
	}
	before, ok := beforeTag(image, name, b.before.Lookup)
	if !ok {
		return false, progress.Invalid("%s: image of service %q is %s: %s has to set every variable before the tag", where, service, image, b.o.ValuesFile)
	}
	value, ok := strings.CutPrefix(ref, before)
	if !ok || value == "" {
		return false, progress.Invalid("%s: image of service %q is %s: %s sets its tag alone, and the new ref has another name or no tag",
			where, service, image, b.o.ValuesFile)
	}
	return true, b.assign(service, where, name, value, manifest.Change{Service: service, Old: b.running(image), New: ref})
}

// unset is the error for an image whose tag the file does not set; nil when the
// manifest may be changed instead.
func (b *bump) unset(service, image, where, name string) error {
	switch {
	case b.o.Force:
		return nil
	case name == "":
		return progress.Invalid("%s: image of service %q is %s: its tag is not one variable, as in name:${TAG}, so %s cannot set it; "+
			"write it so, or replace it with --force", where, service, image, b.o.ValuesFile)
	}
	return progress.Invalid("%s: image of service %q is %s: %s does not set %s; write its first value there by hand, or replace the image with --force",
		where, service, image, b.o.ValuesFile, name)
}

// running returns the image that the values before name, or as it is written.
func (b *bump) running(image string) string {
	if ref, ok := Expand(image, b.before.Lookup); ok {
		return ref
	}
	return image
}

// assign gives a variable the value that a service asks for.
func (b *bump) assign(service, where, name, value string, change manifest.Change) error {
	now, _ := b.after.Lookup(name)
	if other := b.by[name]; other != "" && now != value {
		return progress.Invalid("%s: services %q and %q share %s, and ask for different values: give each its own variable, "+
			"or, where only the digests differ, write the tag alone with --no-pin", where, other, service, name)
	}
	b.by[name] = service
	after, line, column, err := b.after.with(name, value)
	if err != nil {
		return err
	}
	b.after = after
	if change.Old != change.New {
		change.File, change.Line, change.Column = b.o.ValuesFile, line, column
		b.changes = append(b.changes, change)
	}
	return nil
}

// check compares what every service runs before and after: those that were asked for
// their refs, all the others what they ran before.
func (b *bump) check(text []byte, images map[string]string) error {
	after, err := manifest.Parse(text, b.o.File)
	if err != nil {
		return err
	}
	old, now := b.document.Images(), after.Images()
	for _, service := range sortedKeys(now) {
		image, where, _ := after.Image(service)
		ref, isAsked := images[service]
		if !isAsked {
			if likely(old[service], b.before.Lookup) != likely(image, b.after.Lookup) {
				return progress.Invalid("%s: image of service %q is %s, and a variable in it is set for another service: "+
					"ask for a ref for both, or give each its own variable", where, service, image)
			}
			continue
		}
		want, _ := manifest.FinalRef(ref, b.o.Pin)
		if got, ok := Expand(image, b.after.Lookup); !ok || got != want {
			return progress.Invalid("%s: image of service %q is %s, and a variable before its tag is set for another service: "+
				"give each its own variable", where, service, image)
		}
	}
	return nil
}

// BumpFiles is Bump on the files at the paths of a manifest and, if it is not empty, of
// its values. manifest.EditFiles says how they are written.
func BumpFiles(ctx context.Context, path, values string, images map[string]string, o BumpOptions) ([]manifest.Change, error) {
	paths := []string{path}
	if values != "" {
		paths = append(paths, values)
	}
	return manifest.EditFiles(ctx, paths, func(texts [][]byte) ([][]byte, []manifest.Change, error) {
		t := Texts{Manifest: texts[0]}
		if values != "" {
			t.Values = append([]byte{}, texts[1]...)
		}
		after, changes, err := Bump(t, images, o)
		return [][]byte{after.Manifest, after.Values}, changes, err
	})
}
