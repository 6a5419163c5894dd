package compose

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"gitops/ci/progress"
)

// Values is a file of NAME=value lines in the repository, which sets variables of the
// manifest for a release as for a deploy. Nil sets none.
type Values struct {
	file string
	text []byte
	set  map[string]string
}

// ReadValues reads the text of a file of values, which errors call file. It reads
// what Docker Compose reads, but nothing of this process's environment: a release does
// not depend on where it runs. Errors are progress.Invalid, name file and line, and
// repeat nothing of what the file says.
func ReadValues(text []byte, file string) (*Values, error) {
	none := func(string) (string, bool) { return "", false }
	set, cause := parseEnvironment(text, none)
	if cause != "" {
		return nil, progress.Invalid("%s:%d: %s", file, badLine(text, none), cause)
	}
	return &Values{file, text, set}, nil
}

// Lookup returns the value of a variable, and whether the file sets it.
func (v *Values) Lookup(name string) (string, bool) {
	if v == nil {
		return "", false
	}
	value, ok := v.set[name]
	return value, ok
}

// with returns the values with another one for a variable, and where it stands. No
// other byte and no other variable changes; what cannot be shown to do that is
// refused.
func (v *Values) with(name, value string) (changed *Values, line, column int, err error) {
	start, end, err := v.find(name)
	if err != nil {
		return nil, 0, 0, err
	}
	text := string(v.text[:start]) + value + string(v.text[end:])
	line, column = v.position(start)
	changed, err = ReadValues([]byte(text), v.file)
	if err != nil || !v.differsIn(changed, name) || changed.set[name] != value {
		return nil, 0, 0, progress.Invalid("%s:%d: another value of %s would change more than this variable: "+
			"set it in a line for itself, and let no other value in the file use it", v.file, line, name)
	}
	return changed, line, column, nil
}

// differsIn reports whether other has the variables of v, and the values of all but
// one.
func (v *Values) differsIn(other *Values, name string) bool {
	for key, value := range v.set {
		if now, ok := other.set[key]; !ok || now != value && key != name {
			return false
		}
	}
	return len(v.set) == len(other.set)
}

// assignment matches a line that sets a variable, up to its value.
func assignment(name string) string {
	return `(?m)^\x{FEFF}?[ \t]*(?:export[ \t]+)?` + regexp.QuoteMeta(name) + `[ \t]*[=:][ \t]*`
}

// plainValue matches the rest of such a line: a value without variables and escapes,
// in quotes or without, and a comment.
const plainValue = `(?:"([^"\\$\r\n]*)"|'([^'\\\r\n]*)'|([^\s"'#$][^\s$]*|))[ \t]*(?:[ \t]#[^\n]*)?\r?$`

// find returns where in the text the value of a variable stands, without its quotes.
func (v *Values) find(name string) (start, end int, err error) {
	all := regexp.MustCompile(assignment(name)).FindAllIndex(v.text, -1)
	found := regexp.MustCompile(assignment(name) + plainValue).FindSubmatchIndex(v.text)
	switch {
	case len(all) == 0:
		return 0, 0, progress.Invalid("%s: it has no line %s=value: write its first value by hand", v.file, name)
	case len(all) > 1:
		first, _ := v.position(all[0][0])
		last, _ := v.position(all[len(all)-1][0])
		return 0, 0, progress.Invalid("%s:%d: %s is set here and in line %d: leave one", v.file, first, name, last)
	case found == nil:
		line, _ := v.position(all[0][0])
		return 0, 0, progress.Invalid("%s:%d: the value of %s is not plain: write %s=value on one line, without variables and escapes", v.file, line, name, name)
	}
	for group := 2; group < len(found); group += 2 {
		if found[group] >= 0 {
			return found[group], found[group+1], nil
		}
	}
	return 0, 0, progress.Invalid("%s: %s has no value", v.file, name)
}

// position returns line and column, both from 1, of a place in the text.
func (v *Values) position(at int) (line, column int) {
	before := string(v.text[:at])
	begin := strings.LastIndexByte(before, '\n') + 1
	return strings.Count(before, "\n") + 1, utf8.RuneCountInString(before[begin:]) + 1
}
